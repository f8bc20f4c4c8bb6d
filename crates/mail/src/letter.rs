//! What letters say, and what they look like: all words of mail stand here, but for the sentences of
//! notices, which the dashboard shows too.

use askama::Template;
use time::OffsetDateTime;
use time::macros::format_description;
use url::Url;
use vestibule_domain::browser;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_flows::outbox::{Letter, OutgoingMail};

/// A letter in words.
pub(crate) struct Content {
    pub(crate) subject: String,
    account: String,
    headline: String,
    before: String,
    link: Option<Link>,
    after: String,
    facts: Vec<(&'static str, String)>,
    advice: String,
    footer: String,
}

struct Link {
    label: &'static str,
    url: String,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Content,
}

impl Content {
    /// Puts a mail into words.
    pub(crate) fn of(mail: &OutgoingMail, public_url: &Url) -> Self {
        let words = Words {
            to: &mail.to,
            account: &mail.account,
            at: mail.at,
            address: &mail.address,
            browser: &mail.browser,
            detail: &mail.detail,
            public_url,
        };
        words.say(&mail.letter)
    }

    pub(crate) fn html(&self) -> Option<String> {
        Html { letter: self }.render().ok()
    }

    /// The same for who reads text alone.
    pub(crate) fn text(&self) -> String {
        let link = self.link.as_ref().map(|link| format!("{}:\n{}", link.label, link.url));
        let facts: Vec<String> =
            self.facts.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        let parts = [
            self.headline.clone(),
            self.before.clone(),
            link.unwrap_or_default(),
            self.after.clone(),
            facts.join("\n"),
            self.advice.clone(),
            format!("-- \n{}", self.footer),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n\n") + "\n"
    }
}

/// What the words are made of.
struct Words<'a> {
    to: &'a str,
    account: &'a str,
    at: Timestamp,
    address: &'a str,
    browser: &'a str,
    detail: &'a str,
    public_url: &'a Url,
}

impl Words<'_> {
    fn say(&self, letter: &Letter) -> Content {
        let Self { account, .. } = self;
        match letter {
            Letter::Notice(notice) => {
                let short = notice.sentence("");
                Content {
                    headline: notice.sentence(self.detail),
                    facts: self.facts(),
                    advice: notice.advice().into(),
                    ..self.blank(short.trim_end_matches('.'))
                }
            }
            Letter::Invitation(token) => Content {
                before: format!(
                    "You are invited to {account} as {}. Choose a password, and you are in.",
                    self.to
                ),
                link: Some(self.link("Join", LinkPurpose::Invitation, token)),
                after: format!("The link works once, until {}.", told(self.at)),
                advice: "If you do not know what this is about, do nothing.".into(),
                ..self.blank("You are invited")
            },
            Letter::NewPassword(token) => Content {
                before: format!(
                    "Somebody, probably you, asked for a new password for {} at {account}.",
                    self.to
                ),
                link: Some(self.link("Choose a new password", LinkPurpose::Forgotten, token)),
                after: "The link works once, for an hour. It signs nobody in and removes no \
                        authenticator app."
                    .into(),
                facts: self.facts(),
                advice: "If it was not you, do nothing: your password stays as it is.".into(),
                ..self.blank("A new password")
            },
            Letter::ConfirmAddress(token) => Content {
                before: format!(
                    "Somebody who is signed in at {account} asked that {} be the email address of \
                     their login.",
                    self.to
                ),
                link: Some(self.link("Confirm the address", LinkPurpose::Address, token)),
                after: "The link works once, for an hour, in a browser in which you are signed in."
                    .into(),
                facts: self.facts(),
                advice: "If you do not know what this is about, do nothing.".into(),
                ..self.blank("Confirm your new address")
            },
        }
    }

    fn blank(&self, subject: &str) -> Content {
        Content {
            subject: format!("{}: {subject}", self.account),
            account: self.account.to_owned(),
            headline: subject.to_owned(),
            before: String::new(),
            link: None,
            after: String::new(),
            facts: vec![],
            advice: String::new(),
            footer: format!(
                "For {}, by the login of {} at {}",
                self.to,
                self.account,
                self.public_url.origin().ascii_serialization()
            ),
        }
    }

    fn link(&self, label: &'static str, purpose: LinkPurpose, token: &Token) -> Link {
        let base = self.public_url.as_str().trim_end_matches('/');
        Link { label, url: format!("{base}{}", purpose.path(token)) }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("When", told(self.at))];
        if self.address.is_empty() {
            facts.push(("From", "the host’s command line".to_owned()));
        } else {
            facts.push(("Browser", browser::name(self.browser)));
            facts.push(("Network address", self.address.to_owned()));
        }
        facts
    }
}

/// A moment in UTC: mail does not know where its reader is.
fn told(at: Timestamp) -> String {
    let form =
        format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    let moment = OffsetDateTime::from_unix_timestamp(at.millis().div_euclid(1000)).ok();
    moment.and_then(|moment| moment.format(form).ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// Every letter there is, as `name`, HTML and text: to be looked at, and for tests.
pub fn samples(token: &Token) -> Vec<(String, String, String)> {
    use vestibule_domain::notice::Notice;

    const HOSTILE: &str = "<script>alert(\"1\")</script> & 'Co'";
    let Ok(public_url) = Url::parse("https://login.acme.example") else { return vec![] };
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let words = |account, detail| Words {
        to: "ben@acme.example",
        account,
        at: Timestamp::from_millis(1_800_000_010_000),
        address: "192.0.2.14",
        browser,
        detail,
        public_url: &public_url,
    };
    let mut letters: Vec<(String, Content)> = Notice::ALL
        .into_iter()
        .map(|notice| {
            let detail = match notice {
                Notice::FactorAdded | Notice::FactorRemoved => "Ben’s phone",
                Notice::EmailChangeAsked | Notice::EmailChanged => "ben.okafor@acme.example",
                Notice::CodesOfUserGuessed | Notice::RecoverLinkMade | Notice::RecoverLinkUsed => {
                    "cleo@acme.example"
                }
                _ => "",
            };
            let letter = Letter::Notice(notice);
            (notice.as_str().to_owned(), words("Acme Analytics", detail).say(&letter))
        })
        .collect();
    for letter in [
        Letter::Invitation(token.clone()),
        Letter::NewPassword(token.clone()),
        Letter::ConfirmAddress(token.clone()),
    ] {
        letters.push((letter.as_str().to_owned(), words("Acme Analytics", "").say(&letter)));
    }
    let hostile = words(HOSTILE, HOSTILE).say(&Letter::Notice(Notice::FactorAdded));
    letters.push(("hostile".to_owned(), hostile));
    letters
        .into_iter()
        .filter_map(|(name, letter)| Some((name, letter.html()?, letter.text())))
        .collect()
}
