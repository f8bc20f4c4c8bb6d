//! Changes of address: what a link confirms, and the write that makes it so.

use vestibule_domain::email::Email;
use vestibule_domain::id::{LinkId, UserId};

use crate::changes::Subject;
use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

impl Reading {
    /// The address that a link confirms.
    pub async fn address_of_link(&mut self, link: LinkId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT email FROM address_changes WHERE link_id = $1";
        self.row(sql, values![link]).await?.map(|row| row.text("email")).transpose()
    }

    /// Whether an address is another user's, or looks like one that is.
    pub async fn is_address_taken(
        &mut self,
        user: UserId,
        email: &Email,
    ) -> Result<bool, StoreError> {
        let taken = self
            .number(
                "SELECT COUNT(*) AS n FROM users
                 WHERE id <> $1 AND (email = $2 OR ($3 = TRUE AND email_skeleton = $4))",
                values![user, email.as_str(), email.may_be_look_alike(), email.skeleton(),],
            )
            .await?;
        Ok(taken > 0)
    }
}

impl Writing {
    /// Notes which address a link confirms.
    pub async fn insert_address_change(
        &mut self,
        link: LinkId,
        email: &Email,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO address_changes (link_id, email) VALUES ($1, $2)";
        self.change(sql, values![link, email.as_str()]).await.map(drop)
    }

    /// Gives a user whose epoch this transaction has bumped another address; `false` when it is
    /// taken, or looks like one that is. Then the transaction must not go on.
    pub async fn set_email(&mut self, user: UserId, email: &Email) -> Result<bool, StoreError> {
        if self.is_address_taken(user, email).await? {
            return Ok(false);
        }
        self.touch(Subject::User(user));
        let changed = self
            .change_one(
                "UPDATE users SET email = $1, email_skeleton = $2, look_alike_key = $3
                 WHERE id = $4 /*no guard: the epoch was bumped before*/",
                values![
                    email.as_str(),
                    email.skeleton(),
                    email.may_be_look_alike().then(|| email.skeleton()),
                    user,
                ],
            )
            .await;
        match changed {
            Ok(changed) => {
                let sql = "UPDATE memberships SET email_key = $1 WHERE user_id = $2";
                self.change(sql, values![email.as_str(), user]).await?;
                Ok(changed)
            }
            // Somebody was faster: the constraints say so, not the look before.
            Err(error) if error.is_taken() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
