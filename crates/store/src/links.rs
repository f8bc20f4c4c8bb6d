//! Links: taken once, by one conditional write.

use vestibule_domain::id::{LinkId, UserId};
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;
use vestibule_domain::user::Epoch;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// A link that can be taken.
#[derive(Clone, Debug)]
pub struct LinkRecord {
    /// Which one.
    pub id: LinkId,
    /// Whose it is, and the epoch it dies with; `None` for the set-up link.
    pub user: Option<(UserId, Epoch)>,
    /// When it ends.
    pub expires: Timestamp,
    /// What it may do, if it is one of `vestibule recover`.
    pub recovers: Option<Recovers>,
}

/// A link to be made.
pub struct NewLink<'a> {
    /// The new identifier.
    pub id: LinkId,
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// What the token in its path hashes to.
    pub token: &'a TokenHash,
    /// Whose it is, and the epoch it dies with; `None` for the set-up link.
    pub user: Option<(UserId, Epoch)>,
    /// What it may do, if it is one of `vestibule recover`.
    pub recovers: Option<Recovers>,
}

impl Reading {
    /// The link of this token and purpose, if it can still be taken: not taken, not expired, and
    /// its user's epoch the one it was made under.
    pub async fn live_link(
        &mut self,
        purpose: LinkPurpose,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<LinkRecord>, StoreError> {
        let row = self
            .row(
                "SELECT l.id, l.user_id, l.epoch, l.expires_at, l.recovers
                 FROM links l LEFT JOIN users u ON u.id = l.user_id
                 WHERE l.token_hash = $1 AND l.purpose = $2 AND l.taken_at IS NULL
                   AND l.expires_at > $3 AND (l.user_id IS NULL OR l.epoch = u.epoch)",
                values![token.as_bytes(), purpose.as_str(), now],
            )
            .await?;
        row.map(|row| {
            let user = match (row.maybe_text("user_id")?, row.maybe_int("epoch")?) {
                (Some(user), Some(epoch)) => {
                    let user = user.parse().map_err(|_| StoreError::Unreadable("user_id"))?;
                    Some((user, Epoch(epoch)))
                }
                _ => None,
            };
            let recovers = row.maybe_text("recovers")?.map(|text| text.parse()).transpose();
            Ok(LinkRecord {
                id: row.parsed("id")?,
                user,
                expires: row.time("expires_at")?,
                recovers: recovers.map_err(|_| StoreError::Unreadable("recovers"))?,
            })
        })
        .transpose()
    }

    /// When the live link of this purpose for this user ends.
    pub async fn link_of_user(
        &mut self,
        purpose: LinkPurpose,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = self
            .row(
                "SELECT l.expires_at FROM links l JOIN users u ON u.id = l.user_id
                 WHERE l.user_id = $1 AND l.purpose = $2 AND l.taken_at IS NULL
                   AND l.expires_at > $3 AND l.epoch = u.epoch
                 ORDER BY l.expires_at DESC LIMIT 1",
                values![user, purpose.as_str(), now],
            )
            .await?;
        row.map(|row| row.time("expires_at")).transpose()
    }
}

impl Writing {
    /// Makes a link and, where its purpose says so, voids every older one of it for the same user,
    /// or, for the set-up link, every older one.
    pub async fn make_link(
        &mut self,
        new: &NewLink<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let purpose = new.purpose.as_str();
        let expires = now.plus(new.purpose.lifetime());
        let (user, epoch) =
            new.user.map_or((None, None), |(user, epoch)| (Some(user.to_string()), Some(epoch.0)));
        if new.purpose.voids_older() {
            let older = "DELETE FROM links WHERE purpose = $1 AND user_id = $2";
            self.change(older, values![purpose, user.clone()]).await?;
        }
        // Of the links of no user there is one: a unique index says so, and the newest stays.
        self.change(
            "INSERT INTO links (id, purpose, token_hash, user_id, epoch, created_at, expires_at,
                                taken_at, recovers)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8)
             ON CONFLICT (purpose) WHERE user_id IS NULL DO UPDATE
             SET id = excluded.id, token_hash = excluded.token_hash,
                 created_at = excluded.created_at, expires_at = excluded.expires_at,
                 taken_at = NULL",
            values![
                new.id,
                purpose,
                new.token.as_bytes(),
                user,
                epoch,
                now,
                expires,
                new.recovers.map(|recovers| recovers.as_str().to_owned()),
            ],
        )
        .await?;
        Ok(expires)
    }

    /// Takes a link; `false` when somebody was faster or it has expired. Its epoch is guarded by
    /// the bump that every act of a user's link makes.
    pub async fn take_link(&mut self, link: LinkId, now: Timestamp) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE links SET taken_at = $1
             WHERE id = $2 AND /*guard link-once*/ taken_at IS NULL /*end*/
               AND /*guard link-in-time*/ expires_at > $1 /*end*/",
            values![now, link],
        )
        .await
    }

    /// Voids every set-up link: an account exists.
    pub async fn void_setup_links(&mut self) -> Result<(), StoreError> {
        self.change("DELETE FROM links WHERE purpose = 'setup' AND taken_at IS NULL", vec![])
            .await
            .map(drop)
    }
}
