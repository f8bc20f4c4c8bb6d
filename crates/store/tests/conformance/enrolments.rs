//! Pending enrolments: one a session, seen by no other, confirmed once.

use vestibule_domain::token::TokenHash;
use vestibule_domain::user::Epoch;
use vestibule_store::PendingEnrolment;

use crate::support::*;

const LIFETIME: i64 = 15 * 60_000;

async fn found(db: &Db, session: &Opened, epoch: Epoch) -> Option<PendingEnrolment> {
    read!(db, r => r.pending_enrolment(session.id, epoch, now()).await.unwrap())
}

async fn confirm(db: &Db, pending: &PendingEnrolment, beside_others: bool, millis: i64) -> bool {
    let app = name("Phone");
    write!(db, tx => {
        tx.confirm_enrolment(pending, db.account, &app, beside_others, at(millis)).await.unwrap()
    })
}

on_both! {
    async fn a_session_has_one_key_and_sees_no_others(db) {
        let ben = db.user("ben").await;
        let (one, two) = (db.session(ben).await, db.session(ben).await);
        let first = db.pending(ben, one.id, FIRST).await;
        let second_tab = db.to_enrol(ben, one.id, FIRST);
        assert!(!write!(db, tx => tx.insert_pending_enrolment(&second_tab, now()).await.unwrap()));
        assert_eq!(found(&db, &one, FIRST).await.unwrap().factor, first.factor);
        assert!(found(&db, &two, FIRST).await.is_none());
        let other = db.pending(ben, two.id, FIRST).await;
        assert_eq!(found(&db, &two, FIRST).await.unwrap().factor, other.factor);
        assert_eq!(found(&db, &one, FIRST).await.unwrap().factor, first.factor);
    }

    async fn of_many_tabs_one_makes_the_key(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let keys = lend((0..RACERS).map(|_| db.to_enrol(ben, session.id, FIRST)).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.insert_pending_enrolment(&keys[number], now()).await?;
            if !won {
                // Whoever was slower shows the key of who was faster.
                let shown = tx.pending_enrolment(keys[number].session, FIRST, now()).await?;
                assert!(shown.is_some());
            }
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!(db.rows("pending_enrolments").await, 1);
    }

    async fn a_key_that_has_ended_makes_room(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let old = db.pending(ben, session.id, FIRST).await;
        let read_at = async |millis| {
            read!(db, r => r.pending_enrolment(session.id, FIRST, at(millis)).await.unwrap())
        };
        assert!(read_at(LIFETIME - 1).await.is_some());
        assert!(read_at(LIFETIME).await.is_none());
        let new = PendingEnrolment { expires: at(2 * LIFETIME), ..db.to_enrol(ben, session.id, FIRST) };
        let insert = async |new: &PendingEnrolment, millis| {
            write!(db, tx => tx.insert_pending_enrolment(new, at(millis)).await.unwrap())
        };
        assert!(!insert(&new, LIFETIME - 1).await);
        assert!(insert(&new, LIFETIME).await);
        assert!(!confirm(&db, &old, true, LIFETIME).await);
        // And one of another epoch.
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        let next = db.to_enrol(ben, session.id, Epoch(2));
        assert!(insert(&next, 0).await);
        assert_eq!(found(&db, &session, Epoch(2)).await.unwrap().factor, next.factor);
        assert!(found(&db, &session, FIRST).await.is_none());
    }

    async fn a_key_becomes_a_factor_as_it_was_shown_or_not_at_all(db) {
        let ben = db.user("ben").await;
        let (one, two) = (db.session(ben).await, db.session(ben).await);
        let key = db.pending(ben, one.id, FIRST).await;
        let stolen = PendingEnrolment { session: two.id, ..key.clone() };
        let stale = PendingEnrolment { epoch: Epoch(2), ..key.clone() };
        let unknown = PendingEnrolment { factor: db.factor_id(), ..key.clone() };
        for wrong in [stolen, stale, unknown] {
            assert!(!confirm(&db, &wrong, true, 0).await);
        }
        assert!(!confirm(&db, &key, true, LIFETIME).await, "expired");
        assert!(confirm(&db, &key, false, LIFETIME - 1).await);
        assert!(!confirm(&db, &key, true, 0).await, "confirmed already");
        let factors = read!(db, r => r.factors(ben).await.unwrap());
        assert_eq!((factors.len(), factors[0].id, factors[0].sealed.as_slice()),
            (1, key.factor, b"sealed".as_slice()));
        assert_eq!((factors[0].name.as_str(), factors[0].added), ("Phone", at(LIFETIME - 1)));
    }

    async fn from_the_vestibule_only_who_has_no_factor_gets_one(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        db.factor(ben).await;
        let key = db.pending(ben, session.id, FIRST).await;
        assert!(!confirm(&db, &key, false, 0).await);
        assert!(confirm(&db, &key, true, 0).await);
        assert_eq!(read!(db, r => r.count_factors(ben).await.unwrap()), 2);
    }

    async fn confirming_discards_the_users_other_keys_and_nobody_elses(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let sessions = [db.session(ben).await, db.session(ben).await, db.session(ada).await];
        let mut keys = Vec::new();
        for (user, session) in [(ben, 0), (ben, 1), (ada, 2)] {
            keys.push(db.pending(user, sessions[session].id, FIRST).await);
        }
        assert!(confirm(&db, &keys[0], false, 0).await);
        assert!(found(&db, &sessions[0], FIRST).await.is_none());
        assert!(found(&db, &sessions[1], FIRST).await.is_none());
        assert!(found(&db, &sessions[2], FIRST).await.is_some());
        assert!(!confirm(&db, &keys[1], true, 0).await);
    }

    /// As the flow does it: bump, confirm, spend the code, reissue the session.
    async fn of_many_confirmations_one_makes_a_factor(db) {
        let ben = db.user("ben").await;
        let session = lend(db.session(ben).await);
        let key = lend(db.pending(ben, session.id, FIRST).await);
        let (account, app) = (db.account, lend(name("Phone")));
        let new = lend((0..RACERS).map(|_| db.token()).collect::<Vec<TokenHash>>());
        let won = race(&db, move |mut tx, number| async move {
            let step = vestibule_domain::totp::Step(1);
            let won = tx.bump_epoch(ben, FIRST).await?
                && tx.confirm_enrolment(key, account, app, false, now()).await?
                && tx.spend_code(key.factor, step, now()).await?
                && tx.reissue_session(session.id, (&session.token, &new[number]), FIRST).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!(db.rows("factors").await, 1);
        assert_eq!(db.epoch(ben).await, Epoch(2));
    }

    async fn of_many_sessions_in_the_vestibule_one_enrols(db) {
        let ben = db.user("ben").await;
        let mut keys = Vec::new();
        for _ in 0..RACERS {
            let session = db.session(ben).await;
            keys.push(db.pending(ben, session.id, FIRST).await);
        }
        let (account, app, keys) = (db.account, lend(name("Phone")), lend(keys));
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.bump_epoch(ben, FIRST).await?
                && tx.confirm_enrolment(&keys[number], account, app, false, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!((db.rows("factors").await, db.rows("pending_enrolments").await), (1, 0));
    }
}
