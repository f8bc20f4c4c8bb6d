//! Accounts as the host's command line and the pages before the sign-in see them.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::name::Name;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::NewUser;

use crate::error::FlowError;
use crate::invitations::MadeLink;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

impl Vestibule {
    /// The name of the one account; `None` where there is none or several.
    pub async fn only_account_name(&self) -> Result<Option<String>, FlowError> {
        let mut accounts = self.store.read().await?.first_accounts().await?;
        Ok(if accounts.len() == 1 { accounts.pop().map(|account| account.name) } else { None })
    }

    /// The account of this name or identifier. `None` where there is none, or several: then the
    /// identifier has to say which.
    pub async fn account_called(&self, text: &str) -> Result<Option<AccountId>, FlowError> {
        let mut db = self.store.read().await?;
        if let Ok(id) = text.parse::<AccountId>() {
            return Ok(db.account(id).await?.map(|account| account.id));
        }
        let accounts = db.accounts_named(text).await?;
        Ok(if accounts.len() == 1 { accounts.first().map(|account| account.id) } else { None })
    }

    /// Creates an account and invites its first Admin; `None` where the address is taken.
    pub async fn create_account(
        &self,
        account: &Name,
        admin: &Email,
    ) -> Result<Option<MadeLink>, FlowError> {
        let now = self.clock.now();
        let account_id = AccountId::new(now, &self.randomness);
        let user = UserId::new(now, &self.randomness);
        // The Admin says the real name when accepting the invitation.
        let name = Name::parse(admin.local_part()).unwrap_or_else(|_| account.clone());
        let mut tx = self.store.write().await?;
        // First: whoever takes a set-up link at this moment is before or after, not beside.
        tx.void_setup_links().await?;
        tx.insert_account(account_id, account, now).await?;
        let new = NewUser {
            id: user,
            account: account_id,
            email: admin,
            name: &name,
            role: Role::Admin,
            state: MembershipState::Invited,
            password: None,
        };
        if !tx.insert_user(&new, now).await? {
            return Ok(None);
        }
        let purpose = LinkPurpose::Invitation;
        let link = self
            .link_for(
                &mut tx,
                purpose,
                (user, Epoch(1)),
                (name.as_str(), admin.as_str()),
                None,
                now,
            )
            .await?;
        let mut event = Visitor::default().event(AuditKind::AccountCreated);
        event.account = Some(account_id);
        event.user = Some(user);
        event.detail = account.to_string();
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Some(link))
    }
}
