//! The first account is one, however many set it up and wherever.

use std::sync::Arc;

use vestibule_domain::token::Token;
use vestibule_flows::setup::Setup;
use vestibule_flows::{FlowError, Vestibule};
use vestibule_testkit::{Database, MovableClock, database};

use crate::stage::*;

async fn set_up(vestibule: Vestibule, token: Token, number: usize) -> Result<bool, FlowError> {
    let email = format!("ada{number}@acme.example");
    let setup = Setup { account: "Acme", name: "Ada", email: &email, password: NEW_PASSWORD };
    Ok(vestibule.set_up(&visitor(), &token, &setup).await?.is_ok())
}

/// Two nodes on one empty database.
async fn two_nodes(on: Database) -> (Arc<database::Emptied>, [Vestibule; 2]) {
    let (made, clock) = (on.make().await, MovableClock::default());
    let nodes = [open(&made.open().await, &clock).await, open(&made.open().await, &clock).await];
    (Arc::new(made), nodes)
}

async fn many_set_up_one_account(on: Database) {
    let (made, nodes) = two_nodes(on).await;
    let token = nodes[0].make_setup_link().await.unwrap().unwrap();
    let acts = (0..RACERS)
        .map(|number| set_up(nodes[number % 2].clone(), token.clone(), number))
        .collect();
    let won = all_at_once(acts).await.into_iter().filter(|won| *won).count();
    let accounts = made.open().await.read().await.unwrap().first_accounts().await.unwrap().len();
    assert_eq!((won, accounts), (1, 1));
    assert!(nodes[1].make_setup_link().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_set_up_one_account_on_sqlite() {
    many_set_up_one_account(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_set_up_one_account_on_postgres() {
    many_set_up_one_account(Database::Postgres).await;
}

/// Each node prints a link when it starts; at most one of them is good.
async fn two_links_set_up_one_account(on: Database) {
    for _ in 0..4 {
        let (made, nodes) = two_nodes(on).await;
        let starts = nodes.iter().cloned().map(|node| async move { node.make_setup_link().await });
        let tokens = all_at_once(starts.collect()).await;
        let acts = tokens
            .into_iter()
            .enumerate()
            .map(|(number, token)| set_up(nodes[number].clone(), token.unwrap(), number));
        let won = all_at_once(acts.collect()).await.into_iter().filter(|won| *won).count();
        let accounts = made.open().await.read().await.unwrap().first_accounts().await.unwrap();
        assert_eq!((won, accounts.len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_links_set_up_one_account_on_sqlite() {
    two_links_set_up_one_account(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_links_set_up_one_account_on_postgres() {
    two_links_set_up_one_account(Database::Postgres).await;
}
