//! Notices: rows that stand until their user dismisses them.

use std::time::Duration;

use vestibule_domain::id::{AccountId, NoticeId, UserId};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

const ONCE_OVER: Duration = Duration::from_hours(24);

/// A notice to be stored.
pub struct NewNotice<'a> {
    /// The new identifier.
    pub id: NoticeId,
    /// Who is told.
    pub user: UserId,
    /// What.
    pub notice: Notice,
    /// From which address it came; empty for the host's command line.
    pub address: &'a str,
    /// What the browser called itself.
    pub browser: &'a str,
    /// What it is about. Never a secret.
    pub detail: &'a str,
}

/// A notice that stands.
#[derive(Clone, Debug)]
pub struct NoticeRecord {
    /// Which one.
    pub id: NoticeId,
    /// What is told.
    pub notice: Notice,
    /// When it happened.
    pub at: Timestamp,
    /// From which address.
    pub address: String,
    /// What the browser called itself.
    pub browser: String,
    /// What it is about.
    pub detail: String,
}

impl Reading {
    /// The notices that a user has not dismissed, the latest first, at most `limit`.
    pub async fn notices(
        &mut self,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        let rows = self
            .rows(
                "SELECT id, kind, at, address, browser, detail FROM notices
                 WHERE user_id = $1 AND dismissed_at IS NULL ORDER BY at DESC, id DESC LIMIT $2",
                values![user, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(NoticeRecord {
                    id: row.parsed("id")?,
                    notice: row.parsed("kind")?,
                    at: row.time("at")?,
                    address: row.text("address")?,
                    browser: row.text("browser")?,
                    detail: row.text("detail")?,
                })
            })
            .collect()
    }

    /// The active Admins of an account, who are told what concerns it.
    pub async fn active_admins(&mut self, account: AccountId) -> Result<Vec<UserId>, StoreError> {
        let rows = self
            .rows(
                "SELECT user_id FROM memberships
                 WHERE account_id = $1 AND state = 'active' AND role = 'Admin'
                 ORDER BY user_id LIMIT 1000",
                values![account],
            )
            .await?;
        rows.iter().map(|row| row.parsed("user_id")).collect()
    }
}

impl Writing {
    /// Stores a notice; `false` when the same was told today already.
    pub async fn insert_notice(
        &mut self,
        new: &NewNotice<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let once = new.notice.is_once_a_day().then(|| {
            let day = now.millis().div_euclid(ONCE_OVER.as_millis().try_into().unwrap_or(1));
            format!("{}/{}/{}/{day}", new.user, new.notice.as_str(), new.detail)
        });
        self.change_one(
            "INSERT INTO notices (id, user_id, kind, at, address, browser, detail, dismissed_at,
                                  once_key)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8)
             ON CONFLICT (once_key) DO NOTHING /*no guard: the constraint decides*/",
            values![
                new.id,
                new.user,
                new.notice.as_str(),
                now,
                new.address,
                new.browser,
                new.detail,
                once,
            ],
        )
        .await
    }

    /// Dismisses a notice of this user; `false` when there is none such that stands.
    pub async fn dismiss_notice(
        &mut self,
        user: UserId,
        notice: NoticeId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE notices SET dismissed_at = $1
             WHERE id = $2 AND /*guard dismiss-own-notice*/ user_id = $3 /*end*/
               AND dismissed_at IS NULL",
            values![now, notice, user],
        )
        .await
    }
}
