//! When two states are the same: 128 bits of a hash of what the database holds and of what the ghost
//! knows, written so that names drawn at random and moments in time do not matter, but what they stand
//! for does.
//!
//! Every column of the schema has a line here. One that has none makes the exploration fail at its
//! start, so that a new column or table cannot be overlooked.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vestibule_domain::token::Token;
use vestibule_store::Tables;

use super::ghost::{By, Ghost, STEP};
use super::stage::State;

/// How a column enters the key.
#[derive(Clone, Copy)]
enum As {
    /// As it is.
    Itself,
    /// By the order of its first appearance: an identifier, a token, the hash of one.
    Name,
    /// By its age in milliseconds, up to so many minutes. Past that, age decides nothing.
    Age(i64),
    /// Whether there is anything.
    Presence,
    /// Relative to the epoch of the row's user.
    Epoch,
    /// Relative to the time step of now; what is out of reach is left out, with its row.
    Step,
    /// Not at all, for the reason beside it.
    Nothing(&'static str),
}
use As::{Age, Epoch, Itself, Name, Nothing, Presence, Step};

const SHOWN: As = Nothing("shown to people alone");
const FIXED: As = Nothing("no action changes it");
const OTHERWISE: As = Nothing("follows from another column");
const DAY: i64 = 24 * 60 + 5;
const HOUR: i64 = 65;
const WAIT: i64 = 17;

/// Tables that are written and never decided by: each state begins with them empty.
const HISTORY: [&str; 5] = ["audit_chain", "audit_events", "audit_segments", "notices", "outbox"];

/// Every other table, in the order in which the key is written: what names others comes after them.
const COLUMNS: [(&str, &[(&str, As)]); 22] = [
    (
        "accounts",
        &[
            ("id", Name),
            ("name", FIXED),
            ("mfa_required", Itself),
            ("guard", Nothing("counts who came through, and holds others off")),
            ("created_at", FIXED),
        ],
    ),
    (
        "users",
        &[
            ("id", Name),
            ("email", Itself),
            ("email_skeleton", OTHERWISE),
            ("look_alike_key", OTHERWISE),
            ("name", FIXED),
            ("password_hash", Nothing("salted; which password it is, the ghost knows")),
            ("epoch", Nothing("what carries an epoch says whether it is the one of now")),
            ("code_attempts", Itself),
            ("last_sign_in_at", Presence),
            ("created_at", FIXED),
            ("code_tries", Itself),
            ("code_tried_at", Age(WAIT)),
            ("code_wait_ms", Itself),
        ],
    ),
    (
        "memberships",
        &[
            ("user_id", Name),
            ("account_id", Name),
            ("role", Itself),
            ("state", Itself),
            ("email_key", OTHERWISE),
            ("name_key", OTHERWISE),
        ],
    ),
    ("data_keys", &[("id", FIXED), ("number", FIXED), ("wrapped", FIXED), ("created_at", FIXED)]),
    ("lane_key", &[("one", FIXED), ("bytes", FIXED)]),
    (
        "installation",
        &[("id", FIXED), ("public_url", FIXED), ("master_key_id", FIXED), ("asked", FIXED)],
    ),
    (
        "nodes",
        &[
            ("id", Name),
            ("label", Itself),
            ("started_at", Itself),
            ("seen_at", Itself),
            ("beats", Itself),
            ("newest_key", Itself),
            ("master_keys", Itself),
        ],
    ),
    (
        "factors",
        &[
            ("id", Name),
            ("user_id", Name),
            ("account_id", Name),
            ("position", Itself),
            ("name", SHOWN),
            ("sealed", Nothing("the key of this factor, sealed anew each time")),
            ("data_key_id", FIXED),
            ("added_at", SHOWN),
            ("last_used_at", SHOWN),
        ],
    ),
    (
        "sessions",
        &[
            ("id", Name),
            ("user_id", Name),
            ("token_hash", Name),
            ("created_at", Age(DAY)),
            ("last_seen_at", Age(HOUR)),
            ("browser", SHOWN),
            ("address", SHOWN),
            ("password_at", Age(WAIT)),
            ("password_epoch", Epoch),
            ("second_at", Age(WAIT)),
            ("second_epoch", Epoch),
            ("second_factor_id", Name),
            ("code_attempts", Itself),
            ("recovering", Itself),
            ("second_by_recovery_code", Itself),
        ],
    ),
    (
        "pending_enrolments",
        &[
            ("factor_id", Name),
            ("session_id", Name),
            ("user_id", Name),
            ("epoch", Epoch),
            ("sealed", Nothing("the key of this enrolment, sealed anew each time")),
            ("data_key_id", FIXED),
            ("expires_at", Age(WAIT)),
        ],
    ),
    (
        "spent_codes",
        &[
            ("factor_id", Name),
            ("step", Step),
            ("spent_at", Nothing("for housekeeping, after two days")),
        ],
    ),
    (
        "links",
        &[
            ("id", Name),
            ("purpose", Itself),
            ("token_hash", Name),
            ("user_id", Name),
            ("epoch", Epoch),
            ("created_at", SHOWN),
            ("expires_at", Age(HOUR)),
            ("taken_at", Presence),
            ("recovers", Itself),
        ],
    ),
    ("address_changes", &[("link_id", Name), ("email", Itself)]),
    (
        "recovery_code_sets",
        &[
            ("id", Name),
            ("user_id", Name),
            ("salt", Nothing("drawn at random")),
            ("memory_kib", FIXED),
            ("passes", FIXED),
            ("made_at", SHOWN),
        ],
    ),
    (
        "recovery_codes",
        &[
            ("set_id", Name),
            ("hash", Nothing("salted; which one is used, the ghost knows")),
            ("used_at", Presence),
        ],
    ),
    (
        "unkept_recovery_codes",
        &[
            ("set_id", Name),
            ("user_id", Name),
            ("sealed", Nothing("the codes, sealed anew each time")),
            ("data_key_id", FIXED),
        ],
    ),
    (
        "known_browsers",
        &[
            ("user_id", Name),
            ("token_hash", Itself),
            ("first_seen_at", SHOWN),
            ("last_seen_at", Nothing("for housekeeping")),
        ],
    ),
    (
        "lanes",
        &[
            ("name", Itself),
            ("network", Itself),
            ("attempts", Itself),
            ("latest_at", Age(DAY)),
            ("wait_ms", Itself),
        ],
    ),
    ("asks", &[("key", Itself), ("since", Age(HOUR)), ("count", Itself)]),
    (
        "applications",
        &[
            ("id", Name),
            ("account_id", Name),
            ("name", Itself),
            ("host", Itself),
            ("host_name", Itself),
            ("enter", Itself),
            ("always_mfa", Itself),
            ("max_age_ms", Itself),
            ("configured", Itself),
            ("added_at", Itself),
        ],
    ),
    ("application_users", &[("application_id", Name), ("user_id", Name)]),
    (
        "hand_overs",
        &[
            ("code_hash", Name),
            ("challenge", Name),
            ("session_id", Name),
            ("epoch", Itself),
            ("host", Itself),
            ("expires_at", Age(WAIT)),
            ("taken_at", Presence),
        ],
    ),
];
/// The one that is left, so that the list above is as long as it says.
const GATE_COOKIES: (&str, &[(&str, As)]) = (
    "gate_cookies",
    &[
        ("token_hash", Name),
        ("session_id", Name),
        ("epoch", Itself),
        ("host", Itself),
        ("made_at", SHOWN),
    ],
);

fn tables_of_the_key() -> impl Iterator<Item = (&'static str, &'static [(&'static str, As)])> {
    COLUMNS.into_iter().chain([GATE_COOKIES])
}

/// Whether a table is written and never decided by.
pub(super) fn is_history(table: &str) -> bool {
    HISTORY.contains(&table)
}

/// Panics unless every table and column of the schema has its line, and no other.
pub(super) fn knows_all(tables: &Tables) {
    for table in &tables.tables {
        if is_history(&table.name) {
            continue;
        }
        let known = tables_of_the_key().find(|(name, _)| *name == table.name);
        let known =
            known.unwrap_or_else(|| panic!("the key does not know the table {}", table.name));
        let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        let listed: Vec<&str> = known.1.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, listed, "the columns of {} that the key knows", table.name);
    }
    for (name, _) in tables_of_the_key() {
        assert!(tables.tables.iter().any(|table| table.name == name), "no table {name} any more");
    }
}

/// What is left out of the key, and why.
pub(super) fn left_out() -> Vec<String> {
    let columns = tables_of_the_key().flat_map(|(table, columns)| {
        columns.iter().filter_map(move |(column, how)| match how {
            Nothing(why) => Some(format!("{table}.{column}: {why}")),
            _ => None,
        })
    });
    let history = HISTORY.iter().map(|table| format!("{table}: written, never decided by"));
    history.chain(columns).collect()
}

/// The key of a state.
pub(super) fn of(state: &State, tables: &Tables) -> u128 {
    let mut writer = Writer { names: HashMap::new(), now: state.ghost.now, text: String::new() };
    writer.browsers_and_links(&state.ghost);
    let mut epochs = HashMap::new();
    let mut owners = HashMap::new();
    for (name, columns) in tables_of_the_key() {
        let Some(at) = tables.tables.iter().position(|table| table.name == name) else { continue };
        if state.rows[at].len() <= 2 {
            continue;
        }
        let rows: Vec<Vec<Value>> = serde_json::from_str(&state.rows[at]).unwrap();
        if name == "users" {
            for row in &rows {
                epochs.insert(text(&row[0]).to_owned(), row[6].as_i64().unwrap());
            }
        }
        let user_at = columns.iter().position(|(column, _)| *column == "user_id");
        let rows: Vec<_> = rows
            .iter()
            .filter(|row| writer.is_within_reach(name, row))
            .inspect(|row| {
                if name == "sessions" {
                    owners.insert(text(&row[0]).to_owned(), text(&row[1]).to_owned());
                }
            })
            .map(|row| {
                let user = user_at.map(|at| text(&row[at]).to_owned());
                (row, user.and_then(|user| epochs.get(&user).copied()))
            })
            .collect();
        writer.table(name, columns, &rows);
    }
    ghost(&mut writer, &state.ghost);
    let hash = Sha256::digest(writer.text.as_bytes());
    u128::from_be_bytes(hash[..16].try_into().unwrap())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Writer {
    names: HashMap<String, String>,
    now: i64,
    text: String,
}

impl Writer {
    /// What browsers and people hold has its name from them.
    fn browsers_and_links(&mut self, ghost: &Ghost) {
        for (number, browser) in ghost.browsers.iter().enumerate() {
            for (at, token) in browser.dead.iter().enumerate() {
                self.names.insert(hashed(token), format!("dead{number}.{at}"));
            }
            if let Some(cookie) = &browser.cookie {
                self.names.insert(hashed(&cookie.token), format!("cookie{number}"));
            }
        }
        for (number, person) in ghost.people.iter().enumerate() {
            for (at, app) in person.apps.iter().enumerate() {
                self.names.insert(app.id.to_string(), format!("app{number}.{at}"));
            }
            for (kind, token) in &person.dead_links {
                self.names.insert(hashed(token), format!("void{number}.{kind}"));
            }
            for (kind, link) in person.links.iter().enumerate() {
                if let Some(link) = link {
                    self.names.insert(hashed(&link.token), format!("link{number}.{kind}"));
                }
            }
        }
    }

    /// Whether anybody can still reach what this row is about.
    fn is_within_reach(&self, table: &str, row: &[Value]) -> bool {
        match table {
            // Nobody holds their token: they open for nobody.
            "sessions" | "links" => self.names.contains_key(text(&row[2])),
            "pending_enrolments" => self.names.contains_key(text(&row[1])),
            // Of an app that is there, or of a key that is shown; and so near to now that its code
            // could be typed before the clock has gone on.
            "spent_codes" => {
                let away = row[1].as_i64().unwrap_or(0) - self.now.div_euclid(STEP);
                self.names.contains_key(text(&row[0])) && away >= -REACH
            }
            _ => true,
        }
    }

    fn table(&mut self, name: &str, columns: &[(&str, As)], rows: &[(&Vec<Value>, Option<i64>)]) {
        // Sorted by what is known of them; then what is new gets its name in that order.
        let mut sorted: Vec<_> = rows
            .iter()
            .map(|(row, epoch)| (self.row(columns, row, *epoch), *row, *epoch))
            .collect();
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        let _ = write!(self.text, "\n{name}");
        for (_, row, epoch) in sorted {
            for ((_, how), value) in columns.iter().zip(row) {
                if let (Name, Value::String(value)) = (how, value) {
                    let next = format!("{name}{}", self.names.len());
                    self.names.entry(value.clone()).or_insert(next);
                }
            }
            let written = self.row(columns, row, epoch);
            let _ = write!(self.text, "|{written}");
        }
    }

    fn row(&self, columns: &[(&str, As)], row: &[Value], epoch: Option<i64>) -> String {
        let mut written = String::new();
        for ((_, how), value) in columns.iter().zip(row) {
            let number = value.as_i64();
            let _ = match (how, number) {
                (Nothing(_), _) => Ok(()),
                (Presence, _) => write!(written, "{},", !value.is_null()),
                (Name, _) => {
                    let known = self.names.get(text(value)).map_or("?", |name| name);
                    write!(written, "{},", if value.is_null() { "-" } else { known })
                }
                (Age(minutes), Some(at)) => write!(written, "{},", self.age(at, *minutes)),
                (Epoch, Some(of)) => write!(written, "{},", (of - epoch.unwrap_or(0)).max(-1)),
                (Step, Some(step)) => write!(written, "{},", step - self.now.div_euclid(STEP)),
                (Itself | Age(_) | Epoch | Step, _) => write!(written, "{value},"),
            };
        }
        written
    }

    fn age(&self, at: i64, minutes: i64) -> i64 {
        (self.now - at).clamp(-minutes * 60_000, minutes * 60_000)
    }
}

/// How many steps back a code can still be typed: the clock is set back twice at most.
const REACH: i64 = 4;

pub(super) fn hashed(token: &Token) -> String {
    token.hash().as_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// What the ghost knows beside the database. Where both say the same, it adds nothing; where they
/// differ, the states do.
fn ghost(writer: &mut Writer, ghost: &Ghost) {
    let Writer { text, names, now } = writer;
    let age = |at: i64, minutes: i64| (*now - at).clamp(-minutes * 60_000, minutes * 60_000);
    let _ = write!(
        text,
        "\nghost {} {} {} {}",
        ghost.set_back, ghost.mistakes, ghost.required, ghost.victim
    );
    for person in &ghost.people {
        let _ = write!(
            text,
            "\n{} {} {} {}",
            person.is_admin, person.is_active, person.password, person.budget
        );
        for app in &person.apps {
            let mut spent: Vec<i64> = app
                .spent
                .iter()
                .map(|step| step - ghost.step())
                .filter(|by| *by >= -REACH)
                .collect();
            spent.sort_unstable();
            let _ = write!(text, " app {} {spent:?}", app.is_attackers);
        }
        if let Some(codes) = &person.codes {
            let _ = write!(text, " codes {:?} {} {}", codes.used, codes.kept, codes.are_attackers);
        }
        for link in person.links.iter().flatten() {
            let is_now = link.epoch == person.epoch;
            let until = age(link.until, HOUR);
            let _ = write!(text, " link {is_now} {until} {} {}", link.taken, link.keeps_password);
        }
        let _ = write!(text, " void {}", person.dead_links.len());
    }
    for browser in &ghost.browsers {
        let _ = write!(text, "\ndead {}", browser.dead.len());
        let Some(cookie) = &browser.cookie else { continue };
        let epoch = ghost.people[cookie.who].epoch;
        let _ = write!(
            text,
            " {} {} {} {} {} {} {}",
            cookie.who,
            age(cookie.created, DAY),
            age(cookie.seen, HOUR),
            age(cookie.password.at, WAIT),
            cookie.password.epoch == epoch,
            cookie.recovering,
            cookie.attempts
        );
        if let Some((by, given)) = cookie.second {
            let by = match by {
                By::App(id) => names.get(&id.to_string()).map_or("an app that went", |name| name),
                By::RecoveryCode => "code",
            };
            let _ = write!(text, " {by} {} {}", age(given.at, WAIT), given.epoch == epoch);
        }
        if let Some(shown) = &cookie.shown {
            let _ = write!(text, " shown {} {}", age(shown.until, WAIT), shown.epoch == epoch);
        }
    }
}
