//! Furnishing an account at one stroke, for the demo and for tests. No page leads here.

use vestibule_domain::application::{Host, Rules};
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, ApplicationId, DataKeyId, FactorId, SessionId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::password::{Password, PasswordHash};
use vestibule_domain::totp::TotpSecret;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{NewApplication, NewSession, NewUser, PendingEnrolment};

use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// A user who is there from the start.
pub struct Furnished<'a> {
    /// The address.
    pub email: &'a Email,
    /// The display name.
    pub name: &'a Name,
    /// The role.
    pub role: Role,
    /// The password.
    pub password: &'a str,
    /// Whether MFA is on from the start.
    pub with_factor: bool,
}

impl Vestibule {
    /// Creates an account without any user.
    pub async fn furnish_account(&self, name: &Name) -> Result<AccountId, FlowError> {
        let now = self.clock.now();
        let id = AccountId::new(now, &self.randomness);
        let mut tx = self.store.write().await?;
        tx.insert_account(id, name, now).await?;
        tx.void_setup_links().await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Adds an active user, and answers the key of the factor that was asked for.
    pub async fn furnish_user(
        &self,
        account: AccountId,
        user: &Furnished<'_>,
    ) -> Result<(UserId, Option<TotpSecret>), FlowError> {
        let now = self.clock.now();
        let id = UserId::new(now, &self.randomness);
        let (password, cost) = (Password::typed(user.password), self.settings.hash_cost);
        let salt = self.randomness.bytes();
        let hash = self
            .hashing
            .run(&Visitor::default(), move |memory| {
                PasswordHash::new(&password, salt, cost, memory)
            })
            .await??;
        let mut tx = self.store.write().await?;
        let new = NewUser {
            id,
            account,
            email: user.email,
            name: user.name,
            role: user.role,
            state: MembershipState::Active,
            password: Some(hash.to_phc()),
        };
        let _fresh = tx.insert_user(&new, now).await?;
        tx.commit().await?;
        let secret =
            if user.with_factor { Some(self.furnish_factor(account, id).await?) } else { None };
        Ok((id, secret))
    }

    /// Adds an application behind the gate.
    pub async fn furnish_application(
        &self,
        name: &Name,
        host: &Host,
        rules: Rules,
    ) -> Result<ApplicationId, FlowError> {
        let now = self.clock.now();
        let id = ApplicationId::new(now, &self.randomness);
        let mut tx = self.store.write().await?;
        let new = NewApplication { id, name, host, rules, configured: false };
        let _fresh = tx.insert_application(&new, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Gives a user a factor, by the same statements as an enrolment.
    async fn furnish_factor(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<TotpSecret, FlowError> {
        let now = self.clock.now();
        let secret = TotpSecret::new(&self.randomness);
        let factor = FactorId::new(now, &self.randomness);
        let session = SessionId::new(now, &self.randomness);
        let key = self.keys.newest(&self.store).await?;
        let data_key: DataKeyId = key.id();
        let sealed = key.seal_totp(secret.expose_bytes(), factor, user, &self.randomness)?;
        let expires = now.plus(std::time::Duration::from_mins(1));
        let token = vestibule_domain::token::Token::new(&self.randomness);
        let mut tx = self.store.write().await?;
        let new = NewSession {
            id: session,
            user,
            token: &token.hash(),
            epoch: Epoch(1),
            browser: "",
            address: "",
            recovering: false,
        };
        tx.insert_session(&new, now).await?;
        let pending =
            PendingEnrolment { factor, session, user, epoch: Epoch(1), sealed, data_key, expires };
        let name = Name::parse("Authenticator app").unwrap_or_else(|_| unreachable!("a name"));
        let _inserted = tx.insert_pending_enrolment(&pending, now).await?;
        let _confirmed = tx.confirm_enrolment(&pending, account, &name, true, now).await?;
        let _ended = tx.end_session(user, session).await?;
        tx.commit().await?;
        Ok(secret)
    }
}
