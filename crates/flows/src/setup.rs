//! The first account: its link, and the page behind it.

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::email::{Email, EmailError};
use vestibule_domain::id::{AccountId, LinkId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::name::{Name, NameError};
use vestibule_domain::password::PasswordError;
use vestibule_domain::token::Token;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{NewLink, NewUser};

use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// What the set-up page is sent with.
pub struct Setup<'a> {
    /// The account's name.
    pub account: &'a str,
    /// The Admin's name.
    pub name: &'a str,
    /// The Admin's address.
    pub email: &'a str,
    /// The Admin's password.
    pub password: &'a str,
}

/// What cannot be used of it, each field for itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SetupErrors {
    /// The account's name.
    pub account: Option<NameError>,
    /// The Admin's name.
    pub name: Option<NameError>,
    /// The Admin's address.
    pub email: Option<EmailError>,
    /// The Admin's password.
    pub password: Option<PasswordError>,
}

/// Why the set-up did not happen.
pub enum SetupRefused {
    /// Used, too old, or an account exists.
    Gone,
    /// Fields to mend.
    Fields(SetupErrors),
}

impl Vestibule {
    /// On an empty database, makes the set-up link; the one of an earlier start is void.
    pub async fn make_setup_link(&self) -> Result<Option<Token>, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if !tx.first_accounts().await?.is_empty() {
            return Ok(None);
        }
        let token = Token::new(&self.randomness);
        let new = NewLink {
            id: LinkId::new(now, &self.randomness),
            purpose: LinkPurpose::Setup,
            token: &token.hash(),
            user: None,
            recovers: None,
        };
        tx.make_link(&new, now).await?;
        tx.commit().await?;
        Ok(Some(token))
    }

    /// Whether this set-up link can still be used.
    pub async fn is_setup_link(&self, token: &Token) -> Result<bool, FlowError> {
        let mut db = self.store.read().await?;
        let link = db.live_link(LinkPurpose::Setup, &token.hash(), self.clock.now()).await?;
        Ok(link.is_some() && db.first_accounts().await?.is_empty())
    }

    /// Creates the first account and its Admin, and begins the Admin's session.
    pub async fn set_up(
        &self,
        from: &Visitor,
        token: &Token,
        setup: &Setup<'_>,
    ) -> Result<Result<Token, SetupRefused>, FlowError> {
        let now = self.clock.now();
        let hash = token.hash();
        let found = self.store.read().await?.live_link(LinkPurpose::Setup, &hash, now).await?;
        let Some(link) = found else { return Ok(Err(SetupRefused::Gone)) };
        let (account, name, email, password) = match self.check_setup(from, setup).await? {
            Ok(checked) => checked,
            Err(errors) => return Ok(Err(SetupRefused::Fields(errors))),
        };
        let mut tx = self.store.write().await?;
        if !tx.take_link(link.id, now).await? || !tx.first_accounts().await?.is_empty() {
            return Ok(Err(SetupRefused::Gone));
        }
        let account_id = AccountId::new(now, &self.randomness);
        let user = UserId::new(now, &self.randomness);
        tx.insert_account(account_id, &account, now).await?;
        let new = NewUser {
            id: user,
            account: account_id,
            email: &email,
            name: &name,
            role: Role::Admin,
            state: MembershipState::Active,
            password: Some(password),
        };
        if !tx.insert_user(&new, now).await? {
            return Ok(Err(SetupRefused::Gone));
        }
        let (session, id) = self.begin_session(&mut tx, from, user, Epoch(1), false, now).await?;
        let event = AuditEvent {
            account: Some(account_id),
            actor: Some(user),
            user: Some(user),
            session: Some(id),
            detail: account.to_string(),
            ..from.event(AuditKind::AccountCreated)
        };
        self.audit(&mut tx, event, now).await?;
        self.note_complete_sign_in(&mut tx, from, &session).await?;
        tx.commit().await?;
        Ok(Ok(session))
    }

    async fn check_setup(
        &self,
        from: &Visitor,
        setup: &Setup<'_>,
    ) -> Result<Result<(Name, Name, Email, String), SetupErrors>, FlowError> {
        let (account, name) = (Name::parse(setup.account), Name::parse(setup.name));
        let email = Email::parse(setup.email);
        // The password is checked even where the address is not good, so that all is said at once.
        let against = email.clone().or_else(|_| Email::parse("nobody@localhost"));
        let password = match &against {
            Ok(email) => {
                let names = vec![setup.name.to_owned(), setup.account.to_owned()];
                self.new_password_hash(from, setup.password, email, names).await?
            }
            Err(_) => Err(PasswordError::Guessable),
        };
        Ok(match (account, name, email, password) {
            (Ok(account), Ok(name), Ok(email), Ok(hash)) => Ok((account, name, email, hash)),
            (account, name, email, password) => Err(SetupErrors {
                account: account.err(),
                name: name.err(),
                email: email.err(),
                password: password.err(),
            }),
        })
    }
}
