//! Two nodes on one PostgreSQL, as processes: what is good once is good once over both, and what was
//! revoked stays revoked on both, whatever happens to the nodes meanwhile.
//!
//! - `once`: each single-use thing, tried by 64 at the same moment
//! - `history`: people at work on both nodes, which are frozen, killed and cut off; every request is
//!   written down
//! - `check`: what must be true of such a history

pub mod check;
pub mod history;
pub mod once;

use std::path::{Path, PathBuf};

use clap::Args;
use vestibule_testkit::cable::CableEnd;
use vestibule_testkit::{Client, OwnPostgres, Program};

use crate::Report;
use crate::asking::{Asker, Given};
use crate::installation::{Installation, binary};

/// How many try at the same moment.
const RACERS: usize = 64;

/// How much of each.
#[derive(Args, Clone)]
pub struct Options {
    /// The program [default: the one beside this]
    #[arg(long)]
    pub binary: Option<PathBuf>,
    /// Rounds for each single-use thing
    #[arg(long, default_value_t = 300)]
    pub rounds: usize,
    /// Requests of the history
    #[arg(long, default_value_t = 20_000)]
    pub requests: usize,
    /// For the choices
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// The long form.
pub async fn report(options: &Options) -> Report {
    let mut report = Report::default();
    let binary = binary(options.binary.as_deref());
    if options.rounds > 0 {
        once::run(&binary, options.rounds, RACERS, &mut report).await;
    }
    if options.requests > 0 {
        history::run(&binary, options.requests, options.seed, &mut report).await;
    }
    report
}

/// Two nodes, each with a cable of its own to the database.
pub struct Nodes {
    /// The programs; they end before what they stand on.
    pub nodes: [Program; 2],
    /// Their cables.
    pub cables: [CableEnd; 2],
    /// The installation.
    pub place: Installation,
    /// The database.
    pub postgres: OwnPostgres,
    /// How they are asked.
    pub asker: Asker,
}

impl Nodes {
    /// Starts both.
    pub async fn start(binary: &Path, people: usize) -> Self {
        let postgres = OwnPostgres::start();
        let cables = [CableEnd::to(postgres.port).await, CableEnd::to(postgres.port).await];
        let place = Installation::make(binary, Some(&postgres.url()), people).await;
        let nodes = [("first", &cables[0]), ("second", &cables[1])]
            .map(|(name, cable)| place.node(name, &postgres.url_at(cable.port)));
        for node in &nodes {
            node.start(&place.yard);
            node.ready(&place.yard).await;
        }
        Self { nodes, cables, place, postgres, asker: Asker::default() }
    }

    /// A browser at one of the nodes, in a network of its own.
    pub fn browser(&self, node: usize, network: usize) -> Client {
        Installation::browser(&self.nodes[node % 2], network)
    }

    /// Signs somebody in at the first node.
    pub async fn sign_in(&self, person: usize, network: usize) -> Client {
        let browser = self.browser(0, network);
        let person = &self.place.people[person];
        assert!(self.asker.give_password(&browser, &person.credentials()).await);
        let code = person.code().expect("a code that was not taken yet");
        assert_eq!(self.asker.give_code(&browser, &code).await, Given::Accepted);
        browser
    }
}
