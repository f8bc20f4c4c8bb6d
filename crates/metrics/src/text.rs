//! Prometheus' text format, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write as _};

use crate::counter::Counter;
use crate::histogram::Histogram;

/// The media type of what is written.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process starts anew. Its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How long things took, in seconds.
    Histogram,
}

/// What is answered to a scrape.
#[derive(Debug, Default)]
pub struct Text(String);

/// Numbers of one name.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Text {
    /// Begins the numbers of one name. It must not come twice.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }

    /// All that was written.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// One number with its labels. What a label can say is a closed list: never a person, an address
    /// or anything that a request brings along.
    pub fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, value);
        self
    }

    /// What was counted.
    pub fn counted(&mut self, labels: &[(&str, &str)], counter: &Counter) -> &mut Self {
        self.value(labels, counter.get())
    }

    /// The buckets of a histogram.
    pub fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Self {
        let counted = histogram.counted();
        for (bound, count) in counted.up_to {
            self.line("_bucket", &[labels, &[("le", seconds(bound).as_str())]].concat(), count);
        }
        self.line("_bucket", &[labels, &[("le", "+Inf")]].concat(), counted.count);
        self.line("_sum", labels, seconds(counted.sum));
        self.line("_count", labels, counted.count);
        self
    }

    fn line(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{ending}", self.name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.text, "{before}{name}=\"{value}\"");
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{after} {value}");
    }
}

/// Nanoseconds as seconds, exactly.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Text, seconds};
    use crate::counter::Counter;
    use crate::histogram::Histogram;
    use crate::stopwatch::Stopwatch;

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let (mut text, counter) = (Text::default(), Counter::default());
        counter.inc();
        text.family("cats_total", Kind::Counter, "Cats that came in.")
            .counted(&[("fur", "long"), ("name", "a \"b\" \\ \n c")], &counter);
        text.family("cats", Kind::Gauge, "Cats that are in.").value(&[], -1);
        assert_eq!(
            text.into_string(),
            "# HELP cats_total Cats that came in.\n# TYPE cats_total counter\n\
             cats_total{fur=\"long\",name=\"a \\\"b\\\" \\\\ \\n c\"} 1\n\
             # HELP cats Cats that are in.\n# TYPE cats gauge\ncats -1\n"
        );
    }

    #[test]
    fn the_buckets_of_a_histogram_grow_up_to_its_count() {
        let (mut text, histogram) = (Text::default(), Histogram::of_waits());
        histogram.note(Stopwatch::start());
        text.family("nap_seconds", Kind::Histogram, "Naps.").histogram(&[("cat", "x")], &histogram);
        let text = text.into_string();
        assert!(text.contains("nap_seconds_bucket{cat=\"x\",le=\"0.0001\"}"), "{text}");
        assert!(text.contains("nap_seconds_bucket{cat=\"x\",le=\"10\"} 1\n"), "{text}");
        assert!(text.contains("nap_seconds_bucket{cat=\"x\",le=\"+Inf\"} 1\n"), "{text}");
        assert!(text.contains("nap_seconds_sum{cat=\"x\"} 0.0"), "{text}");
        assert!(text.ends_with("nap_seconds_count{cat=\"x\"} 1\n"), "{text}");
    }

    #[test]
    fn nanoseconds_become_seconds_without_a_loss() {
        for (nanos, text) in
            [(0, "0"), (10_000, "0.00001"), (2_500_000_000, "2.5"), (10_000_000_000, "10")]
        {
            assert_eq!(seconds(nanos), text);
        }
    }
}
