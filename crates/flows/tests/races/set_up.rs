//! The first account is one, however many set it up and wherever.

use vestibule_domain::sealing::MasterKey;
use vestibule_domain::token::Token;
use vestibule_flows::setup::Setup;
use vestibule_flows::{FlowError, KeyError, Vestibule};
use vestibule_testkit::app::randomness;
use vestibule_testkit::{Database, MovableClock, database};

use crate::stage::*;

async fn set_up(vestibule: Vestibule, token: Token, number: usize) -> Result<bool, FlowError> {
    let email = format!("ada{number}@acme.example");
    let setup = Setup { account: "Acme", name: "Ada", email: &email, password: NEW_PASSWORD };
    Ok(vestibule.set_up(&visitor(), &token, &setup).await?.is_ok())
}

/// Several nodes on one empty database. Each has hashing threads of its own.
async fn nodes(on: Database, count: usize) -> (database::Emptied, Vec<Vestibule>) {
    let (made, clock) = (on.make().await, MovableClock::default());
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(open(&made.open().await, &clock).await);
    }
    (made, nodes)
}

async fn many_set_up_one_account(on: Database) {
    let (made, nodes) = nodes(on, 8).await;
    let token = nodes[0].make_setup_link().await.unwrap().unwrap();
    let acts = (0..RACERS)
        .map(|number| set_up(nodes[number % 8].clone(), token.clone(), number))
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
        let (made, nodes) = nodes(on, 2).await;
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

/// The first master key is the one: a node with another is turned away, though it was as early.
async fn of_two_master_keys_one_is_the_databases(on: Database) {
    for _ in 0..3 {
        let (made, clock) = (on.make().await, MovableClock::default());
        let mut acts = Vec::new();
        for _ in 0..4 {
            let (store, clock) = (made.open().await, clock.clone());
            acts.push(
                async move { open_with(&store, &clock, &MasterKey::new(&randomness())).await },
            );
        }
        let opened: Vec<_> = all_results(acts).await;
        let good = opened.iter().filter(|opened| opened.is_ok()).count();
        let foreign = opened.iter().filter(|o| matches!(o, Err(KeyError::Foreign { .. }))).count();
        assert_eq!((good, foreign), (1, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_master_keys_one_is_the_databases_on_sqlite() {
    of_two_master_keys_one_is_the_databases(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_master_keys_one_is_the_databases_on_postgres() {
    of_two_master_keys_one_is_the_databases(Database::Postgres).await;
}

/// A link that is still there once an account exists, however that came to be, sets up nothing.
async fn nothing_is_set_up_beside_an_account(on: Database) {
    let (made, nodes) = nodes(on, 1).await;
    let token = nodes[0].make_setup_link().await.unwrap().unwrap();
    let mut tx = made.open().await.write().await.unwrap();
    let id = vestibule_domain::id::AccountId::new(nodes[0].now(), &randomness());
    tx.insert_account(id, &name("Beside"), nodes[0].now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!nodes[0].is_setup_link(&token).await.unwrap());
    assert!(!set_up(nodes[0].clone(), token, 0).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_set_up_beside_an_account_on_sqlite() {
    nothing_is_set_up_beside_an_account(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_set_up_beside_an_account_on_postgres() {
    nothing_is_set_up_beside_an_account(Database::Postgres).await;
}
