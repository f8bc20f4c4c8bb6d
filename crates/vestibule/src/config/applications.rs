//! The applications behind the gate: `[[applications]]` in the file. They have no flags and no
//! variables.

use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;
use vestibule_domain::application::{Enter, Host, LONGEST_MAX_AGE, OwnHost};
use vestibule_domain::email::Email;
use vestibule_domain::name::Name;
use vestibule_flows::applications::{Application, MOST};
use vestibule_flows::configured_applications::ConfiguredApplication;

use super::key::nearest_of;
use super::setting::{Mistake, Origin, Setting};

/// What the table is called.
pub(crate) const TABLE: &str = "applications";

const KEYS: [&str; 7] =
    ["name", "host", "account", "enter", "users", "always_mfa", "max_age_minutes"];

/// One `[[applications]]`: where it begins, and its keys with where they stand.
pub(crate) struct Table {
    pub(crate) origin: Origin,
    pub(crate) settings: Vec<(String, Origin, Setting)>,
}

/// An application of the file, and where it stands there.
pub(crate) struct Written {
    pub(crate) configured: ConfiguredApplication,
    pub(crate) origin: Origin,
}

/// Reads all tables. `public_url` is `None` where it is wrong, which is said already.
pub(super) fn read(
    tables: &[Table],
    public_url: Option<&Url>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Written> {
    let mut all: Vec<Written> = vec![];
    for (index, table) in tables.iter().enumerate() {
        let mut reader =
            Reader { table, before: format!("{TABLE}[{index}]"), public_url, mistakes: vec![] };
        let read = reader.read();
        mistakes.append(&mut reader.mistakes);
        let Some(configured) = read else { continue };
        let name = configured.application.host.name();
        match all.iter().find(|one| one.configured.application.host.name() == name) {
            Some(earlier) => mistakes.push(Mistake::of(
                reader.origin_of("host"),
                &reader.full("host"),
                &format!("{name} is another application's already: {}", earlier.origin),
            )),
            None => all.push(Written { configured, origin: table.origin.clone() }),
        }
    }
    if all.len() > MOST {
        let problem = format!("there are {}, and at most {MOST} fit", all.len());
        mistakes.push(Mistake::of(&all[MOST].origin, TABLE, &problem));
    }
    all
}

struct Reader<'a> {
    table: &'a Table,
    /// What stands before its keys in a complaint.
    before: String,
    public_url: Option<&'a Url>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<ConfiguredApplication> {
        self.refuse_unknown_keys();
        let name = self.text("name", name);
        let public_url = self.public_url;
        let host = self.text("host", |text| host(text, public_url));
        let enter = self.text("enter", |text| {
            text.parse::<Enter>().map_err(|problem| format!("{text:?} is {problem}"))
        });
        for needed in ["name", "host", "enter"] {
            if self.find(needed).is_none() {
                let problem = format!("{needed} is missing");
                self.mistakes.push(Mistake::of(&self.table.origin, &self.before, &problem));
            }
        }
        let account = self.text("account", self::name);
        let users = self.understand("users", |setting, name| setting.texts(name, email));
        let users = users.unwrap_or_default();
        let always_mfa = self.understand("always_mfa", Setting::boolean).unwrap_or(false);
        let minutes = u32::try_from(LONGEST_MAX_AGE.as_secs() / 60).unwrap_or(u32::MAX);
        let max_age = self.number("max_age_minutes", 1..=minutes);
        self.check_users(enter, &users);
        let application = Application {
            name: name?,
            host: host?,
            enter: enter?,
            always_mfa,
            max_age: max_age.map(|age| Duration::from_mins(age.into())),
        };
        self.mistakes.is_empty().then_some(ConfiguredApplication { application, account, users })
    }

    fn refuse_unknown_keys(&mut self) {
        for (key, origin, _) in &self.table.settings {
            if KEYS.contains(&key.as_str()) {
                continue;
            }
            let problem = match nearest_of(KEYS, key) {
                Some(meant) => format!("unknown key; did you mean {meant}?"),
                None => "unknown key".to_owned(),
            };
            self.mistakes.push(Mistake::of(origin, &self.full(key), &problem));
        }
    }

    /// Names that say nothing, or nobody where names alone let people in, are slips.
    fn check_users(&mut self, enter: Option<Enter>, users: &[Email]) {
        let problem = match enter {
            Some(Enter::Everyone) if !users.is_empty() => {
                "with enter = \"everyone\" nobody needs to be named".to_owned()
            }
            Some(Enter::Named) if self.find("users").is_none() => {
                "with enter = \"named\" somebody must be named in users".to_owned()
            }
            _ if users.len() > MOST => format!("there are {}, and at most {MOST} fit", users.len()),
            _ => match users.iter().enumerate().find(|(at, user)| users[..*at].contains(user)) {
                Some((_, twice)) => format!("{twice} is named twice"),
                None => return,
            },
        };
        let key = if self.find("users").is_some() { "users" } else { "enter" };
        let mistake = Mistake::of(self.origin_of(key), &self.full(key), &problem);
        self.mistakes.push(mistake);
    }

    fn find(&self, key: &str) -> Option<&Setting> {
        let mut settings = self.table.settings.iter();
        settings.find(|(of, ..)| of == key).map(|(_, _, setting)| setting)
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.before)
    }

    fn origin_of(&self, key: &str) -> &Origin {
        self.find(key).map_or(&self.table.origin, |setting| &setting.origin)
    }

    fn text<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.understand(key, |setting, name| setting.text(name, parse))
    }

    fn number(&mut self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        self.understand(key, |setting, name| setting.number(name, range))
    }

    fn understand<T>(
        &mut self,
        key: &str,
        understand: impl FnOnce(&Setting, &str) -> Result<T, Mistake>,
    ) -> Option<T> {
        let understood = understand(self.find(key)?, &self.full(key));
        understood.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|problem| problem.to_string())
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|problem| format!("{text:?}: {problem}"))
}

fn host(text: &str, public_url: Option<&Url>) -> Result<Host, String> {
    let host = match public_url {
        Some(url) => {
            let (https, name) = (url.scheme() == "https", url.host_str().unwrap_or_default());
            Host::beside(text, OwnHost { https, name })
        }
        None => Host::parse(text, true),
    };
    host.map_err(|problem| format!("{text:?}: {problem}"))
}
