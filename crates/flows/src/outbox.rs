//! Mail: what is written in the transaction of an act, and what becomes of it when it is sent.
//!
//! A mail is claimed by one write before it is sent and removed after: it goes out twice only if
//! the process ends between the mail server's "accepted" and that removal. Who is written to, and
//! whether the mail still has a purpose, is looked up when it is sent. SMTP is not known here.

use serde::{Deserialize, Serialize};
use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::email::Email;
use vestibule_domain::id::{MailId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::mail::{ATTEMPTS, pause_after};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::MembershipState;
use vestibule_store::{NewMail, UserRecord, WaitingMail, Writing};
use zeroize::Zeroizing;

use crate::error::FlowError;
use crate::invitations::MadeLink;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// What a mail is about.
pub enum Letter {
    /// What a user is told.
    Notice(Notice),
    /// The link of an invitation.
    Invitation(Token),
    /// A link for a new password, which somebody asked for.
    NewPassword(Token),
    /// A link that confirms a new address.
    ConfirmAddress(Token),
}

/// A mail that is claimed for one attempt and has to be sent now.
pub struct OutgoingMail {
    /// Names it for ever, so that a mail program shows it once even if it came twice.
    pub id: MailId,
    attempt: i64,
    /// Whose login it is about.
    pub user: UserId,
    /// The address.
    pub to: String,
    /// The name of the user.
    pub name: String,
    /// The name of the user's account.
    pub account: String,
    /// What it says.
    pub letter: Letter,
    /// When it happened.
    pub at: Timestamp,
    /// From which network address; empty for the host's command line.
    pub address: String,
    /// What the browser called itself.
    pub browser: String,
    /// What it is about.
    pub detail: String,
    account_id: vestibule_domain::id::AccountId,
}

/// What there is to send.
pub enum NextMail {
    /// Nothing now.
    None,
    /// A mail was looked at and is not to be sent: another node has it, or nobody wants it any more.
    Skipped,
    /// This one.
    Mail(Box<OutgoingMail>),
}

/// How a mail stands in the outbox, sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredLetter {
    what: What,
    at: i64,
    address: String,
    browser: String,
    detail: String,
}

#[derive(Serialize, Deserialize)]
enum What {
    /// `to` is set where it goes to another address than the user has by then.
    Notice {
        notice: String,
        to: Option<String>,
    },
    Invitation {
        token: String,
    },
    /// The address is one that somebody typed. Whose it is, is looked up when it is sent, so that
    /// the request does the same work for every address.
    Forgotten {
        email: String,
    },
    ConfirmAddress {
        token: String,
        to: String,
    },
}

impl StoredLetter {
    fn of(what: What, from: &Visitor, detail: &str, at: Timestamp) -> Self {
        Self {
            what,
            at: at.millis(),
            address: from.address.clone(),
            browser: from.browser.clone(),
            detail: detail.to_owned(),
        }
    }

    pub(crate) fn notice(notice: Notice, from: &Visitor, detail: &str, at: Timestamp) -> Self {
        let what = What::Notice { notice: notice.as_str().to_owned(), to: None };
        Self::of(what, from, detail, at)
    }

    /// The same to this address, whichever the user has when it is sent.
    pub(crate) fn sent_to(mut self, address: &str) -> Self {
        if let What::Notice { to, .. } = &mut self.what {
            *to = Some(address.to_owned());
        }
        self
    }

    pub(crate) fn invitation(link: &MadeLink) -> Self {
        let what = What::Invitation { token: link.token.expose() };
        Self::of(what, &Visitor::default(), "", link.expires)
    }

    pub(crate) fn forgotten(email: &Email, from: &Visitor, at: Timestamp) -> Self {
        Self::of(What::Forgotten { email: email.to_string() }, from, "", at)
    }

    pub(crate) fn confirm_address(
        to: &Email,
        token: &Token,
        from: &Visitor,
        at: Timestamp,
    ) -> Self {
        let what = What::ConfirmAddress { token: token.expose(), to: to.to_string() };
        Self::of(what, from, to.as_str(), at)
    }
}

/// To whom a mail goes, and what it says.
struct Addressed {
    user: UserRecord,
    to: String,
    letter: Letter,
}

impl Vestibule {
    /// Writes a mail in the transaction of the act that it is about; nothing where there is no
    /// mail server.
    pub(crate) async fn post(
        &self,
        tx: &mut Writing,
        user: Option<UserId>,
        letter: &StoredLetter,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        if !self.settings.mail {
            return Ok(());
        }
        let id = MailId::new(now, &self.randomness);
        let text = Zeroizing::new(serde_json::to_vec(letter).map_err(|_| FlowError::Letter)?);
        let key = self.keys.newest_within(tx).await?;
        let sealed = key.seal_mail(&text, id, user, &self.randomness)?;
        tx.insert_mail(&NewMail { id, user, sealed: &sealed, data_key: key.id() }, now).await?;
        Ok(())
    }

    /// Resolves once this process has written a mail. What other processes write is found by
    /// looking now and then.
    pub async fn mail_written(&self) {
        self.store.mail_written().await;
    }

    /// Claims the mail whose turn it is for one attempt.
    pub async fn next_mail(&self) -> Result<NextMail, FlowError> {
        let now = self.clock.now();
        let Some(waiting) = self.store.read().await?.due_mail(now).await? else {
            return Ok(NextMail::None);
        };
        let letter = self.open_letter(&waiting).await?;
        let mut tx = self.store.write().await?;
        if !tx.claim_mail(&waiting, now).await? {
            return Ok(NextMail::Skipped);
        }
        let Some(stored) = letter else {
            // Nobody can ever read it, and it must not stand in the way of others.
            let event = given_up(waiting.user, None, "unreadable");
            tx.remove_mail(waiting.id).await?;
            self.audit(&mut tx, event, now).await?;
            tx.commit().await?;
            return Ok(NextMail::Skipped);
        };
        let addressed = self.address(&mut tx, &waiting, &stored, now).await?;
        let Some(Addressed { user, to, letter }) = addressed else {
            tx.remove_mail(waiting.id).await?;
            tx.commit().await?;
            return Ok(NextMail::Skipped);
        };
        let account = tx.account(user.account).await?;
        tx.commit().await?;
        Ok(NextMail::Mail(Box::new(OutgoingMail {
            id: waiting.id,
            attempt: waiting.attempts + 1,
            user: user.id,
            to,
            name: user.name,
            account: account.map(|account| account.name).unwrap_or_default(),
            letter,
            at: Timestamp::from_millis(stored.at),
            address: stored.address,
            browser: stored.browser,
            detail: stored.detail,
            account_id: user.account,
        })))
    }

    /// `None` for what nobody can read.
    async fn open_letter(&self, waiting: &WaitingMail) -> Result<Option<StoredLetter>, FlowError> {
        let key = self.keys.find(&self.store, waiting.data_key).await?;
        let text = key.open_mail(&waiting.sealed, waiting.id, waiting.user).ok();
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// Finds out whom a mail goes to; `None` when it has no purpose any more.
    async fn address(
        &self,
        tx: &mut Writing,
        waiting: &WaitingMail,
        stored: &StoredLetter,
        now: Timestamp,
    ) -> Result<Option<Addressed>, FlowError> {
        if let What::Forgotten { email } = &stored.what {
            let from = Visitor {
                address: stored.address.clone(),
                browser: stored.browser.clone(),
                token: None,
            };
            return self.make_forgotten_link(tx, waiting.made, email, &from, now).await;
        }
        let Some(user) = waiting.user else { return Ok(None) };
        let Some(user) = tx.user(user).await? else { return Ok(None) };
        let (to, letter) = match &stored.what {
            What::Notice { notice, to } => {
                let Ok(notice) = notice.parse() else { return Ok(None) };
                (to.clone().unwrap_or_else(|| user.email.clone()), Letter::Notice(notice))
            }
            What::Invitation { token } => {
                let purpose = LinkPurpose::Invitation;
                let Some(token) = live_token(tx, purpose, token, now).await? else {
                    return Ok(None);
                };
                (user.email.clone(), Letter::Invitation(token))
            }
            What::ConfirmAddress { token, to } => {
                let live = live_token(tx, LinkPurpose::Address, token, now).await?;
                let (Some(token), Ok(email)) = (live, Email::parse(to)) else { return Ok(None) };
                // Who asked is not told: it would say who has a login here.
                if tx.is_address_taken(user.id, &email).await? {
                    return Ok(None);
                }
                (to.clone(), Letter::ConfirmAddress(token))
            }
            What::Forgotten { .. } => return Ok(None),
        };
        Ok(Some(Addressed { user, to, letter }))
    }

    /// Makes the link of a mail that somebody asked for, if there is an active user with this
    /// address. It voids no other, for a stranger may have asked; whichever is used ends them all.
    async fn make_forgotten_link(
        &self,
        tx: &mut Writing,
        asked: Timestamp,
        email: &str,
        from: &Visitor,
        now: Timestamp,
    ) -> Result<Option<Addressed>, FlowError> {
        let purpose = LinkPurpose::Forgotten;
        // Who asked an hour ago has found another way, or asks again.
        let is_late = asked.age_at(now).is_some_and(|age| age > purpose.lifetime());
        let Some(email) = Email::parse(email).ok().filter(|_| !is_late) else { return Ok(None) };
        let Some(known) = tx.password_of(&email).await? else { return Ok(None) };
        tx.hold_user(known.user.id).await?;
        let Some(user) = tx.user(known.user.id).await? else { return Ok(None) };
        if user.standing.state != MembershipState::Active || !user.has_password {
            return Ok(None);
        }
        let whose = (user.id, user.standing.epoch);
        let link = self.link_for(tx, purpose, whose, (&user.name, &user.email), None, now).await?;
        self.audit(tx, from.event_about(AuditKind::PasswordLinkMailed, &user), now).await?;
        let letter = Letter::NewPassword(link.token);
        Ok(Some(Addressed { to: user.email.clone(), user, letter }))
    }

    /// Notes that the mail server has taken a mail.
    pub async fn mail_sent(&self, mail: &OutgoingMail) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        let _unless_removed = tx.remove_mail(mail.id).await?;
        Ok(tx.commit().await?)
    }

    /// Puts a mail back that could not be sent now; answers whether it is tried again.
    pub async fn mail_failed(&self, mail: &OutgoingMail) -> Result<bool, FlowError> {
        if mail.attempt >= ATTEMPTS {
            self.give_up_mail(mail, "no answer for a day").await?;
            return Ok(false);
        }
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let pause = pause_after(mail.attempt);
        let _unless_claimed = tx.put_mail_back(mail.id, mail.attempt, pause, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives a mail up that the mail server will never take. `why` must not hold the address.
    pub async fn give_up_mail(&self, mail: &OutgoingMail, why: &str) -> Result<(), FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if tx.remove_mail(mail.id).await? {
            let detail = format!("{}: {why}", mail.letter.as_str());
            let event = given_up(Some(mail.user), Some(mail.account_id), &detail);
            self.audit(&mut tx, event, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many mails wait.
    pub async fn count_mails(&self) -> Result<i64, FlowError> {
        Ok(self.store.read().await?.count_mails().await?)
    }
}

impl Letter {
    /// What it is, for logs and the audit trail.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Notice(notice) => notice.as_str(),
            Self::Invitation(_) => "invitation",
            Self::NewPassword(_) => "new password",
            Self::ConfirmAddress(_) => "confirm address",
        }
    }
}

async fn live_token(
    tx: &mut Writing,
    purpose: LinkPurpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Token>, FlowError> {
    let Some(token) = Token::parse(token) else { return Ok(None) };
    Ok(tx.live_link(purpose, &token.hash(), now).await?.map(|_| token))
}

fn given_up(
    user: Option<UserId>,
    account: Option<vestibule_domain::id::AccountId>,
    detail: &str,
) -> AuditEvent {
    let mut event = Visitor::default().event(AuditKind::MailGivenUp);
    event.user = user;
    event.account = account;
    detail.clone_into(&mut event.detail);
    event
}
