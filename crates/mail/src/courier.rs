//! The courier: takes mail after mail out of the outbox and hands each to the mail server.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use tokio::time::sleep;
use url::Url;
use vestibule_flows::outbox::{NextMail, OutgoingMail};
use vestibule_flows::{FlowError, Vestibule};

use crate::letter::Content;
use crate::smtp::{NotSent, Smtp};

/// How often the outbox is looked at for what other processes wrote, and what has come due.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is tried to note that a mail was sent: it must not be sent again.
const NOTES: u32 = 20;
const BETWEEN_NOTES: Duration = Duration::from_secs(1);

/// Sends what is in the outbox. One a process; those of several nodes share the work.
pub struct Courier {
    vestibule: Vestibule,
    smtp: Smtp,
    public_url: Url,
    /// Whether the server could not be used when it was last tried: that is logged once.
    is_away: bool,
}

/// What came of one look into the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to send.
    Idle,
    /// A mail was dealt with: sent, put back for later, given up, or no longer wanted.
    Done,
    /// The mail server cannot be used now; the mail waits.
    ServerAway,
}

impl Courier {
    /// Links are built on this public address alone.
    pub fn new(vestibule: Vestibule, smtp: Smtp, public_url: Url) -> Self {
        Self { vestibule, smtp, public_url, is_away: false }
    }

    /// Sends until `stop` resolves; the mail that is being sent then is finished.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let came = match self.step().await {
                Ok(came) => came,
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read and is tried again");
                    Step::ServerAway
                }
            };
            let vestibule = self.vestibule.clone();
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = std::future::ready(()), if came == Step::Done => {}
                () = vestibule.mail_written(), if came == Step::Idle => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Deals with the mail whose turn it is.
    pub async fn step(&mut self) -> Result<Step, FlowError> {
        let mail = match self.vestibule.next_mail().await? {
            NextMail::None => return Ok(Step::Idle),
            NextMail::Skipped => return Ok(Step::Done),
            NextMail::Mail(mail) => mail,
        };
        let (user, what) = (mail.user, mail.letter.as_str());
        let Some(message) = self.message(&mail) else {
            tracing::warn!(%user, what, "a mail was given up: its address cannot be written to");
            self.vestibule.give_up_mail(&mail, "not an address").await?;
            return Ok(Step::Done);
        };
        match self.smtp.send(message.envelope(), &message.formatted()).await {
            Ok(()) => {
                self.note_sent(&mail).await?;
                if std::mem::take(&mut self.is_away) {
                    tracing::info!(server = self.smtp.shown(), "mail is sent again");
                }
                tracing::debug!(%user, what, "a mail was sent");
                Ok(Step::Done)
            }
            Err(NotSent::Never(why)) => {
                tracing::warn!(%user, what, why, "a mail was refused for good");
                self.vestibule.give_up_mail(&mail, &why).await?;
                Ok(Step::Done)
            }
            Err(NotSent::Later(why)) => {
                tracing::debug!(%user, what, why, "a mail was put off by the server");
                self.put_back(&mail).await?;
                Ok(Step::Done)
            }
            Err(NotSent::Server(why)) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(
                        server = self.smtp.shown(),
                        why,
                        "mail cannot be sent now; it waits and is tried again"
                    );
                }
                self.put_back(&mail).await?;
                Ok(Step::ServerAway)
            }
        }
    }

    async fn put_back(&self, mail: &OutgoingMail) -> Result<(), FlowError> {
        if !self.vestibule.mail_failed(mail).await? {
            let (user, what) = (mail.user, mail.letter.as_str());
            tracing::warn!(%user, what, "a mail was given up: it could not be sent for a day");
        }
        Ok(())
    }

    /// The server has it: from here on only the database can make us send it twice.
    async fn note_sent(&self, mail: &OutgoingMail) -> Result<(), FlowError> {
        for _ in 1..NOTES {
            match self.vestibule.mail_sent(mail).await {
                Err(error) if error.is_passing() => sleep(BETWEEN_NOTES).await,
                other => return other,
            }
        }
        self.vestibule.mail_sent(mail).await
    }

    /// The mail as it travels; `None` where the address is none that mail knows.
    fn message(&self, mail: &OutgoingMail) -> Option<Message> {
        let content = Content::of(mail, &self.public_url);
        let to = Mailbox::new(Some(mail.name.clone()), mail.to.parse().ok()?);
        let host = self.public_url.host_str().unwrap_or("localhost");
        let since_1970 = Duration::from_secs(self.vestibule.now().unix_seconds());
        Message::builder()
            .from(self.smtp.from.clone())
            .to(to)
            .subject(content.subject.clone())
            .date(SystemTime::UNIX_EPOCH + since_1970)
            // The same at every attempt: a mail program shows it once.
            .message_id(Some(format!("<{}@{host}>", mail.id)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(content.text(), content.html()?))
            .ok()
    }
}

/// RFC 3834: no answer of an absent reader comes back.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
