//! What the process says of itself to Prometheus. The names are those that every client library uses:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

use std::fs;

use vestibule_domain::time::Timestamp;
use vestibule_metrics::{Kind, Text};

/// Writes version and start, and on Linux what the system knows of this process.
pub(crate) fn write(text: &mut Text, started: Timestamp) {
    text.family("vestibule_build_info", Kind::Gauge, "Always 1; the version stands in its label.")
        .value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let help = "When the process started, in seconds since 1970.";
    let (seconds, millis) = (started.millis().div_euclid(1000), started.millis().rem_euclid(1000));
    text.family("process_start_time_seconds", Kind::Gauge, help)
        .value(&[], format_args!("{seconds}.{millis:03}"));
    let mut gauge = |name, help: &str, value: Option<u64>| {
        if let Some(value) = value {
            text.family(name, Kind::Gauge, help).value(&[], value);
        }
    };
    gauge("process_resident_memory_bytes", "Memory that is resident, in bytes.", memory());
    gauge("process_open_fds", "Open file descriptors.", open_files());
    gauge("process_max_fds", "File descriptors that it may open.", most_files());
    if let Some(cpu) = cpu() {
        let help = "Time on processors, in seconds.";
        text.family("process_cpu_seconds_total", Kind::Counter, help).value(&[], cpu);
    }
}

/// `proc_pid_status(5)`: in KiB.
fn memory() -> Option<u64> {
    Some(number_after("/proc/self/status", "VmRSS:")? * 1024)
}

fn open_files() -> Option<u64> {
    // One of them is for the listing itself.
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)).ok()
}

fn most_files() -> Option<u64> {
    number_after("/proc/self/limits", "Max open files")
}

fn number_after(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// `proc_pid_stat(5)`: user and system time, in ticks. What stands in brackets before them may hold
/// anything.
fn cpu() -> Option<String> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (ticks, a_second) = (ticks()? + ticks()?, rustix::param::clock_ticks_per_second());
    let hundredths = (ticks * 100).checked_div(a_second)?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use vestibule_domain::time::Timestamp;
    use vestibule_metrics::Text;

    #[test]
    fn the_process_says_when_it_started_and_what_it_uses() {
        let mut text = Text::default();
        super::write(&mut text, Timestamp::from_millis(1_764_000_000_007));
        let text = text.into_string();
        assert!(text.contains("process_start_time_seconds 1764000000.007\n"), "{text}");
        if cfg!(target_os = "linux") {
            let value = |name: &str| -> f64 {
                let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
                line.rsplit(' ').next().unwrap().parse().unwrap()
            };
            // A process without a megabyte, a file or a limit does not run tests.
            assert!(value("process_resident_memory_bytes") > 1e6, "{text}");
            assert!(value("process_open_fds") >= 3.0, "{text}");
            assert!(value("process_max_fds") >= value("process_open_fds"), "{text}");
            assert!(value("process_cpu_seconds_total") >= 0.0, "{text}");
        }
    }
}
