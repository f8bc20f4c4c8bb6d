//! What is counted about the gate, which is asked for each request of every application: two
//! additions a decision, on numbers that cores rarely share.

use vestibule_metrics::{Histogram, Kind, Stopwatch, Text};

/// What the gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateOutcome {
    /// The request may pass.
    Granted,
    /// Somebody has to sign in first, or to give a further proof.
    SignInNeeded,
    /// It may not pass, whoever signs in: not allowed, an unknown host, a proxy that is not trusted.
    Refused,
    /// It could not be decided.
    Unavailable,
}

/// What the gate knew it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateSource {
    /// The request alone.
    Request,
    /// What was remembered of the session.
    Memory,
    /// The database.
    Database,
}

impl GateOutcome {
    const ALL: [(Self, &str); 4] = [
        (Self::Granted, "granted"),
        (Self::SignInNeeded, "sign_in_needed"),
        (Self::Refused, "refused"),
        (Self::Unavailable, "unavailable"),
    ];
}

impl GateSource {
    const ALL: [(Self, &str); 3] =
        [(Self::Request, "request"), (Self::Memory, "memory"), (Self::Database, "database")];
}

/// How often the gate decided what, and how long it took: the count of each histogram is the number
/// of such decisions.
#[derive(Debug)]
pub struct GateMetrics([[Histogram; GateSource::ALL.len()]; GateOutcome::ALL.len()]);

impl Default for GateMetrics {
    fn default() -> Self {
        let of_each_source = |()| [(); 3].map(|()| Histogram::of_the_hot_path());
        Self([(); 4].map(of_each_source))
    }
}

impl GateMetrics {
    /// Notes a decision and how long it took.
    pub fn note(&self, outcome: GateOutcome, source: GateSource, took: Stopwatch) {
        self.of(outcome, source).note(took);
    }

    fn of(&self, outcome: GateOutcome, source: GateSource) -> &Histogram {
        &self.0[outcome as usize][source as usize]
    }

    pub(crate) fn write(&self, text: &mut Text) {
        let help = "Decisions of the gate, and how long they took, in seconds.";
        let mut family = text.family("vestibule_gate_seconds", Kind::Histogram, help);
        for (outcome, outcome_said) in GateOutcome::ALL {
            for (source, source_said) in GateSource::ALL {
                let labels = [("outcome", outcome_said), ("source", source_said)];
                family.histogram(&labels, self.of(outcome, source));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vestibule_metrics::{Stopwatch, Text};

    use super::{GateMetrics, GateOutcome, GateSource};

    #[test]
    fn a_decision_counts_once_and_where_it_belongs() {
        let metrics = GateMetrics::default();
        metrics.note(GateOutcome::Refused, GateSource::Database, Stopwatch::start());
        let mut text = Text::default();
        metrics.write(&mut text);
        let text = text.into_string();
        let ones: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("vestibule_gate_seconds_count") && line.ends_with(" 1"))
            .collect();
        let expected = "vestibule_gate_seconds_count{outcome=\"refused\",source=\"database\"} 1";
        assert_eq!(ones, [expected]);
    }
}
