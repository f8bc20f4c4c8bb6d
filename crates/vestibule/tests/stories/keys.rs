//! A new data key and another master key, while people sign in and enrol.

use std::time::Duration;

use vestibule_domain::sealing::MasterKey;
use vestibule_flows::key_rewrap::Rewrap;
use vestibule_flows::key_rotation::Rotation;
use vestibule_flows::nodes::{Life, ServingNode, Tended};
use vestibule_flows::{HashingQueue, KeyError, Priority, Settings, Vestibule};
use vestibule_testkit::app::randomness;
use vestibule_testkit::{TestApp, stories};

/// Ten seconds pass, in which each of these nodes has its turn.
async fn ten_seconds(app: &TestApp, nodes: &mut [&mut ServingNode]) -> Vec<i64> {
    app.clock.advance(Duration::from_secs(10));
    let mut retired = vec![];
    for node in nodes {
        retired.extend(node.tend().await.unwrap().retired);
    }
    retired
}

/// The elder first.
async fn two_nodes(one: &TestApp, two: &TestApp) -> [ServingNode; 2] {
    let mut first = one.vestibule.node("one");
    first.tend().await.unwrap();
    one.clock.advance(Duration::from_millis(1));
    let mut second = two.vestibule.node("two");
    second.tend().await.unwrap();
    [first, second]
}

async fn rotate(app: &TestApp) -> i64 {
    match app.vestibule.rotate_keys().await.unwrap() {
        Rotation::Made(number) => number,
        other => panic!("{other:?}"),
    }
}

/// The numbers of the data keys, and how much is sealed with each.
async fn keys(app: &TestApp) -> Vec<(i64, i64)> {
    let states = app.vestibule.data_key_states().await.unwrap();
    states.iter().map(|key| (key.number, key.sealed)).collect()
}

/// Everybody who has an app signs in with it, on both nodes.
async fn all_sign_in(nodes: [&TestApp; 2], users: &[&str]) {
    for node in nodes {
        for who in users {
            node.sign_in(who).await;
        }
    }
}

stories! {
    async fn factors_from_before_during_and_after_a_rotation_open_on_every_node(app) {
        let other = app.another_node().await;
        let [mut first, mut second] = two_nodes(&app, &other).await;
        // Before: Cleo has her app, and Ben is shown a key that he confirms only afterwards.
        let ben = app.give_password("ben").await;
        let page = ben.visit("/enrolment").await;
        app.scan("ben", &page);
        assert_eq!(keys(&app).await, [(1, 2)]);

        // During: the nodes have not had their turn, so neither knows the key by itself.
        assert_eq!(rotate(&other).await, 2);
        let dinesh = other.give_password("dinesh").await;
        assert_eq!(other.enrol("dinesh", &dinesh).await.status, 303);
        let ada = app.give_password("ada").await;
        assert_eq!(app.enrol("ada", &ada).await.status, 303);
        assert_eq!(keys(&app).await, [(1, 2), (2, 2)], "whoever seals takes the newest");
        all_sign_in([&app, &other], &["ada", "cleo", "dinesh"]).await;

        // The eldest seals anew, and the key that Ben was shown is still the same.
        let mut sealed = 0;
        loop {
            let Tended { resealed, retired, .. } = first.tend().await.unwrap();
            assert!(retired.is_empty(), "requests may still be sealing with it");
            assert_eq!(second.tend().await.unwrap().resealed.done, 0);
            sealed += resealed.done;
            if resealed.done == 0 {
                break;
            }
        }
        assert_eq!((sealed, keys(&app).await), (2, vec![(1, 0), (2, 4)]));
        assert_eq!(ben.visit("/enrolment").await.between("?secret=", "&"), page.between("?secret=", "&"));
        app.clock.next_code();
        let code = app.code("ben");
        assert_eq!(ben.post("/enrolment", &[("code", code.as_str())]).await.status, 303);

        // After: the old key goes once nothing can need it, and nobody notices.
        let mut retired = vec![];
        for _ in 0..8 {
            retired.extend(ten_seconds(&app, &mut [&mut first, &mut second]).await);
        }
        assert_eq!(retired, [1]);
        assert_eq!(keys(&app).await, [(2, 5)], "four apps, and the codes that Ben has not kept yet");
        // Those too are sealed anew, and shown to him still.
        assert_eq!(rotate(&other).await, 3);
        while first.tend().await.unwrap().resealed.done > 0 {}
        assert_eq!(keys(&app).await, [(2, 0), (3, 5)]);
        app.keep_codes("ben", &ben).await;
        all_sign_in([&app, &other], &["ada", "ben", "cleo", "dinesh"]).await;
        for (kind, times) in [("keys.made", 2), ("keys.retired", 1)] {
            assert_eq!(app.audited(kind).await, times, "{kind}");
        }
    }

    async fn a_rotation_that_was_killed_in_the_middle_goes_on(app) {
        let ben = app.give_password("ben").await;
        ben.visit("/enrolment").await;
        rotate(&app).await;
        let mut killed = app.vestibule.node("killed");
        // One batch, which is of one table; then its power is cut.
        assert_eq!(killed.tend().await.unwrap().resealed.done, 1);
        drop(killed);
        assert_eq!(keys(&app).await, [(1, 1), (2, 1)]);

        let other = app.another_node().await;
        app.clock.advance(Duration::from_millis(1));
        let mut node = other.vestibule.node("restarted");
        for _ in 0..3 {
            assert!(ten_seconds(&app, &mut [&mut node]).await.is_empty());
        }
        assert_eq!(keys(&app).await, [(1, 1), (2, 1)], "the one that stands still is the eldest");
        let mut retired = vec![];
        for _ in 0..6 {
            retired.extend(ten_seconds(&app, &mut [&mut node]).await);
        }
        assert_eq!((retired, keys(&app).await), (vec![1], vec![(2, 2)]));
        assert_eq!(app.vestibule.nodes().await.unwrap().len(), 1, "the dead one is forgotten");
        all_sign_in([&app, &other], &["cleo"]).await;
        // What was taken for dead may have slept, and seals with the key that there is.
        let dinesh = app.give_password("dinesh").await;
        assert_eq!(app.enrol("dinesh", &dinesh).await.status, 303);
    }

    async fn of_two_rotations_at_once_one_wins(app) {
        let other = app.another_node().await;
        let both = tokio::join!(app.vestibule.rotate_keys(), other.vestibule.rotate_keys());
        let both = [both.0.unwrap(), both.1.unwrap()];
        let made = both.iter().filter(|rotation| matches!(rotation, Rotation::Made(_))).count();
        let numbers = keys(&app).await.len();
        // They may also have come one after the other.
        assert_eq!(numbers, 1 + made, "{both:?}");
        assert!(made >= 1, "{both:?}");
    }

    async fn a_secret_that_does_not_open_keeps_its_key_and_holds_up_nobody(app) {
        let mut tx = app.store.write().await.unwrap();
        let cleo = app.id("cleo").await;
        let key = tx.data_keys().await.unwrap()[0].id;
        let table = &vestibule_store::SEALED[0];
        let row = tx.sealed_with(table, key, 1).await.unwrap().remove(0);
        assert_eq!(row.user, cleo.to_string());
        assert!(tx.reseal(table, &row, (key, key), b"broken").await.unwrap());
        tx.commit().await.unwrap();
        app.add("eve", "Eve", vestibule_domain::user::Role::Member, true).await;

        rotate(&app).await;
        let mut node = app.vestibule.node("one");
        let tended = node.tend().await.unwrap();
        assert_eq!((tended.resealed.done, tended.resealed.unreadable), (1, 1));
        for _ in 0..5 {
            assert!(ten_seconds(&app, &mut [&mut node]).await.is_empty());
        }
        assert_eq!(keys(&app).await, [(1, 1), (2, 1)]);
        app.sign_in("eve").await;
    }

    async fn another_master_key_waits_for_every_live_node(app) {
        let other = app.another_node().await;
        let [mut first, mut second] = two_nodes(&app, &other).await;
        let new = MasterKey::new(&randomness());
        let lacking = async || -> Vec<String> { match app.vestibule.rewrap_keys(&new, &[]).await.unwrap() {
            Rewrap::Lacking(nodes) => nodes.into_iter().map(|node| node.label).collect(),
            other => panic!("{other:?}"),
        } };
        assert_eq!(lacking().await, ["one", "two"]);
        app.vestibule.hold_master_key(&new);
        first.tend().await.unwrap();
        assert_eq!(lacking().await, ["two"]);
        assert_eq!(app.audited("keys.rewrapped").await, 0);

        // One that does not answer is watched for half a minute before it counts as dead.
        let mut onlooker = app.vestibule.watch_nodes();
        onlooker.look().await.unwrap();
        for life in [Life::Unknown, Life::Unknown, Life::Dead] {
            app.clock.advance(Duration::from_secs(10));
            if life == Life::Unknown {
                // In its next turn it would forget the dead one itself.
                first.tend().await.unwrap();
            }
            let seen = onlooker.look().await.unwrap();
            let seen: Vec<Life> = seen.iter().map(|node| node.life).collect();
            assert_eq!(seen, [Life::Alive, life]);
        }
        // It was only slow, and says so: whoever took it for dead is told.
        let dead = (second.id(), 1);
        second.tend().await.unwrap();
        assert!(matches!(
            app.vestibule.rewrap_keys(&new, &[dead]).await.unwrap(),
            Rewrap::Lacking(nodes) if nodes.len() == 1
        ));

        other.vestibule.hold_master_key(&new);
        second.tend().await.unwrap();
        let done = app.vestibule.rewrap_keys(&new, &[]).await.unwrap();
        assert!(matches!(done, Rewrap::Done(1)), "{done:?}");
        let again = other.vestibule.rewrap_keys(&new, &[]).await.unwrap();
        assert!(matches!(again, Rewrap::AlreadyDone), "{again:?}");
        assert_eq!(app.audited("keys.rewrapped").await, 1);

        // The running nodes unwrap what is made from now on.
        rotate(&app).await;
        let dinesh = other.give_password("dinesh").await;
        assert_eq!(other.enrol("dinesh", &dinesh).await.status, 303);
        all_sign_in([&app, &other], &["cleo", "dinesh"]).await;
        assert_eq!(second.tend().await.unwrap().lacks, None);

        // A start with the old key alone is told which one is wanted; the new one is enough.
        let open = async |key: &MasterKey| {
            let (time, random) = (app.clock.clock(), randomness());
            let hashing = HashingQueue::start(Priority::Usual).unwrap();
            let keys = std::slice::from_ref(key);
            Vestibule::open(app.store.clone(), keys, time, random, Settings::default(), hashing)
                .await
                .map(drop)
        };
        let Err(KeyError::Foreign { held, wanted }) = open(app.master_key()).await else {
            panic!("the old key opens it")
        };
        assert_eq!((held, wanted), (app.master_key().id().to_string(), new.id().to_string()));
        open(&new).await.unwrap();
    }

    /// A node that could not unwrap a new data key must not be surprised by one.
    async fn no_data_key_is_made_that_a_node_could_not_read(app) {
        let other = app.another_node().await;
        let new = MasterKey::new(&randomness());
        assert!(matches!(app.vestibule.rewrap_keys(&new, &[]).await.unwrap(), Rewrap::Done(1)));
        // It started before the change and is counted only now.
        let mut late = other.vestibule.node("late");
        assert_eq!(late.tend().await.unwrap().lacks, Some(new.id()));
        assert!(matches!(
            app.vestibule.rotate_keys().await.unwrap(),
            Rotation::Lacking(nodes) if nodes[0].label == "late"
        ));
        other.sign_in("cleo").await;
        other.vestibule.hold_master_key(&new);
        assert_eq!(late.tend().await.unwrap().lacks, None);
        rotate(&app).await;
    }
}
