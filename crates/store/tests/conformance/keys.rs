//! Data keys, what is sealed with them, the nodes, and the one row of the installation.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};
use std::str::FromStr as _;

use vestibule_domain::id::NodeId;
use vestibule_domain::sealing::MasterKey;
use vestibule_store::{NodeRecord, SEALED};
use vestibule_testkit::Database;

use crate::mail::post;
use crate::recovery_codes::set_of;
use crate::support::*;

/// The tables that name a data key, as the database knows them.
async fn tables_with_a_data_key(db: &Db) -> Vec<String> {
    let rows: Vec<String> = match db.database {
        Database::Sqlite => {
            let sql = "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
                       WHERE t.type = 'table' AND c.name = 'data_key_id' ORDER BY t.name";
            let mut other = db.sqlite_options().connect().await.unwrap();
            other.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect()
        }
        Database::Postgres => {
            let sql = "SELECT CAST(table_name AS TEXT) FROM information_schema.columns
                       WHERE column_name = 'data_key_id' ORDER BY 1";
            let mut other =
                PgConnectOptions::from_str(&db.made.url).unwrap().connect().await.unwrap();
            other.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect()
        }
    };
    rows
}

fn node(db: &Db, beats: i64) -> NodeRecord {
    NodeRecord {
        id: NodeId::new(now(), &db.random),
        label: "host (127.0.0.1:8080)".to_owned(),
        started: now(),
        seen: at(beats),
        beats,
        newest_key: 1,
        master_keys: vec![MasterKey::new(&db.random).id(), MasterKey::new(&db.random).id()],
    }
}

on_both! {
    /// A sealed column that is not in the list would be forgotten when a key is retired.
    async fn every_sealed_column_is_in_the_one_list(db) {
        let mut listed: Vec<&str> = SEALED.iter().map(|table| table.name).collect();
        listed.sort_unstable();
        assert_eq!(tables_with_a_data_key(&db).await, listed);
    }

    async fn what_is_sealed_is_found_counted_and_replaced_unless_it_changed(db) {
        let ben = db.user("ben").await;
        db.factor(ben).await;
        let session = db.session(ben).await;
        db.pending(ben, session.id, FIRST).await;
        let codes = set_of(&db, ben);
        write!(db, tx => tx.replace_recovery_codes(&codes, now()).await.unwrap());
        // A mail to whoever may have typed their address.
        post(&db, None, 0).await;
        let newer = db.new_data_key_id();
        write!(db, tx => assert!(tx.insert_data_key(newer, 2, b"wrapped", now()).await.unwrap()));
        assert_eq!(read!(db, r => r.count_sealed_with(db.data_key).await.unwrap()), 4);
        for table in SEALED {
            let rows = read!(db, r => r.sealed_with(table, db.data_key, 9).await.unwrap());
            assert_eq!(rows.len(), 1, "{}", table.name);
            let whose = if table.name == "outbox" { String::new() } else { ben.to_string() };
            assert_eq!(rows[0].user, whose);
            assert!(rows[0].sealed.starts_with(b"sealed"), "{}", table.name);
            let keys = (db.data_key, newer);
            write!(db, tx => assert!(tx.reseal(table, &rows[0], keys, b"anew").await.unwrap()));
            write!(db, tx => assert!(!tx.reseal(table, &rows[0], keys, b"again").await.unwrap()));
            assert!(read!(db, r => r.sealed_with(table, db.data_key, 9).await.unwrap()).is_empty());
            // It names the new key, and holds other bytes than were read.
            let keys = (newer, db.data_key);
            write!(db, tx => assert!(!tx.reseal(table, &rows[0], keys, b"again").await.unwrap()));
        }
        assert_eq!(read!(db, r => r.count_sealed_with(newer).await.unwrap()), 4);
    }

    async fn a_data_key_of_a_number_is_made_once(db) {
        let random = db.random.clone();
        let won = race(&db, move |mut tx, _| {
            let id = vestibule_domain::id::DataKeyId::new(now(), &random);
            async move {
                let won = tx.insert_data_key(id, 2, b"wrapped", now()).await?;
                Ok((tx, won))
            }
        });
        assert_eq!(won.await, 1);
        let keys = read!(db, r => r.data_keys().await.unwrap());
        assert_eq!(keys.iter().map(|key| key.number).collect::<Vec<_>>(), [1, 2]);
    }

    async fn a_data_key_that_is_the_newest_or_needed_stays(db) {
        let remove = async |id| {
            let mut tx = db.store.write().await.unwrap();
            let removed = tx.remove_data_key(id).await.unwrap();
            if removed {
                tx.commit().await.unwrap();
            }
            removed
        };
        assert!(!remove(db.data_key).await, "the only one is the newest");
        let newer = db.new_data_key_id();
        write!(db, tx => assert!(tx.insert_data_key(newer, 2, b"wrapped", now()).await.unwrap()));
        let ben = db.user("ben").await;
        let factor = db.factor(ben).await;
        // The foreign key says so, whoever forgot to look.
        assert!(!remove(db.data_key).await, "a factor is sealed with it");
        write!(db, tx => assert!(tx.remove_factor(ben, factor).await.unwrap()));
        assert!(remove(db.data_key).await);
        assert!(!remove(db.data_key).await && !remove(newer).await);
    }

    async fn a_data_key_is_wrapped_anew_only_as_it_was_read(db) {
        let read = read!(db, r => r.data_keys().await.unwrap());
        write!(db, tx => assert!(tx.rewrap_data_key(&read[0], b"anew").await.unwrap()));
        write!(db, tx => assert!(!tx.rewrap_data_key(&read[0], b"again").await.unwrap()));
        assert_eq!(read!(db, r => r.data_keys().await.unwrap())[0].wrapped, b"anew");
    }

    async fn the_installation_is_one_row_that_is_made_when_it_is_needed(db) {
        let (old, new) = (MasterKey::new(&db.random).id(), MasterKey::new(&db.random).id());
        let found = read!(db, r => r.installation().await.unwrap());
        assert_eq!((found.public_url, found.master_key, found.asked), (None, None, 0));
        write!(db, tx => {
            assert!(!tx.change_master_key(&old, &new).await.unwrap());
            assert!(tx.note_public_url("http://localhost:1").await.unwrap());
            assert!(!tx.note_public_url("http://localhost:1").await.unwrap());
            assert!(tx.note_public_url("http://localhost:2").await.unwrap());
            assert!(tx.note_master_key(&old).await.unwrap());
            assert!(!tx.note_master_key(&new).await.unwrap());
            assert_eq!(tx.guard_installation().await.unwrap().asked, 1);
        });
        write!(db, tx => {
            assert!(tx.change_master_key(&old, &new).await.unwrap());
            assert!(!tx.change_master_key(&old, &new).await.unwrap());
            assert_eq!(tx.guard_installation().await.unwrap().asked, 2);
        });
        let found = read!(db, r => r.installation().await.unwrap());
        assert_eq!(found.public_url.as_deref(), Some("http://localhost:2"));
        assert_eq!(found.master_key, Some(new));
        assert_eq!(db.rows("installation").await, 1);
    }

    /// Whoever guards the installation is alone: no two see the same count.
    async fn the_guard_of_the_installation_is_held_by_one_at_a_time(db) {
        let won = race(&db, move |mut tx, _| async move {
            let before = tx.guard_installation().await?;
            tokio::task::yield_now().await;
            let won = tx.installation().await?.asked == before.asked;
            Ok((tx, won))
        });
        assert_eq!(won.await, RACERS);
        let asked = read!(db, r => r.installation().await.unwrap()).asked;
        assert_eq!(usize::try_from(asked).unwrap(), RACERS);
    }

    async fn a_node_says_of_itself_what_it_wants_and_is_removed_dead_only_as_it_was_seen(db) {
        let (mut one, two) = (node(&db, 1), node(&db, 7));
        write!(db, tx => {
            tx.note_node(&one).await.unwrap();
            tx.note_node(&two).await.unwrap();
        });
        one = NodeRecord { beats: 2, seen: at(2), newest_key: 5, master_keys: vec![], ..one };
        write!(db, tx => tx.note_node(&one).await.unwrap());
        let mut expected = vec![one.clone(), two.clone()];
        expected.sort_by_key(|node| node.id);
        assert_eq!(read!(db, r => r.nodes().await.unwrap()), expected);
        write!(db, tx => {
            assert!(!tx.remove_dead_node(one.id, 1).await.unwrap(), "it has counted on");
            assert!(tx.remove_dead_node(one.id, 2).await.unwrap());
            assert!(tx.remove_node(two.id).await.unwrap());
            assert!(!tx.remove_node(two.id).await.unwrap());
        });
        assert_eq!(db.rows("nodes").await, 0);
    }
}
