//! What is counted about the gate, which is asked for each request of every application: two
//! additions a decision, on numbers that cores rarely share.

use vestibule_metrics::{Histogram, Kind, Stopwatch, Text};

/// What the gate decided, and what it knew it from. A no is never answered from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateDecision {
    /// The request may pass, by what was remembered of its session.
    GrantedFromMemory,
    /// It may pass, by what the database says.
    Granted,
    /// Somebody has to sign in first, or to give a further proof.
    SignInNeeded,
    /// It may not pass, whoever signs in: not allowed, or a host without an application.
    Refused,
    /// The request alone says that it may not: a proxy that is not trusted, a header that is doubled.
    NotUnderstood,
    /// The database does not answer.
    Unavailable,
}

impl GateDecision {
    /// Each with its labels: outcome and source.
    const ALL: [(Self, &str, &str); 6] = [
        (Self::GrantedFromMemory, "granted", "memory"),
        (Self::Granted, "granted", "database"),
        (Self::SignInNeeded, "sign_in_needed", "database"),
        (Self::Refused, "refused", "database"),
        (Self::NotUnderstood, "refused", "request"),
        (Self::Unavailable, "unavailable", "database"),
    ];
}

/// How often the gate decided what, and how long it took: the count of each histogram is the number
/// of such decisions.
#[derive(Debug)]
pub struct GateMetrics([Histogram; GateDecision::ALL.len()]);

impl Default for GateMetrics {
    fn default() -> Self {
        Self(GateDecision::ALL.map(|_| Histogram::of_the_hot_path()))
    }
}

impl GateMetrics {
    /// Notes a decision and how long it took.
    pub fn note(&self, decision: GateDecision, took: Stopwatch) {
        self.0[decision as usize].note(took);
    }

    pub(crate) fn write(&self, text: &mut Text) {
        let help = "Decisions of the gate, and how long they took, in seconds.";
        let mut family = text.family("vestibule_gate_seconds", Kind::Histogram, help);
        for (decision, outcome, source) in GateDecision::ALL {
            let labels = [("outcome", outcome), ("source", source)];
            family.histogram(&labels, &self.0[decision as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use vestibule_metrics::{Stopwatch, Text};

    use super::{GateDecision, GateMetrics};

    #[test]
    fn a_decision_counts_once_and_where_it_belongs() {
        for (decision, outcome, source) in GateDecision::ALL {
            let metrics = GateMetrics::default();
            metrics.note(decision, Stopwatch::start());
            let mut text = Text::default();
            metrics.write(&mut text);
            let text = text.into_string();
            let is_count = |line: &&str| line.starts_with("vestibule_gate_seconds_count");
            let ones = text.lines().filter(is_count).filter(|line| line.ends_with(" 1"));
            let expected = format!("{{outcome=\"{outcome}\",source=\"{source}\"}} 1");
            let ones: Vec<&str> = ones.collect();
            assert!(matches!(ones[..], [one] if one.ends_with(&expected)), "{ones:?}");
        }
    }
}
