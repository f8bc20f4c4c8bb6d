//! What has changed, for whoever remembers something that was read.
//!
//! A transaction names whom it concerns ([`Writing::touch`](crate::Writing)); once it is committed,
//! and before anybody is answered, what is remembered about them is stale in this process. Other
//! processes are told by [`crate::watching`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use vestibule_domain::id::{AccountId, SessionId, UserId};

/// How old the latest word from the database may be for what is remembered to count (design,
/// section "Sessions, the switch, the epoch": within one second on every other process).
const FRESH: Duration = Duration::from_secs(1);
/// After so long everything is read anew, whatever was told: what changed past the program, by hand
/// or by a tool that tells nobody, is seen then.
const READ_ANEW: Duration = Duration::from_mins(1);
/// Flags of what nobody remembers any more are cleared away when so many have gathered.
const CLEARED_FROM: usize = 1024;

/// Whom a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One session.
    Session(SessionId),
    /// A user, with all their sessions.
    User(UserId),
    /// An account, with all its users.
    Account(AccountId),
    /// All that is remembered.
    Everything,
}

/// Who is to be told of changes, and how far the word of the database has come.
#[derive(Default)]
pub struct Changes {
    /// Counted up before anything is made stale: a read that began before it must not be
    /// remembered after it.
    told: AtomicU64,
    /// The same for all but single sessions: for what is counted of users.
    told_of_users: AtomicU64,
    /// Counted up when everything is stale.
    era: AtomicU64,
    flags: Mutex<Flags>,
    /// Until when on the steady clock what is remembered counts, in milliseconds.
    good_until: AtomicU64,
}

#[derive(Default)]
struct Flags {
    of: HashMap<Subject, Weak<AtomicBool>>,
    cleared_at: usize,
}

/// A moment before a read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    told: u64,
    era: u64,
}

/// Says whether what was read has changed since.
pub struct Watch {
    era: u64,
    until: u64,
    stale: [Arc<AtomicBool>; 3],
}

impl Changes {
    /// The moment now: taken before a read, and given to [`Changes::watch`] after it.
    pub fn moment(&self) -> Moment {
        Moment { told: self.told.load(Ordering::SeqCst), era: self.era.load(Ordering::SeqCst) }
    }

    /// The moment now, as far as users and accounts are concerned: taken before they are counted.
    pub fn moment_of_users(&self) -> u64 {
        self.told_of_users.load(Ordering::SeqCst)
    }

    /// Whether no user and no account has changed since that moment, as far as is known, and the
    /// database's word is fresh enough to know. `steady` is the time on the steady clock.
    pub fn users_are_as_at(&self, moment: u64, steady: Duration) -> bool {
        millis(steady) < self.good_until.load(Ordering::SeqCst) && moment == self.moment_of_users()
    }

    /// Watches over what was read after `before`, when the steady clock showed `steady`; `None` where something changed meanwhile, so
    /// that the read may be of before it.
    pub fn watch(
        &self,
        before: Moment,
        session: SessionId,
        user: UserId,
        account: AccountId,
        steady: Duration,
    ) -> Option<Watch> {
        let subjects = [Subject::Session(session), Subject::User(user), Subject::Account(account)];
        let stale = {
            let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
            flags.clear_away();
            subjects.map(|subject| flags.flag(subject))
        };
        // Whoever counts up later finds these flags; whoever did so before is seen here.
        let until = millis(steady + READ_ANEW);
        (self.moment() == before).then_some(Watch { era: before.era, until, stale })
    }

    /// Whether what `watch` watches is as it was read, and the database's word is fresh enough to
    /// know. `steady` is the time on the steady clock.
    pub fn still_holds(&self, watch: &Watch, steady: Duration) -> bool {
        let steady = millis(steady);
        steady < self.good_until.load(Ordering::SeqCst)
            && steady < watch.until
            && watch.era == self.era.load(Ordering::SeqCst)
            && watch.stale.iter().all(|flag| !flag.load(Ordering::SeqCst))
    }

    /// Makes stale what is remembered about these.
    pub fn tell(&self, subjects: &[Subject]) {
        if subjects.is_empty() {
            return;
        }
        self.told.fetch_add(1, Ordering::SeqCst);
        if subjects.iter().any(|subject| !matches!(subject, Subject::Session(_))) {
            self.told_of_users.fetch_add(1, Ordering::SeqCst);
        }
        if subjects.contains(&Subject::Everything) {
            self.era.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in subjects {
            if let Some(flag) = flags.of.remove(subject).and_then(|flag| flag.upgrade()) {
                flag.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Notes that all that was committed before `steady` has been told.
    pub fn heard(&self, steady: Duration) {
        self.good_until.store(millis(steady + FRESH), Ordering::SeqCst);
    }

    /// Notes that the database's word does not arrive: nothing that is remembered counts.
    pub fn deaf(&self) {
        self.good_until.store(0, Ordering::SeqCst);
    }
}

impl Flags {
    fn flag(&mut self, subject: Subject) -> Arc<AtomicBool> {
        if let Some(flag) = self.of.get(&subject).and_then(Weak::upgrade) {
            return flag;
        }
        let flag = Arc::default();
        self.of.insert(subject, Arc::downgrade(&flag));
        flag
    }

    fn clear_away(&mut self) {
        if self.of.len() >= CLEARED_FROM.max(2 * self.cleared_at) {
            self.of.retain(|_, flag| flag.strong_count() > 0);
            self.cleared_at = self.of.len();
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vestibule_domain::id::{AccountId, SessionId, UserId};
    use vestibule_domain::randomness::Randomness;
    use vestibule_domain::time::Timestamp;

    use super::{Changes, Subject};

    fn ids() -> (SessionId, UserId, AccountId) {
        let random = Randomness::new(|bytes| bytes.fill(7));
        let now = Timestamp::from_millis(1);
        (SessionId::new(now, &random), UserId::new(now, &random), AccountId::new(now, &random))
    }

    #[test]
    fn what_is_told_is_stale_and_what_is_not_heard_of_does_not_count() {
        let (session, user, account) = ids();
        let at = Duration::from_secs(5);
        for subject in [
            Subject::Session(session),
            Subject::User(user),
            Subject::Account(account),
            Subject::Everything,
        ] {
            let changes = Changes::default();
            let watch = changes.watch(changes.moment(), session, user, account, at).unwrap();
            assert!(!changes.still_holds(&watch, at), "nothing was heard yet");
            changes.heard(at);
            assert!(changes.still_holds(&watch, at + Duration::from_millis(999)));
            assert!(!changes.still_holds(&watch, at + Duration::from_secs(1)));
            changes.tell(&[subject]);
            assert!(!changes.still_holds(&watch, at), "{subject:?}");

            changes.heard(at + Duration::from_mins(1));
            let old = changes.watch(changes.moment(), session, user, account, at).unwrap();
            assert!(!changes.still_holds(&old, at + Duration::from_mins(1)), "a minute is over");
            changes.heard(at);

            let again = changes.watch(changes.moment(), session, user, account, at).unwrap();
            assert!(changes.still_holds(&again, at));
            changes.deaf();
            assert!(!changes.still_holds(&again, at));
        }
    }

    #[test]
    fn a_read_that_began_before_a_change_is_not_remembered_after_it() {
        let (session, user, account) = ids();
        let changes = Changes::default();
        let before = changes.moment();
        changes.tell(&[Subject::User(user)]);
        assert!(changes.watch(before, session, user, account, Duration::ZERO).is_none());
    }

    #[test]
    fn flags_of_what_is_forgotten_are_cleared_away() {
        let changes = Changes::default();
        let (_, user, account) = ids();
        for millis in 0..5_000 {
            let random = Randomness::new(|bytes| bytes.fill(9));
            let session = SessionId::new(Timestamp::from_millis(millis), &random);
            drop(changes.watch(changes.moment(), session, user, account, Duration::ZERO));
        }
        assert!(changes.flags.lock().unwrap().of.len() <= 2_048);
    }
}
