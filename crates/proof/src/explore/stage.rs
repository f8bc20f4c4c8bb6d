//! Where it is played: Vestibule on a database in memory, with a clock that stands until it is moved
//! and a randomness that counts.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use vestibule_domain::email::Email;
use vestibule_domain::id::UserId;
use vestibule_domain::name::Name;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::Role;
use vestibule_flows::furnish::Furnished;
use vestibule_flows::{FlowError, HashingQueue, Priority, Settings, Vestibule, Visitor};
use vestibule_store::{Contents, Store, Tables};
use vestibule_testkit::MovableClock;
use vestibule_testkit::app::CHEAP;

use super::actions::{ADA, ATTACKERS, Action, BEN};
use super::ghost::Ghost;
use super::key;

/// The passwords that people choose in turn, and in the end the one that the attacker sets.
pub(super) const PASSWORDS: [&str; 4] = [
    "marble gardens open late",
    "violet tractors hum at noon",
    "seven herons by the weir",
    "copper lanterns drift uphill",
];
/// Which of them only the attacker knows.
pub(super) const OF_THE_ATTACKER: u8 = 3;

/// A state of everything: the rows of the database, and what the explorer knows of it by itself.
#[derive(Clone)]
pub(super) struct State {
    pub(super) rows: Contents,
    pub(super) ghost: Ghost,
}

/// What an act stands on.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) token: String,
    pub(super) session: u64,
    pub(super) epoch: u32,
}

/// One Vestibule, and what stands in its database now.
pub(super) struct Stage {
    pub(super) vestibule: Vestibule,
    pub(super) tables: Tables,
    pub(super) users: [UserId; 2],
    pub(super) emails: [Email; 2],
    pub(super) browsers: [Visitor; 3],
    /// What another request does between the authority of the one that is played and its act.
    pub(super) between: Cell<Option<Action>>,
    /// On what the act stood before that.
    pub(super) stood: RefCell<Option<Stand>>,
    store: Store,
    clock: MovableClock,
    draws: Arc<AtomicU64>,
    rows: Contents,
    written: i64,
}

impl Stage {
    /// An account with Ada, its Admin, and Ben: always the same, to the last byte.
    pub(super) async fn furnish() -> Self {
        let store = Store::in_memory().await.unwrap();
        let tables = store.tables().await.unwrap();
        key::knows_all(&tables);
        let (clock, draws) = (MovableClock::default(), Arc::<AtomicU64>::default());
        let randomness = counting(&draws);
        let key = MasterKey::new(&randomness);
        let settings = Settings { hash_cost: CHEAP, mail: true, ..Settings::default() };
        let hashing = HashingQueue::start(Priority::Usual).unwrap();
        let vestibule = Vestibule::open(
            store.clone(),
            &[key],
            clock.clock(),
            randomness.clone(),
            settings,
            hashing,
        )
        .await
        .unwrap();
        let account = Name::parse("Acme Analytics").unwrap();
        let account = vestibule.furnish_account(&account).await.unwrap();
        let mut people = vec![];
        for (name, role) in [("Ada", Role::Admin), ("Ben", Role::Member)] {
            let email = Email::parse(&format!("{name}@acme.example")).unwrap();
            let display = Name::parse(name).unwrap();
            let new = Furnished {
                email: &email,
                name: &display,
                role,
                password: PASSWORDS[0],
                with_factor: false,
            };
            people.push((vestibule.furnish_user(account, &new).await.unwrap().0, email));
        }
        let visitor = |number: usize| Visitor {
            address: ["10.1.0.1", "10.2.0.1", "10.9.0.1"][number].to_owned(),
            browser: "Firefox".to_owned(),
            token: Some(Token::new(&randomness).hash()),
        };
        let browsers = [visitor(ADA), visitor(BEN), visitor(ATTACKERS)];
        let rows = store.take_out(&tables).await.unwrap();
        let written = store.rows_written().await.unwrap();
        Self {
            vestibule,
            tables,
            users: [people[0].0, people[1].0],
            emails: [people[0].1.clone(), people[1].1.clone()],
            browsers,
            between: Cell::default(),
            stood: RefCell::default(),
            store,
            clock,
            draws,
            rows,
            written,
        }
    }

    /// The state of the beginning, in which somebody knows the password of `victim`.
    pub(super) fn beginning(&self, victim: usize) -> State {
        let ghost =
            Ghost::new(self.clock.now().millis(), victim, self.draws.load(Ordering::SeqCst));
        State { rows: self.kept(&self.rows, &self.rows), ghost }
    }

    /// Puts everything as it is in `state`.
    pub(super) async fn put(&mut self, state: &State) -> Result<(), FlowError> {
        self.look().await?;
        self.store.put_back(&self.tables, &self.rows, &state.rows).await?;
        self.rows.clone_from(&state.rows);
        self.written = self.store.rows_written().await?;
        self.clock.set(Timestamp::from_millis(state.ghost.now));
        self.draws.store(state.ghost.draws, Ordering::SeqCst);
        Ok(())
    }

    /// Moves the clock to where the ghost says.
    pub(super) fn set_clock(&self, now: i64) {
        self.clock.set(Timestamp::from_millis(now));
    }

    /// What is in the database now; history included, which is not part of a state.
    pub(super) async fn look(&mut self) -> Result<&Contents, FlowError> {
        let written = self.store.rows_written().await?;
        if written != self.written {
            self.written = written;
            let rows = self.store.take_out(&self.tables).await?;
            // What did not change is one text for all states that have it.
            let rows = rows.into_iter().zip(&self.rows);
            self.rows =
                rows.map(|(new, old)| if new == *old { old.clone() } else { new }).collect();
        }
        Ok(&self.rows)
    }

    /// The state after `ghost`'s latest act, made of what stands in the database.
    pub(super) async fn state(
        &mut self,
        mut ghost: Ghost,
        before: &State,
    ) -> Result<State, FlowError> {
        self.look().await?;
        ghost.draws = self.draws.load(Ordering::SeqCst);
        Ok(State { rows: self.kept(&self.rows, &before.rows), ghost })
    }

    /// Without history.
    fn kept(&self, rows: &Contents, like: &Contents) -> Contents {
        let none: Arc<str> = "[]".into();
        let each = self.tables.tables.iter().zip(rows.iter().zip(like));
        each.map(|(table, (row, like))| {
            if key::is_history(&table.name) {
                if **like == *none { like.clone() } else { none.clone() }
            } else {
                row.clone()
            }
        })
        .collect()
    }

    /// The rows of a table as they are in `rows`.
    pub(super) fn table<'a>(&self, rows: &'a Contents, name: &str) -> &'a str {
        let at = self.tables.tables.iter().position(|table| table.name == name);
        at.map_or("[]", |at| &rows[at])
    }

    /// Which tables differ.
    pub(super) fn differing(&self, one: &Contents, other: &Contents) -> Vec<&str> {
        let each = self.tables.tables.iter().zip(one.iter().zip(other));
        each.filter(|(_, (one, other))| one != other).map(|(table, _)| &*table.name).collect()
    }

    /// A state in which so many attempts at codes are in a user's budget, four of them of this moment:
    /// what would take too many acts.
    pub(super) fn with_budget_used(&self, mut state: State, user: usize, used: i64) -> State {
        let at = self.tables.tables.iter().position(|table| table.name == "users").unwrap();
        let columns = &self.tables.tables[at].columns;
        let column = |name| columns.iter().position(|column| column.name == name).unwrap();
        let mut rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(&state.rows[at]).unwrap();
        for row in rows.iter_mut().filter(|row| row[0] == self.users[user].to_string()) {
            row[column("code_attempts")] = used.into();
            row[column("code_tries")] = 4.into();
            row[column("code_tried_at")] = state.ghost.now.into();
        }
        state.rows[at] = serde_json::to_string(&rows).unwrap().into();
        state.ghost.people[user].budget = used;
        state.ghost.people[user].tries = (4, state.ghost.now);
        state
    }
}

/// Every draw is the number of draws before it: identifiers in the order in which they are made, all
/// else hashed. The number is part of the state, so that an act does the same thing each time.
fn counting(draws: &Arc<AtomicU64>) -> Randomness {
    let draws = Arc::clone(draws);
    Randomness::new(move |bytes| {
        let number = draws.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        if bytes.len() == 10 {
            bytes[..2].fill(0);
            bytes[2..].copy_from_slice(&number);
            return;
        }
        for (block, part) in (0_u8..).zip(bytes.chunks_mut(32)) {
            let hash = Sha256::new().chain_update(number).chain_update([block]).finalize();
            part.copy_from_slice(&hash[..part.len()]);
        }
    })
}
