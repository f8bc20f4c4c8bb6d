//! Lanes, known browsers and the wait of the second proof, as they are stored.

use vestibule_domain::limits::lanes::{Address, Lane, LaneKey};
use vestibule_domain::limits::wait::Attempts;

use crate::support::*;

const HOUR: i64 = 3_600_000;
const NOON: i64 = 1_000 * HOUR;

fn lane(name: &str) -> Lane {
    LaneKey::from_bytes(&[7; 32]).unwrap().of_address(&Address::typed(name))
}

fn tried(count: i64, when: i64) -> Attempts {
    let mut attempts = Attempts { count: count - 1, ..Attempts::NONE };
    attempts = attempts.with_one_more(at(when));
    attempts
}

on_both! {
    /// The key is made once, whichever of several nodes starts first.
    async fn there_is_one_key_for_all_nodes(db) {
        assert_eq!(read!(db, r => r.lane_key().await.unwrap()), None);
        assert!(write!(db, tx => tx.insert_lane_key(&[1; 32]).await.unwrap()));
        assert!(!write!(db, tx => tx.insert_lane_key(&[2; 32]).await.unwrap()));
        assert_eq!(read!(db, r => r.lane_key().await.unwrap()), Some(vec![1; 32]));
    }

    /// A lane is made when it is first held, and holds what was counted in it.
    async fn a_lane_holds_what_was_counted(db) {
        let (ben, all) = (lane("ben"), lane("network"));
        assert_eq!(read!(db, r => r.lane(&ben).await.unwrap()), Attempts::NONE);
        assert_eq!(write!(db, tx => tx.hold_lane(&ben, Some(&all)).await.unwrap()), Attempts::NONE);
        write!(db, tx => tx.set_lane(&ben, &tried(7, NOON)).await.unwrap());
        assert_eq!(write!(db, tx => tx.hold_lane(&ben, Some(&all)).await.unwrap()), tried(7, NOON));
        assert_eq!(read!(db, r => r.lane(&ben).await.unwrap()), tried(7, NOON));
        assert_eq!(read!(db, r => r.lane(&all).await.unwrap()), Attempts::NONE);

        // What was counted at another time leaves the wait as it is.
        write!(db, tx => tx.give_back_to_lane(&ben, at(NOON - 1)).await.unwrap());
        assert_eq!(read!(db, r => r.lane(&ben).await.unwrap()), Attempts { count: 6, ..tried(7, NOON) });
        write!(db, tx => tx.give_back_to_lane(&ben, at(NOON)).await.unwrap());
        let left = read!(db, r => r.lane(&ben).await.unwrap());
        assert_eq!((left.count, left.left(at(NOON))), (5, None));
        write!(db, tx => tx.clear_lane(&ben).await.unwrap());
        assert_eq!(read!(db, r => r.lane(&ben).await.unwrap()), Attempts::NONE);
        // To a lane that is gone nothing is given back.
        write!(db, tx => tx.give_back_to_lane(&ben, at(NOON)).await.unwrap());
        assert_eq!(db.rows("lanes").await, 0);
    }

    /// Of many who count at once each sees what those before counted.
    async fn who_holds_a_lane_is_alone(db) {
        let ben = lend(lane("ben"));
        race(&db, move |mut tx, _| async move {
            let counted = tx.hold_lane(ben, None).await?.with_one_more(at(NOON));
            tx.set_lane(ben, &counted).await?;
            Ok((tx, true))
        })
        .await;
        let counted = read!(db, r => r.lane(ben).await.unwrap()).count;
        assert_eq!(counted, i64::try_from(RACERS).unwrap());
    }

    /// A network has room for so many lanes, and for those that it has.
    async fn a_network_has_room_for_so_many_lanes(db) {
        let all = lane("network");
        for name in ["a", "b", "c"] {
            assert!(read!(db, r => r.has_room_for_lane(&lane(name), &all, 3).await.unwrap()));
            write!(db, tx => tx.hold_lane(&lane(name), Some(&all)).await.unwrap());
        }
        assert!(!read!(db, r => r.has_room_for_lane(&lane("d"), &all, 3).await.unwrap()));
        assert!(read!(db, r => r.has_room_for_lane(&lane("b"), &all, 3).await.unwrap()));
        assert!(read!(db, r => r.has_room_for_lane(&lane("d"), &lane("other"), 3).await.unwrap()));
    }

    /// A browser is known to who signed in with it, and only the twenty seen last are.
    async fn a_browser_is_known_to_its_user(db) {
        let (ben, _cleo) = (db.user("ben").await, db.user("cleo").await);
        let (own, other) = (email("ben"), email("cleo"));
        let tokens: Vec<_> = (0..25).map(|_| db.token()).collect();
        for (number, token) in (0..).zip(&tokens) {
            assert!(write!(db, tx => tx.note_browser(ben, token, at(NOON + number)).await.unwrap()));
            assert!(!write!(db, tx => tx.note_browser(ben, token, at(NOON + number)).await.unwrap()));
        }
        assert_eq!(db.rows("known_browsers").await, 20);
        assert!(read!(db, r => r.is_known_browser(own.as_str(), &tokens[5]).await.unwrap()));
        assert!(!read!(db, r => r.is_known_browser(own.as_str(), &tokens[4]).await.unwrap()));
        assert!(!read!(db, r => r.is_known_browser(other.as_str(), &tokens[24]).await.unwrap()));
        assert!(!read!(db, r => r.is_known_browser("nobody", &tokens[24]).await.unwrap()));
        write!(db, tx => assert!(tx.remove_user(ben).await.unwrap()));
        assert_eq!(db.rows("known_browsers").await, 0);
    }

    /// The wait of the second proof is the user's, and goes with a new password.
    async fn a_new_password_ends_the_wait_for_codes(db) {
        let ben = db.user("ben").await;
        assert_eq!(read!(db, r => r.code_tries(ben).await.unwrap()), Attempts::NONE);
        write!(db, tx => tx.set_code_tries(ben, &tried(9, NOON)).await.unwrap());
        assert_eq!(read!(db, r => r.code_tries(ben).await.unwrap()), tried(9, NOON));
        write!(db, tx => tx.set_password(ben, "new".into()).await.unwrap());
        let tries = read!(db, r => r.code_tries(ben).await.unwrap());
        assert_eq!((tries.count, tries.left(at(NOON))), (0, None));
    }

    /// Lanes are forgotten after a day without an attempt, browsers after 400; a clock that runs
    /// ahead for a moment forgets nothing.
    async fn what_is_forgotten_goes_and_nothing_else(db) {
        let ben = db.user("ben").await;
        for (name, age) in [("old", 24 * HOUR + 1), ("young", 24 * HOUR - 1), ("now", 0)] {
            write!(db, tx => {
                tx.hold_lane(&lane(name), None).await.unwrap();
                tx.set_lane(&lane(name), &tried(3, NOON - age)).await.unwrap();
            });
        }
        for age in [400 * 24 * HOUR + 1, 400 * 24 * HOUR - 1, 0] {
            let token = db.token();
            write!(db, tx => tx.note_browser(ben, &token, at(NOON - age)).await.unwrap());
        }
        write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON)).await.unwrap());
        assert_eq!((db.rows("lanes").await, db.rows("known_browsers").await), (2, 2));
        assert_eq!(read!(db, r => r.lane(&lane("old")).await.unwrap()), Attempts::NONE);
        write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON * 100)).await.unwrap());
        assert_eq!((db.rows("lanes").await, db.rows("known_browsers").await), (2, 2));
    }
}
