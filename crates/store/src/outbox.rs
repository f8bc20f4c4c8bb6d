//! The outbox: mails that wait to be sent, each claimed by one conditional write before it is.

use std::time::Duration;

use vestibule_domain::id::{DataKeyId, MailId, UserId};
use vestibule_domain::mail::CLAIM;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// How far ahead of this node's clock another's may be.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// A mail to be stored.
pub struct NewMail<'a> {
    /// The new identifier.
    pub id: MailId,
    /// To whom; `None` where an address was typed that may be nobody's.
    pub user: Option<UserId>,
    /// What it says, sealed.
    pub sealed: &'a [u8],
    /// Under which key.
    pub data_key: DataKeyId,
}

/// A mail that waits.
#[derive(Clone, Debug)]
pub struct WaitingMail {
    /// Which one.
    pub id: MailId,
    /// To whom.
    pub user: Option<UserId>,
    /// What it says, sealed.
    pub sealed: Vec<u8>,
    /// Under which key.
    pub data_key: DataKeyId,
    /// When it was written.
    pub made: Timestamp,
    /// How many attempts there were.
    pub attempts: i64,
}

impl WaitingMail {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let user = row.maybe_text("user_id")?.map(|user| user.parse()).transpose();
        Ok(Self {
            id: row.parsed("id")?,
            user: user.map_err(|_| StoreError::Unreadable("user_id"))?,
            sealed: row.bytes("sealed")?,
            data_key: row.parsed("data_key_id")?,
            made: row.time("made_at")?,
            attempts: row.int("attempts")?,
        })
    }
}

impl Reading {
    /// The mail whose turn it is: of those that may be tried now, the one that waited longest. What
    /// strangers asked for comes after what users are told.
    pub async fn due_mail(&mut self, now: Timestamp) -> Result<Option<WaitingMail>, StoreError> {
        let row = self
            .row(
                "SELECT id, user_id, sealed, data_key_id, made_at, attempts FROM outbox
                 WHERE tried_at + pause <= $1 OR tried_at > $2
                 ORDER BY CASE WHEN user_id IS NULL THEN 1 ELSE 0 END, tried_at, id LIMIT 1",
                values![now, now.plus(CLOCK_TOLERANCE)],
            )
            .await?;
        row.as_ref().map(WaitingMail::read).transpose()
    }

    /// How many mails wait that somebody asked for who may be nobody; counts no further than `most`.
    pub async fn count_mails_to_nobody(&mut self, most: i64) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS n
                   FROM (SELECT id FROM outbox WHERE user_id IS NULL LIMIT $1) waiting";
        self.number(sql, values![most]).await
    }

    /// How many mails wait.
    pub async fn count_mails(&mut self) -> Result<i64, StoreError> {
        self.number("SELECT COUNT(*) AS n FROM outbox", vec![]).await
    }
}

impl Writing {
    /// Stores a mail. Whoever sends is woken when this transaction has been committed.
    pub async fn insert_mail(
        &mut self,
        new: &NewMail<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let user = new.user.map(|user| user.to_string());
        self.change(
            "INSERT INTO outbox (id, user_id, sealed, data_key_id, made_at, attempts, tried_at,
                                 pause)
             VALUES ($1, $2, $3, $4, $5, 0, $5, 0)",
            values![new.id, user, new.sealed, new.data_key, now],
        )
        .await?;
        self.wake_sender();
        Ok(())
    }

    /// Claims a mail for one attempt; `false` when another node did. Comes before sending, in a
    /// transaction that is committed first.
    pub async fn claim_mail(
        &mut self,
        mail: &WaitingMail,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE outbox SET attempts = attempts + 1, tried_at = $1, pause = $2
             WHERE id = $3 AND /*guard mail-claimed-once*/ attempts = $4 /*end*/",
            values![now, millis(CLAIM), mail.id, mail.attempts],
        )
        .await
    }

    /// Puts a mail back after a failed attempt; `false` when the attempt is no longer the latest.
    pub async fn put_mail_back(
        &mut self,
        mail: MailId,
        attempt: i64,
        pause: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE outbox SET tried_at = $1, pause = $2
             WHERE id = $3 AND /*guard mail-of-the-attempt*/ attempts = $4 /*end*/",
            values![now, millis(pause), mail, attempt],
        )
        .await
    }

    /// Removes a mail that is sent or given up.
    pub async fn remove_mail(&mut self, mail: MailId) -> Result<bool, StoreError> {
        self.change_one("DELETE FROM outbox WHERE id = $1 /*no guard: by its key*/", values![mail])
            .await
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
