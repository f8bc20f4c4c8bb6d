//! Backups, and what a restored database is told by the one that it replaced.

use sqlx::{ConnectOptions as _, Executor as _};
use vestibule_domain::totp::Step;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{
    DatabaseUrl, InUse, RemainingUser, Store, StoreError, copy_sqlite, examine_sqlite,
};
use vestibule_testkit::Database;

use crate::support::*;

/// Everything that a list gives, page by page.
async fn all_users(db: &Db) -> Vec<RemainingUser> {
    let mut reading = db.store.read().await.unwrap();
    let (mut all, mut after) = (vec![], String::new());
    loop {
        let page = reading.users_after(&after).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.id.to_string();
        all.extend(page);
    }
}

on_both! {
    /// More than a page, each once, in order; and the ranges between two of them.
    async fn users_come_page_by_page(db) {
        for n in 0..7 {
            db.user(&format!("user-{n}")).await;
        }
        let sql = "INSERT INTO users (id, email, email_skeleton, name, epoch, code_attempts, created_at)
                   SELECT u.id || '-' || v.id, u.id || v.id, 'x', 'x', 1, 0, 0
                   FROM users u JOIN users v ON 1 = 1";
        assert_eq!(db.run(sql).await.unwrap(), 49);
        // No membership, no user.
        assert_eq!(all_users(&db).await.len(), 7);
        let users = all_users(&db).await;
        assert!(users.is_sorted_by_key(|user| user.id.to_string()));
        let id = |n: usize| users[n].id.to_string();
        let mut reading = db.store.read().await.unwrap();
        let between = reading.users_between(&id(1), Some(&id(3))).await.unwrap();
        assert_eq!(between.iter().map(|user| user.id).collect::<Vec<_>>(), [users[2].id, users[3].id]);
        assert_eq!(reading.users_between(&id(4), None).await.unwrap().len(), 2);
        assert_eq!(reading.users_between("", None).await.unwrap().len(), 7);
    }

    async fn spent_codes_come_in_order_of_factor_and_step(db) {
        let factors = [db.factor_id(), db.factor_id()];
        let steps = |n: i64| (0..n).map(Step);
        for factor in factors {
            let mut tx = db.store.write().await.unwrap();
            for step in steps(400) {
                assert!(tx.spend_code(factor, step, now()).await.unwrap());
            }
            tx.commit().await.unwrap();
        }
        let mut reading = db.store.read().await.unwrap();
        let (mut seen, mut after) = (vec![], (String::new(), 0));
        loop {
            let page = reading.spent_codes_after((&after.0, after.1)).await.unwrap();
            let Some(last) = page.last() else { break };
            after = (last.factor.to_string(), last.step.0);
            seen.extend(page.into_iter().map(|code| (code.factor.to_string(), code.step)));
        }
        assert_eq!(seen.len(), 800);
        assert!(seen.is_sorted());
    }

    /// The later address holds, unless somebody has it here.
    async fn an_address_is_carried_over_unless_it_is_taken(db) {
        let (ada, ben) = (db.user("ada").await, db.user("ben").await);
        let mut later = all_users(&db).await.into_iter().find(|user| user.id == ben).unwrap();
        email("ada").as_str().clone_into(&mut later.email);
        assert!(!write!(db, tx => tx.carry_email(&later).await.unwrap()));
        "ben@new.example".clone_into(&mut later.email);
        later.email_skeleton.clone_from(&later.email);
        assert!(write!(db, tx => tx.carry_email(&later).await.unwrap()));
        for (id, expected) in [(ada, email("ada").as_str()), (ben, "ben@new.example")] {
            let user = db.store.read().await.unwrap().user(id).await.unwrap();
            assert_eq!(user.unwrap().email, expected);
        }
    }

    /// A factor comes over to its user, behind those that are there, once.
    async fn a_factor_is_carried_over_once(db) {
        let ben = db.user("ben").await;
        let (one, two) = (db.factor(ben).await, db.factor(ben).await);
        let factors = db.store.read().await.unwrap().factors_after("").await.unwrap();
        let later = factors.iter().find(|factor| factor.id == two).unwrap();
        assert!(!write!(db, tx => tx.carry_factor(later).await.unwrap()), "it is there");
        assert!(write!(db, tx => tx.remove_factor(ben, two).await.unwrap()));
        assert!(write!(db, tx => tx.carry_factor(later).await.unwrap()));
        let mut unknown = later.clone();
        (unknown.id, unknown.data_key) = (db.factor_id(), db.new_data_key_id());
        assert!(!write!(db, tx => tx.carry_factor(&unknown).await.unwrap()), "no such data key");
        let mut ids = db.store.read().await.unwrap().factors(ben).await.unwrap();
        ids.retain(|factor| [one, two].contains(&factor.id));
        assert_eq!(ids.len(), 2);
        for position in 1..=2 {
            let here = format!("UPDATE factors SET name = name WHERE position = {position}");
            assert_eq!(db.run(&here).await.unwrap(), 1, "without gaps");
        }
        assert_eq!(db.rows("factors").await, 2);
    }

    /// Every epoch rises, above whichever is higher.
    async fn epochs_rise_above_both(db) {
        let (ada, ben) = (db.user("ada").await, db.user("ben").await);
        write!(db, tx => {
            tx.raise_epoch(ada, Epoch(7)).await.unwrap();
            tx.raise_epoch(ben, Epoch(0)).await.unwrap();
            assert_eq!(tx.raise_all_epochs(1).await.unwrap(), 2);
        });
        assert_eq!((db.epoch(ada).await, db.epoch(ben).await), (Epoch(8), Epoch(2)));
    }

    /// Nothing that was handed out for a moment is left; users and factors are.
    async fn everything_handed_out_ends(db) {
        let ben = db.user("ben").await;
        db.factor(ben).await;
        let session = db.session(ben).await;
        db.pending(ben, session.id, FIRST).await;
        let (key, other) = (db.data_key, db.link_id());
        for sql in [
            format!("INSERT INTO links (id, purpose, token_hash, user_id, epoch, created_at, expires_at)
                     SELECT '{other}', 'password', token_hash, user_id, 1, 0, 0 FROM sessions
                     WHERE id = '{}'", session.id),
            format!("INSERT INTO known_browsers (user_id, token_hash, first_seen_at, last_seen_at)
                     SELECT user_id, token_hash, 0, 0 FROM sessions WHERE id = '{}'", session.id),
            format!("INSERT INTO outbox (id, user_id, sealed, data_key_id, made_at, attempts, tried_at,
                                         pause)
                     SELECT id, id, CAST('x' AS {bytes}), '{key}', 0, 0, 0, 0 FROM users",
                    bytes = if db.database == Database::Sqlite { "BLOB" } else { "BYTEA" }),
        ] {
            assert_eq!(db.run(&sql).await.unwrap(), 1, "{sql}");
        }
        let tables = ["pending_enrolments", "sessions", "links", "known_browsers", "outbox"];
        for table in tables {
            assert!(db.rows(table).await > 0, "{table}");
        }
        write!(db, tx => tx.end_everything_handed_out().await.unwrap());
        for table in tables {
            assert_eq!(db.rows(table).await, 0, "{table}");
        }
        assert_eq!((db.rows("users").await, db.rows("factors").await), (1, 1));
    }

    /// The nearest to an able Admin: active before invited, never a Member or a disabled one.
    async fn the_nearest_admin_is_found(db) {
        let ada = db.user_as("ada", Role::Admin, MembershipState::Active, true).await;
        db.user("ben").await;
        let nearest = async || {
            db.store.read().await.unwrap().nearest_admin(db.account).await.unwrap()
        };
        assert_eq!(nearest().await, Some(ada));
        write!(db, tx => tx.set_role(ada, Role::Member).await.unwrap());
        assert_eq!(nearest().await, None);
        write!(db, tx => tx.bring_back_admin(ada).await.unwrap());
        assert_eq!(nearest().await, Some(ada));
        let back = db.store.read().await.unwrap().user(ada).await.unwrap().unwrap();
        assert!(!back.has_password);
    }
}

/// One process at a time replaces a file, and only while nobody has it open.
#[tokio::test]
async fn a_file_in_use_is_nobodys_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let url = DatabaseUrl::Sqlite(path.clone());
    let (one, two) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    assert!(InUse::alone(&path).unwrap().is_none());
    assert!(Store::open_alone(&url).await.unwrap().is_none());
    drop((one, two));
    let alone = Store::open_alone(&url).await.unwrap().unwrap();
    assert!(matches!(Store::open(&url).await, Err(StoreError::BeingReplaced { .. })));
    assert!(InUse::alone(&path).unwrap().is_none());
    drop(alone);
    Store::open(&url).await.unwrap();
}

/// A copy is looked at from end to end.
#[tokio::test]
async fn a_copy_that_is_not_whole_or_not_ours_is_told() {
    let db = Db::on(Database::Sqlite).await;
    let folder = tempfile::TempDir::new().unwrap();
    let (copy, bad) = (folder.path().join("copy"), folder.path().join("bad"));
    copy_sqlite(db.sqlite_options().get_filename(), &copy).await.unwrap();
    let found = examine_sqlite(&copy).await.unwrap();
    assert_eq!(found.data_keys.len(), 1);
    let whole = std::fs::read(&copy).unwrap();
    for part in [&whole[..whole.len() - 4096], &whole[..whole.len() / 2], b"no database", b""] {
        std::fs::write(&bad, part).unwrap();
        assert!(examine_sqlite(&bad).await.is_err(), "{} bytes", part.len());
    }
    // A page of an index that is overwritten.
    let mut torn = whole.clone();
    torn[whole.len() - 4096..].fill(0x5a);
    std::fs::write(&bad, torn).unwrap();
    assert!(examine_sqlite(&bad).await.is_err());

    std::fs::remove_file(&bad).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&bad).create_if_missing(true);
    options.connect().await.unwrap().execute("CREATE TABLE t (x)").await.unwrap();
    assert!(matches!(examine_sqlite(&bad).await, Err(StoreError::NotOurs)));
    assert!(copy_sqlite(&folder.path().join("none"), &folder.path().join("new")).await.is_err());
}
