//! The long forms of the proof, one subcommand each: figures on stdout as one line of JSON, progress
//! on stderr. `scripts/prove` calls it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vestibule_proof::{Report, access, explore, faults, marks, nodes};

#[derive(Parser)]
#[command(about = "The long forms of the proof, as scripts/prove runs them", version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// The guards that are marked in the sources
    Marks,
    /// Killed, starved and cut off
    Faults(faults::Options),
    /// Two nodes on one PostgreSQL
    Nodes(nodes::Options),
    /// The one decision, over its whole input space
    Access,
    /// Every state that requests and the clock lead to, over the shipping flows and SQL
    Explore {
        /// Until so many states were found
        #[arg(long, default_value_t = 300_000)]
        states: usize,
        /// Or so many seconds have passed
        #[arg(long, default_value_t = 2_300)]
        seconds: u64,
        /// On so many threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// From every how many-th state all ways in and back are tried
        #[arg(long, default_value_t = 50)]
        ways_every: u32,
        /// From every how many-th state races are played
        #[arg(long, default_value_t = 10)]
        races_every: u32,
        /// Actions that are taken on walks at random first
        #[arg(long, default_value_t = 300_000)]
        walked: u64,
        /// Instead: play this path again, and say what happens
        #[arg(long, value_delimiter = ',')]
        replay: Vec<u16>,
    },
}

fn main() -> ExitCode {
    let report: Report = match Arguments::parse().part {
        Part::Marks => marks::report(),
        Part::Faults(options) => run(faults::report(&options)),
        Part::Nodes(options) => run(nodes::report(&options)),
        Part::Access => access::report(access::Space::Whole),
        Part::Explore { replay, .. } if !replay.is_empty() => {
            let (story, holds) = explore::replay(&replay);
            eprint!("{story}");
            return if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Part::Explore { states, seconds, threads, ways_every, races_every, walked, .. } => {
            let ways =
                explore::Options { states, seconds, threads, ways_every, races_every, walked };
            explore::report(&ways)
        }
    };
    println!("{}", serde_json::to_string(&report).unwrap_or_default());
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a part to its end.
fn run(part: impl Future<Output = Report>) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(part)
}
