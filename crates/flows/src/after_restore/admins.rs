//! No account without an able Admin: where none is left, a link of the host's brings one in.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::UserId;
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::time::Timestamp;
use vestibule_store::{AccountRecord, Writing};

use super::report::{AfterRestore, WayIn};
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

impl Vestibule {
    pub(super) async fn keep_a_way_in(
        &self,
        tx: &mut Writing,
        done: &mut AfterRestore,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        done.fallen.sort_unstable();
        let mut after = String::new();
        loop {
            let accounts = tx.accounts_after(&after).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = last.id.to_string();
            for account in accounts {
                self.keep_a_way_into(tx, account, done, now).await?;
            }
        }
    }

    async fn keep_a_way_into(
        &self,
        tx: &mut Writing,
        account: AccountRecord,
        done: &mut AfterRestore,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        let nobody = UserId::new(now, &self.randomness);
        if tx.able_admins_besides(account.id, nobody, account.policy).await? > 0 {
            return Ok(());
        }
        let nearest = tx.nearest_admin(account.id).await?;
        let brought_back = nearest.is_none();
        let fallen = done.fallen.iter().find(|fallen| fallen.account == account.id);
        let Some(user) = nearest.or(fallen.map(|fallen| fallen.user)) else {
            done.without_admin.push(account.name);
            return Ok(());
        };
        if brought_back {
            tx.bring_back_admin(user).await?;
        }
        let Some(user) = tx.user(user).await? else { return Ok(()) };
        let whose = (user.id, user.standing.epoch);
        let (purpose, names) = (LinkPurpose::Recover, (&*user.name, &*user.email));
        let recovers = Some(Recovers::Everything);
        let link = self.link_for(tx, purpose, whose, names, recovers, now).await?;
        let event = Visitor::default().event_about(AuditKind::RecoverLinkMade, &user);
        self.audit(tx, event, now).await?;
        done.ways_in.push(WayIn { account: account.name, link, brought_back });
        Ok(())
    }
}
