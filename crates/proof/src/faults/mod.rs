//! Faults: the program as it is shipped, with durability settings as shipped, is killed, starved and
//! cut off, on both databases; what was answered holds.
//!
//! - `kill`: the server and PostgreSQL are killed under load
//! - `sync`: an answer comes after the sync of its commit
//! - `clock`: the server's clock jumps
//! - `disk`: the disk is full, or read-only
//! - `away`: PostgreSQL is stopped, hangs or is cut off

pub mod away;
pub mod clock;
pub mod disk;
pub mod kill;
pub mod load;
pub mod sync;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::Report;
use crate::installation::binary;
use away::Spells;
use kill::{Kills, Victim};
use vestibule_testkit::Database;

/// How much of each.
#[derive(Args, Clone)]
pub struct Options {
    /// The program that is broken [default: the one beside this]
    #[arg(long)]
    pub binary: Option<PathBuf>,
    /// How often the server on SQLite is killed; the others half as often
    #[arg(long, default_value_t = 100)]
    pub kills: u32,
    /// A build with the feature `prove`, which can have SQLite sync less
    #[arg(long)]
    pub control: Option<PathBuf>,
    /// Codes whose answers are looked at through strace
    #[arg(long, default_value_t = 100)]
    pub codes: usize,
    /// How often the disk is full, and read-only
    #[arg(long, default_value_t = 10)]
    pub disks: usize,
    /// How often PostgreSQL goes away
    #[arg(long, default_value_t = 50)]
    pub away: usize,
    /// Seconds within which everything has to work again once PostgreSQL is back
    #[arg(long, default_value_t = 5)]
    pub heal_seconds: u64,
    /// Whether the clock jumps
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub clock: bool,
    /// People with an app
    #[arg(long, default_value_t = 300)]
    pub people: usize,
    /// Seconds within which it has to be ready again
    #[arg(long, default_value_t = 2)]
    pub ready_seconds: u64,
    /// For the choices
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// The long form.
pub async fn report(options: &Options) -> Report {
    let mut report = Report::default();
    let binary = binary(options.binary.as_deref());
    kills(&binary, options, &mut report).await;
    if options.codes > 0 {
        sync::run(&binary, options.control.as_deref(), options.codes, &mut report).await;
    }
    if options.disks > 0 {
        disk::run(&binary, options.disks, &mut report).await;
    }
    if options.away > 0 {
        let healed_within = Duration::from_secs(options.heal_seconds);
        let (times, seed) = (options.away, options.seed);
        let spells = Spells { troubles: &away::TROUBLES, times, healed_within, seed };
        away::run(&binary, spells, &mut report).await;
    }
    if options.clock {
        for database in [Database::Sqlite, Database::Postgres] {
            clock::run(database, &mut report).await;
        }
    }
    report
}

async fn kills(binary: &Path, options: &Options, report: &mut Report) {
    for (victim, times) in [
        (Victim::OnSqlite, options.kills),
        (Victim::OnPostgres, options.kills / 2),
        (Victim::Postgres, options.kills / 2),
    ] {
        if times == 0 {
            continue;
        }
        let (people, seed) = (options.people, options.seed);
        let ready_within = Duration::from_secs(options.ready_seconds);
        kill::run(binary, Kills { victim, times, people, ready_within, seed }, report).await;
    }
}
