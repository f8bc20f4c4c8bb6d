//! What is told of a change: every write that alters what the gate reads makes what is remembered of
//! it stale, once it is committed and not before; and other processes hear of it.

use std::time::Duration;

use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::id::{ApplicationId, UserId};
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::time::Clock;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_store::{NewApplication, Store, Subject, TakenHandOver, Watch};

use crate::support::*;

const STEADY: Duration = Duration::from_secs(7);

/// Watches over a session of this user, in a store that hears all there is to hear.
fn watch(db: &Db, store: &Store, session: &Opened, user: UserId) -> Watch {
    let changes = store.changes();
    changes.heard(STEADY);
    changes.watch(changes.moment(), session.id, user, db.account, STEADY).unwrap()
}

fn application(db: &Db) -> (ApplicationId, Host, Rules) {
    let rules =
        Rules { account: db.account, enter: Enter::Everyone, always_mfa: false, max_age: None };
    let host = Host::parse("app.example", true).unwrap();
    (ApplicationId::new(now(), &db.random), host, rules)
}

/// Asserts of each write that it makes a watch stale at its commit, and that dropping it does not.
macro_rules! each_tells {
    ($db:expr, $session:expr, $user:expr, $($what:literal: $tx:ident => $body:expr;)+) => {$(
        let watched = watch(&$db, &$db.store, $session, $user);
        {
            let mut $tx = $db.store.write().await.unwrap();
            $body;
            assert!($db.store.changes().still_holds(&watched, STEADY), "{}: not yet", $what);
            drop($tx);
        }
        assert!($db.store.changes().still_holds(&watched, STEADY), "{}: nothing came of it", $what);
        write!($db, $tx => $body);
        assert!(!$db.store.changes().still_holds(&watched, STEADY), "{}", $what);
    )+};
}

on_both! {
    async fn every_write_that_changes_what_the_gate_reads_tells_it(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let factor = db.factor(ben).await;
        let (id, host, rules) = application(&db);
        let app_name = name("App");
        let new = NewApplication { id, name: &app_name, host: &host, rules, configured: false };
        let (first, second, third) = (db.token(), db.token(), db.token());
        let cookie = db.token();
        let taken = TakenHandOver { session: session.id, user: ben, epoch: FIRST };
        each_tells! { db, &session, ben,
            "a second proof": tx => tx.give_second_proof(session.id, (&session.token, &first),
                SecondProof::Totp(factor), FIRST, now()).await.unwrap();
            "a password": tx => tx.give_password_proof(session.id, (&first, &second), FIRST, now())
                .await.unwrap();
            "a proof taken out": tx => tx.drop_second_proof(session.id, factor).await.unwrap();
            "an application": tx => tx.insert_application(&new, now()).await.unwrap();
            "its rules": tx => tx.change_application(&new).await.unwrap();
            "a name in it": tx => tx.name_user(id, ben).await.unwrap();
            "a name out of it": tx => tx.unname_user(id, ben).await.unwrap();
            "a gate cookie, and older ones gone": tx => tx.insert_gate_cookie(&cookie, &taken,
                "app.example", now()).await.unwrap();
            "an application's end": tx => tx.remove_application(db.account, id).await.unwrap();
            "the switch": tx => tx.set_policy(db.account, Policy::Required).await.unwrap();
            "a role": tx => tx.set_role(ben, Role::Admin).await.unwrap();
            "a name": tx => tx.set_name(ben, &name("Benjamin")).await.unwrap();
            "an address": tx => tx.set_email(ben, &email("benjamin")).await.unwrap();
            "a factor's end": tx => tx.remove_factor(ben, factor).await.unwrap();
            "all factors' end": tx => tx.remove_factors(ben).await.unwrap();
            "a state": tx => tx.set_state(ben, MembershipState::Active, MembershipState::Disabled)
                .await.unwrap();
            "the epoch": tx => tx.bump_epoch(ben, FIRST).await.unwrap();
            "a session taken over": tx => tx.reissue_session(session.id, (&second, &third), FIRST)
                .await.unwrap();
            "a session that housekeeping ends": tx => tx
                .remove_what_is_over(LIMITS, at(2 * 3_600_000)).await.unwrap();
            "a session's end": tx => tx.end_session(ben, session.id).await.unwrap();
            "a restore's end of everything": tx => tx.end_everything_handed_out().await.unwrap();
            "a restore's epochs": tx => tx.raise_all_epochs(5).await.unwrap();
            "a user's end": tx => tx.remove_user(ben).await.unwrap();
        }
    }

    async fn a_factor_is_told_of_and_what_concerns_others_is_not(db) {
        let (ben, cleo) = (db.user("ben").await, db.user("cleo").await);
        let session = db.session(ben).await;
        let watched = watch(&db, &db.store, &session, ben);
        db.factor(cleo).await;
        write!(db, tx => assert!(tx.bump_epoch(cleo, FIRST).await.unwrap()));
        assert!(db.store.changes().still_holds(&watched, STEADY));
        db.factor(ben).await;
        assert!(!db.store.changes().still_holds(&watched, STEADY));
    }

    /// What one process commits, another hears within a second of real time, and what it does not
    /// hear does not count.
    async fn other_processes_hear_of_it(db) {
        let other = db.made.open().await;
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let clock = Clock::new(now, || STEADY);
        let hearing = {
            let (other, clock) = (other.clone(), clock.clone());
            tokio::spawn(async move { other.watch(&clock).await })
        };
        let changes = other.changes();
        let probe = || changes.watch(changes.moment(), session.id, ben, db.account, STEADY);
        let mut watched = probe();
        // It hears nothing at first, and everything is stale when it begins to.
        while !watched.as_ref().is_some_and(|watch| changes.still_holds(watch, STEADY)) {
            tokio::task::yield_now().await;
            watched = probe();
        }
        let watched = watched.unwrap();
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        while changes.still_holds(&watched, STEADY) {
            tokio::task::yield_now().await;
        }
        let again = probe().unwrap();
        hearing.abort();
        changes.deaf();
        assert!(!changes.still_holds(&again, STEADY));
    }
}

#[test]
fn everything_is_told_to_everybody() {
    let changes = vestibule_store::Changes::default();
    let before = changes.moment();
    changes.tell(&[Subject::Everything]);
    assert!(changes.moment() != before);
}
