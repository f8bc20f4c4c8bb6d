//! What is counted about use cases, and how it is said to Prometheus.
//!
//! Each number is counted in one place: an audit event once its transaction is committed, a code where
//! its answer is known. No label holds anything of a person or of a request; `docs/metrics.md` has the
//! list.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use vestibule_domain::audit::AuditKind;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::time::Timestamp;
use vestibule_metrics::{Counter, Kind, Text};
use vestibule_store::{Population, StoreError};

use crate::gate_metrics::GateMetrics;
use crate::security_code::{CodeRefused, Proven};
use crate::vestibule::Vestibule;

/// How long it is good enough how many there are of what: counting walks along indices.
const COUNTED_AGAIN: Duration = Duration::from_mins(1);
/// How long a scrape waits for the database, twice at most: Prometheus gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is counted about use cases.
#[derive(Debug, Default)]
pub struct Metrics {
    /// What the gate decides.
    pub gate: GateMetrics,
    events: Events,
    codes: PerAnswer,
    recovery_codes: PerAnswer,
    signed_in_by_password: Counter,
    signed_in_by_totp: Counter,
    signed_in_by_recovery_code: Counter,
    population: Mutex<Option<(Timestamp, Population)>>,
}

/// A counter for each kind of audit event, in the order of [`AuditKind::ALL`].
#[derive(Debug)]
struct Events(Vec<Counter>);

impl Default for Events {
    fn default() -> Self {
        Self(AuditKind::ALL.iter().map(|_| Counter::default()).collect())
    }
}

impl Events {
    fn of(&self, kind: AuditKind) -> &Counter {
        &self.0[kind as usize]
    }
}

/// A counter for each answer to a code, in the order of [`ANSWERS`].
#[derive(Debug, Default)]
struct PerAnswer([Counter; ANSWERS.len()]);

/// The answers to a code, as labels.
const ANSWERS: [&str; 8] = [
    "accepted",
    "wrong",
    "spent",
    "clock_off",
    "too_soon",
    "budget_spent",
    "not_a_code",
    "session_over",
];

impl Metrics {
    /// The counter of an audit event, for when its transaction is committed.
    pub(crate) fn event(&self, kind: AuditKind) -> &Counter {
        self.events.of(kind)
    }

    /// The counter of sign-ins that are complete by these proofs.
    pub(crate) fn sign_in(&self, second: Option<SecondProof>) -> &Counter {
        match second {
            None => &self.signed_in_by_password,
            Some(SecondProof::Totp(_)) => &self.signed_in_by_totp,
            Some(SecondProof::RecoveryCode) => &self.signed_in_by_recovery_code,
        }
    }

    /// Counts the answer to a security code.
    pub(crate) fn count_code(&self, answer: &Proven) {
        self.codes.count(answer);
    }

    /// Counts the answer to a recovery code.
    pub(crate) fn count_recovery_code(&self, answer: &Proven) {
        self.recovery_codes.count(answer);
    }
}

impl PerAnswer {
    fn count(&self, answer: &Proven) {
        let label = match answer {
            Proven::Accepted(_) | Proven::AcceptedRecoveryCode(_) => "accepted",
            Proven::Refused(why) => match why {
                CodeRefused::NotACode => "not_a_code",
                // Who has no recovery codes is told so; it is none of them.
                CodeRefused::Wrong
                | CodeRefused::WrongRecoveryCode
                | CodeRefused::NoRecoveryCodes
                | CodeRefused::WrongPassword => "wrong",
                CodeRefused::Spent | CodeRefused::UsedRecoveryCode => "spent",
                CodeRefused::ClockOff { .. } => "clock_off",
                CodeRefused::BudgetSpent => "budget_spent",
                CodeRefused::Wait(_) => "too_soon",
                CodeRefused::SessionOver => "session_over",
            },
        };
        let counters = ANSWERS.iter().zip(&self.0);
        counters.filter(|(answer, _)| **answer == label).for_each(|(_, counter)| counter.inc());
    }
}

impl Vestibule {
    /// What is counted: the gate counts by it.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Writes what this process counted, and how many there are of what in the database.
    pub async fn write_metrics(&self, text: &mut Text) {
        self.write_sign_ins(text);
        self.metrics.gate.write(text);
        self.write_hashing(text);
        self.write_database(text);
        let is_up = timeout(PATIENCE, self.is_ready()).await.unwrap_or(false);
        text.family("vestibule_database_up", Kind::Gauge, "Whether the database answers: 1 or 0.")
            .value(&[], u8::from(is_up));
        // While it is away an old number would lie.
        let population = if is_up {
            timeout(PATIENCE, self.population()).await.ok().and_then(Result::ok)
        } else {
            None
        };
        write_population(text, population);
    }

    fn write_sign_ins(&self, text: &mut Text) {
        let metrics = &self.metrics;
        let event = |kind| metrics.events.of(kind);
        text.family("vestibule_passwords_total", Kind::Counter, "Passwords given to sign in.")
            .counted(&[("outcome", "accepted")], event(AuditKind::PasswordAccepted))
            .counted(&[("outcome", "refused")], event(AuditKind::PasswordRefused))
            .counted(&[("outcome", "too_soon")], event(AuditKind::PasswordTooSoon));
        let help = "Security codes and recovery codes given, to sign in or as a fresh proof.";
        let mut codes = text.family("vestibule_codes_total", Kind::Counter, help);
        for (kind, counters) in
            [("security_code", &metrics.codes), ("recovery_code", &metrics.recovery_codes)]
        {
            for (outcome, counter) in ANSWERS.iter().zip(&counters.0) {
                codes.counted(&[("code", kind), ("outcome", outcome)], counter);
            }
        }
        let help = "Complete sign-ins, by the second proof.";
        text.family("vestibule_sign_ins_total", Kind::Counter, help)
            .counted(&[("second_proof", "none")], &metrics.signed_in_by_password)
            .counted(&[("second_proof", "totp")], &metrics.signed_in_by_totp)
            .counted(&[("second_proof", "recovery_code")], &metrics.signed_in_by_recovery_code);
        let help = "Attempts that were not compared with anything.";
        text.family("vestibule_attempts_refused_total", Kind::Counter, help)
            .counted(&[("reason", "password_wait")], event(AuditKind::PasswordTooSoon))
            .counted(&[("reason", "code_wait")], event(AuditKind::CodeTooSoon))
            .counted(&[("reason", "code_budget")], event(AuditKind::BudgetSpent))
            .counted(&[("reason", "queue_full")], &self.hashing.metrics().refused);
        let help = "Audit events written by this process.";
        let mut events = text.family("vestibule_audit_events_total", Kind::Counter, help);
        for kind in AuditKind::ALL {
            events.counted(&[("kind", kind.as_str())], event(*kind));
        }
    }

    fn write_hashing(&self, text: &mut Text) {
        let metrics = self.hashing.metrics();
        let (waiting, busy) = self.hashing.length_and_busy();
        text.family("vestibule_hashing_threads", Kind::Gauge, "Threads that hash passwords.")
            .value(&[], metrics.threads);
        text.family("vestibule_hashing_busy", Kind::Gauge, "Of these, how many hash now.")
            .value(&[], busy);
        text.family("vestibule_hashing_waiting", Kind::Gauge, "Hashes that wait for a thread.")
            .value(&[], waiting);
        let help = "How long a hash waited for its thread, in seconds.";
        text.family("vestibule_hashing_wait_seconds", Kind::Histogram, help)
            .histogram(&[], &metrics.waits);
        let help = "How long it then took, in seconds.";
        text.family("vestibule_hashing_seconds", Kind::Histogram, help)
            .histogram(&[], &metrics.hashes);
    }

    fn write_database(&self, text: &mut Text) {
        let (metrics, pools) = (self.store.metrics(), self.store.pools());
        let help = "Connections that a pool may have.";
        let mut most = text.family("vestibule_database_connections_max", Kind::Gauge, help);
        for pool in &pools {
            most.value(&[("pool", pool.name)], pool.most);
        }
        let help = "Connections of a pool.";
        let mut open = text.family("vestibule_database_connections", Kind::Gauge, help);
        for pool in &pools {
            open.value(&[("pool", pool.name), ("state", "idle")], pool.idle);
            open.value(&[("pool", pool.name), ("state", "in_use")], pool.open - pool.idle);
        }
        let help =
            "How long it took to be lent a connection, or to begin a transaction, in seconds.";
        text.family("vestibule_database_wait_seconds", Kind::Histogram, help)
            .histogram(&[("for", "reading")], &metrics.reading)
            .histogram(&[("for", "writing")], &metrics.writing);
        let help = "How long committed transactions took from their begin, in seconds.";
        text.family("vestibule_database_transaction_seconds", Kind::Histogram, help)
            .histogram(&[], &metrics.transactions);
        let help = "How often no connection and no transaction could be had.";
        text.family("vestibule_database_unavailable_total", Kind::Counter, help)
            .counted(&[], &metrics.unavailable);
    }

    /// How many there are of what, counted within the last minute. Who comes meanwhile waits for the
    /// same count.
    async fn population(&self) -> Result<Population, StoreError> {
        let mut counted = self.metrics.population.lock().await;
        let now = self.clock.now();
        if let Some((at, population)) = *counted
            && at.age_at(now).is_some_and(|age| age < COUNTED_AGAIN)
        {
            return Ok(population);
        }
        let seen_since = now.minus(self.settings.session_limits.idle);
        let population = self.store.read().await?.population(seen_since).await?;
        *counted = Some((now, population));
        Ok(population)
    }
}

/// The labels of a gauge, and its number.
type Gauge = (&'static [(&'static str, &'static str)], fn(&Population) -> i64);

/// Without the database, the names stand there without numbers.
fn write_population(text: &mut Text, population: Option<Population>) {
    let mut gauges = |name, help, values: &[Gauge]| {
        let mut family = text.family(name, Kind::Gauge, help);
        let Some(population) = &population else { return };
        for (labels, value) in values {
            family.value(labels, value(population));
        }
    };
    gauges(
        "vestibule_accounts",
        "Accounts, by whether MFA is required in them.",
        &[
            (&[("mfa", "required")], |of| of.accounts_required),
            (&[("mfa", "optional")], |of| of.accounts_optional),
        ],
    );
    gauges(
        "vestibule_users",
        "Users, by their state.",
        &[
            (&[("state", "active")], |of| of.active),
            (&[("state", "invited")], |of| of.invited),
            (&[("state", "disabled")], |of| of.disabled),
        ],
    );
    let help = "Active users that have a factor.";
    gauges("vestibule_users_with_factor", help, &[(&[], |of| of.with_factor)]);
    gauges("vestibule_sessions", "Sessions that have not ended.", &[(&[], |of| of.sessions)]);
    gauges("vestibule_mails_waiting", "Mails that wait to be sent.", &[(&[], |of| of.mails)]);
    let help = "Audit events that are not sealed yet.";
    gauges("vestibule_audit_events_unsealed", help, &[(&[], |of| of.unsealed)]);
}
