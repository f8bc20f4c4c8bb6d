//! All or nothing, also for who goes away in the middle; two processes on one database.

use std::time::Duration;

use tokio::task::JoinSet;
use vestibule_domain::id::AccountId;
use vestibule_domain::totp::Step;
use vestibule_metrics::Counter;
use vestibule_testkit::Database;

use crate::support::*;

on_both! {
    async fn what_is_dropped_leaves_nothing(db) {
        let other = AccountId::new(now(), &db.random);
        let mut tx = db.store.write().await.unwrap();
        tx.insert_account(other, &name("Other"), now()).await.unwrap();
        assert!(tx.account(other).await.unwrap().is_some(), "its own writes it sees");
        assert!(read!(db, r => r.account(other).await.unwrap()).is_none(), "nobody else does");
        drop(tx);
        assert!(read!(db, r => r.account(other).await.unwrap()).is_none());
        write!(db, tx => assert!(tx.account(other).await.unwrap().is_none()));
    }

    /// What is counted with a transaction happened with it, or not at all.
    async fn what_is_dropped_is_not_counted(db) {
        let counter = Counter::default();
        let mut tx = db.store.write().await.unwrap();
        tx.count_at_commit(&counter);
        drop(tx);
        assert_eq!(counter.get(), 0);
        write!(db, tx => tx.count_at_commit(&counter));
        assert_eq!(counter.get(), 1);
    }

    async fn a_failed_statement_leaves_nothing(db) {
        let mut tx = db.store.write().await.unwrap();
        let other = AccountId::new(now(), &db.random);
        tx.insert_account(other, &name("Other"), now()).await.unwrap();
        assert!(is_refused(&tx.insert_account(other, &name("Again"), now()).await));
        drop(tx);
        assert!(read!(db, r => r.account(other).await.unwrap()).is_none());
    }

    /// Requests are dropped at any point when a browser goes away. Whoever comes next finds a
    /// clean connection, and nothing half done.
    async fn who_goes_away_at_any_point_leaves_nothing_half_done(db) {
        let ben = db.user("ben").await;
        for round in 0..150 {
            let (store, factor) = (db.store.clone(), db.factor_id());
            let task = tokio::spawn(async move {
                let mut tx = store.write().await.unwrap();
                assert!(tx.spend_code(factor, Step(1), now()).await.unwrap());
                assert!(tx.spend_code(factor, Step(2), now()).await.unwrap());
                assert!(tx.reserve_code_attempts(ben, 1).await.unwrap());
                assert!(tx.spend_code(factor, Step(3), now()).await.unwrap());
                tx.commit().await.unwrap();
            });
            tokio::time::sleep(Duration::from_micros(round * 37 % 4000)).await;
            task.abort();
            let _cancelled_or_done = task.await;
            let spent = db.store.write().await.unwrap();
            drop(spent);
            write!(db, tx => tx.set_password(ben, "renewed".into()).await.unwrap());
        }
        let (spent, attempts) =
            (db.rows("spent_codes").await, read!(db, r => r.code_attempts(ben).await.unwrap()));
        assert_eq!((spent % 3, attempts), (0, 0));
        println!("{} of 150 were done before they were aborted", spent / 3);
    }

    async fn a_reader_is_not_held_up_by_a_writer(db) {
        let ben = db.user("ben").await;
        let mut tx = db.store.write().await.unwrap();
        assert!(tx.bump_epoch(ben, FIRST).await.unwrap());
        let epoch = tokio::time::timeout(Duration::from_secs(2), db.epoch(ben)).await;
        assert_eq!(epoch.unwrap(), FIRST);
        tx.commit().await.unwrap();
    }

    /// A second process on the same file or server (`vestibule recover` beside `serve`).
    async fn two_processes_share_a_database(db) {
        let ben = db.user("ben").await;
        let stores = [db.store.clone(), db.made.open().await];
        let won = race_on(&stores, move |mut tx, _| async move {
            let won = tx.reserve_code_attempts(ben, 2).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 50);
        let factor = db.factor_id();
        let won = race_on(&stores, move |mut tx, _| async move {
            let won = tx.spend_code(factor, Step(1), now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        // What one has committed, the other reads.
        for round in 0..20 {
            let other = AccountId::new(now(), &db.random);
            let (writer, reader) = (&stores[round % 2], &stores[(round + 1) % 2]);
            let mut tx = writer.write().await.unwrap();
            tx.insert_account(other, &name("Other"), now()).await.unwrap();
            tx.commit().await.unwrap();
            assert!(reader.read().await.unwrap().account(other).await.unwrap().is_some());
        }
    }

    /// Neither reads nor writes fail while another process writes all the time.
    async fn nothing_is_locked_for_long(db) {
        let ben = db.user("ben").await;
        let stores = [db.store.clone(), db.made.open().await, db.made.open().await];
        let mut tasks = JoinSet::new();
        for number in 0..24 {
            let store = stores[number % 3].clone();
            tasks.spawn(async move {
                for _ in 0..10 {
                    let mut tx = store.write().await.unwrap();
                    let epoch = tx.user(ben).await.unwrap().unwrap().standing.epoch;
                    // Between the look and the write another may have been faster, on PostgreSQL.
                    let _won = tx.bump_epoch(ben, epoch).await.unwrap();
                    tx.commit().await.unwrap();
                    store.read().await.unwrap().user(ben).await.unwrap().unwrap();
                }
            });
        }
        tasks.join_all().await;
    }

    async fn a_closed_store_says_that_it_is_away(db) {
        assert!(db.store.is_ready().await);
        db.store.close().await;
        assert!(!db.store.is_ready().await);
        let answer = db.store.write().await.err().unwrap();
        assert!(matches!(answer, vestibule_store::StoreError::Unavailable(_)), "{answer}");
    }
}

/// Where the child processes of the test below find the file and their user.
const CHILD: &str = "CONFORMANCE_CHILD";

/// Processes, not only pools: the locks of SQLite are those of the operating system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_processes_share_a_sqlite_file() {
    let db = Db::on(Database::Sqlite).await;
    let ben = db.user("ben").await;
    let ours = std::env::current_exe().unwrap();
    let mut children = Vec::new();
    for _ in 0..4 {
        let child = std::process::Command::new(&ours)
            .args(["--exact", "transactions::a_process_among_others", "--nocapture"])
            .env(CHILD, format!("{} {ben}", db.made.url))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        children.push(child);
    }
    let mut won = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find_map(|line| line.split_once("won=")).unwrap();
        won += line.1.trim().parse::<usize>().unwrap();
    }
    assert_eq!(won, 100, "the budget, taken by four processes");
}

/// One of them, when it is told where: opens the file, then takes what it can get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_among_others() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (url, ben) = told.rsplit_once(' ').unwrap();
    let ben = ben.parse().unwrap();
    let store = vestibule_testkit::database::open(url).await;
    let mut won = 0;
    for _ in 0..50 {
        let mut tx = store.write().await.unwrap();
        won += usize::from(tx.reserve_code_attempts(ben, 1).await.unwrap());
        tx.commit().await.unwrap();
        store.read().await.unwrap().user(ben).await.unwrap().unwrap();
    }
    println!("\nwon={won}");
}
