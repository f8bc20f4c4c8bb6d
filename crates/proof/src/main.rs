//! The long forms of the proof, one subcommand each: figures on stdout as one line of JSON, progress
//! on stderr. `scripts/prove` calls it.

#![allow(clippy::panic, reason = "what cannot go on panics: it is a test")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vestibule_proof::{
    Report, access, enumeration, explore, faults, http_fuzz, marks, nodes, secrets,
};
use vestibule_testkit::Database;

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
        #[arg(long, default_value_t = 20)]
        races_every: u32,
        /// Actions that are taken on walks at random first
        #[arg(long, default_value_t = 100_000)]
        walked: u64,
        /// Instead: play this path again, and say what happens
        #[arg(long, value_delimiter = ',')]
        replay: Vec<u16>,
    },
    /// Whether anything at the first door tells who has a login
    Enumeration(enumeration::Options),
    /// Requests made up from a grammar of the routes, in process
    HttpFuzz(HttpFuzz),
    /// Known secrets are searched for wherever the program keeps or tells something
    Secrets(Secrets),
}

#[derive(clap::Args)]
struct HttpFuzz {
    /// How many
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// What they follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On PostgreSQL, not on SQLite
    #[arg(long)]
    postgres: bool,
    /// Shows one request again, with its answer, after those before it in its chapter
    #[arg(long, value_name = "SEED:NUMBER", value_parser = seed_and_number)]
    replay: Option<(u64, u64)>,
}

#[derive(clap::Args)]
struct Secrets {
    /// On PostgreSQL, not on SQLite
    #[arg(long)]
    postgres: bool,
    /// Not in the memory of the process, for which gcore (gdb) is needed
    #[arg(long)]
    no_core: bool,
    /// The program; without it, the one beside this
    #[arg(long, value_name = "FILE")]
    binary: Option<std::path::PathBuf>,
}

impl Secrets {
    async fn run(self) -> Report {
        let database = if self.postgres { Database::Postgres } else { Database::Sqlite };
        secrets::run(database, self.binary.as_deref(), !self.no_core).await
    }
}

impl HttpFuzz {
    fn run(&self) -> http_fuzz::Run {
        let database = if self.postgres { Database::Postgres } else { Database::Sqlite };
        let (seed, only) = self.replay.map_or((self.seed, None), |(seed, it)| (seed, Some(it)));
        http_fuzz::Run { database, seed, requests: self.requests, only }
    }
}

fn seed_and_number(text: &str) -> Result<(u64, u64), String> {
    let (seed, number) = text.split_once(':').ok_or("write SEED:NUMBER")?;
    let read = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
    Ok((read(seed)?, read(number)?))
}

fn in_runtime(work: impl Future<Output = Report>) -> Report {
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(work)
}

fn main() -> ExitCode {
    let report: Report = match Arguments::parse().part {
        Part::Marks => marks::report(),
        Part::Enumeration(options) => in_runtime(enumeration::report(&options)),
        Part::Faults(options) => in_runtime(faults::report(&options)),
        Part::Nodes(options) => in_runtime(nodes::report(&options)),
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
        Part::Secrets(asked) => in_runtime(asked.run()),
        Part::HttpFuzz(asked) => in_runtime(http_fuzz::run(asked.run())),
    };
    println!("{}", serde_json::to_string(&report).unwrap_or_default());
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
