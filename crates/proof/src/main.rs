//! The long forms of the proof, one subcommand each: figures on stdout as one line of JSON, progress
//! on stderr. `scripts/prove` calls it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vestibule_proof::{Report, faults, marks, nodes};

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
}

fn main() -> ExitCode {
    let report: Report = match Arguments::parse().part {
        Part::Marks => marks::report(),
        Part::Faults(options) => run(faults::report(&options)),
        Part::Nodes(options) => run(nodes::report(&options)),
    };
    println!("{}", serde_json::to_string(&report).unwrap_or_default());
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a part to its end.
fn run(part: impl Future<Output = Report>) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(part)
}
