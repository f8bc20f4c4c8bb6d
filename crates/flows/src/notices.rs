//! Telling users what they may not have done themselves.

use vestibule_domain::id::{AccountId, NoticeId, UserId};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;
use vestibule_store::{NewNotice, NoticeRecord, Writing};

use crate::authority::SignedIn;
use crate::error::FlowError;
use crate::outbox::StoredLetter;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// How many notices a page shows.
const SHOWN: i64 = 20;

impl Vestibule {
    /// Tells a user, in the transaction of the act: on the dashboard, and by mail where there is mail. `detail` says what it is about (a factor's name,
    /// a user's address) and is never a secret.
    pub(crate) async fn tell(
        &self,
        tx: &mut Writing,
        user: UserId,
        notice: Notice,
        from: &Visitor,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        let new = NewNotice {
            id: NoticeId::new(now, &self.randomness),
            user,
            notice,
            address: &from.address,
            browser: &from.browser,
            detail,
        };
        // Mailed once where it is told once.
        if tx.insert_notice(&new, now).await? {
            let mut letter = StoredLetter::notice(notice, from, detail, now);
            // To the address of now: whoever takes the login over and then changes the address does
            // not get what waits.
            if let Some(known) = tx.user(user).await? {
                letter = letter.sent_to(&known.email);
            }
            self.post(tx, Some(user), &letter, now).await?;
        }
        Ok(())
    }

    /// Tells every active Admin of an account.
    pub(crate) async fn tell_admins(
        &self,
        tx: &mut Writing,
        account: AccountId,
        notice: Notice,
        from: &Visitor,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        for admin in tx.active_admins(account).await? {
            self.tell(tx, admin, notice, from, detail, now).await?;
        }
        Ok(())
    }

    /// What the user was told and has not dismissed, the latest first.
    pub async fn notices(&self, who: &SignedIn) -> Result<Vec<NoticeRecord>, FlowError> {
        Ok(self.store.read().await?.notices(who.record().user, SHOWN).await?)
    }

    /// Dismisses one; `false` when it does not stand any more, or is another user's.
    pub async fn dismiss_notice(
        &self,
        who: &SignedIn,
        notice: NoticeId,
    ) -> Result<bool, FlowError> {
        let mut tx = self.store.write().await?;
        let dismissed = tx.dismiss_notice(who.record().user, notice, self.clock.now()).await?;
        tx.commit().await?;
        Ok(dismissed)
    }
}
