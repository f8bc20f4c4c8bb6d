//! What is over is removed, and nothing else.

use vestibule_domain::link::LinkPurpose;
use vestibule_domain::totp::Step;
use vestibule_store::{NewLink, PendingEnrolment};

use crate::support::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const NOON: i64 = 100 * HOUR;

on_both! {
    async fn what_is_over_goes_and_nothing_else(db) {
        let ben = db.user("ben").await;
        // Each kind twice: the newest that may go, and the oldest that must stay.
        let mut kept = Vec::new();
        for (created, seen, stays) in [
            (NOON - 2 * HOUR, NOON - HOUR - 1, false),
            (NOON - 2 * HOUR, NOON - HOUR + 1, true),
            (NOON - 24 * HOUR - 1, NOON - 1, false),
            (NOON - 24 * HOUR + 1, NOON - 1, true),
            (NOON, NOON, true),
            (NOON + HOUR, NOON + HOUR, true),
        ] {
            let session = db.session_at(ben, FIRST, at(created)).await;
            write!(db, tx => tx.note_seen(session.id, at(seen)).await.unwrap());
            if stays {
                kept.push(session);
            }
        }
        let factor = db.factor(ben).await;
        write!(db, tx => for (step, age) in [(1, 48 * HOUR + 1), (2, 48 * HOUR - 1), (3, 0)] {
            assert!(tx.spend_code(factor, Step(step), at(NOON - age)).await.unwrap());
        });
        for (session, left) in [(&kept[0], -HOUR - 1), (&kept[1], -HOUR + 1)] {
            let expires = at(NOON + left);
            let pending = PendingEnrolment { expires, ..db.to_enrol(ben, session.id, FIRST) };
            write!(db, tx => {
                assert!(tx.insert_pending_enrolment(&pending, at(NOON - 2 * HOUR)).await.unwrap());
            });
        }
        // Two set-up links cannot be, so others stand for them.
        for (purpose, over_for) in
            [(LinkPurpose::Password, 48 * HOUR + 1), (LinkPurpose::Recover, 48 * HOUR - 1)]
        {
            let token = db.token();
            let new = NewLink { id: db.link_id(), purpose, token: &token, user: Some((ben, FIRST)), recovers: None };
            let lifetime = i64::try_from(purpose.lifetime().as_millis()).unwrap();
            let made = at(NOON - over_for - lifetime);
            write!(db, tx => tx.make_link(&new, made).await.unwrap());
        }
        let tables = ["sessions", "spent_codes", "pending_enrolments", "links", "factors", "users"];
        let mut before = Vec::new();
        for table in tables {
            before.push(db.rows(table).await);
        }
        assert_eq!(before, [6, 3, 2, 2, 1, 1]);

        let more = write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON)).await.unwrap());
        assert!(!more);
        let mut after = Vec::new();
        for table in tables {
            after.push(db.rows(table).await);
        }
        assert_eq!(after, [4, 2, 1, 1, 1, 1]);
        for session in &kept {
            let found = read!(db, r => r.session(&session.token, LIMITS, at(NOON)).await.unwrap());
            assert!(found.is_some());
        }
        let spend = async |step| {
            write!(db, tx => tx.spend_code(factor, Step(step), at(NOON)).await.unwrap())
        };
        assert!(!spend(2).await && !spend(3).await, "still spent");
        // A second time there is nothing to do.
        assert!(!write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON)).await.unwrap()));
        assert_eq!(db.rows("sessions").await, 4);
    }

    /// Whatever a session still opens, housekeeping leaves alone: the two agree to the millisecond.
    async fn no_session_goes_that_is_not_over(db) {
        let ben = db.user("ben").await;
        let mut sessions = Vec::new();
        for idle in [HOUR - 1, HOUR, HOUR + 1] {
            for age in [24 * HOUR - 1, 24 * HOUR, 24 * HOUR + 1] {
                let session = db.session_at(ben, FIRST, at(NOON - age)).await;
                write!(db, tx => tx.note_seen(session.id, at(NOON - idle)).await.unwrap());
                sessions.push(session);
            }
        }
        let find = async |session: &Opened| {
            read!(db, r => r.session(&session.token, LIMITS, at(NOON)).await.unwrap())
        };
        let mut open = Vec::new();
        for session in sessions {
            if find(&session).await.unwrap().session.ends(at(NOON)).is_some() {
                open.push(session);
            }
        }
        assert_eq!(open.len(), 1);
        write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON)).await.unwrap());
        for session in &open {
            assert!(find(session).await.is_some());
        }
    }

    async fn many_go_in_batches(db) {
        let factor = db.factor_id();
        write!(db, tx => for step in 0..1201 {
            assert!(tx.spend_code(factor, Step(step), at(0)).await.unwrap());
        });
        write!(db, tx => assert!(tx.spend_code(factor, Step(5000), at(NOON)).await.unwrap()));
        let mut left = Vec::new();
        loop {
            let more = write!(db, tx => tx.remove_what_is_over(LIMITS, at(NOON)).await.unwrap());
            left.push(db.rows("spent_codes").await);
            if !more {
                break;
            }
        }
        assert_eq!(left, [702, 202, 1]);
    }

    /// Every node keeps house, and at the same time.
    async fn several_nodes_keep_house_at_once(db) {
        let ben = db.user("ben").await;
        for _ in 0..300 {
            db.session_at(ben, FIRST, at(0)).await;
        }
        let kept = db.session_at(ben, FIRST, at(NOON)).await;
        let won = race(&db, move |mut tx, _| async move {
            tx.remove_what_is_over(LIMITS, at(NOON)).await?;
            Ok((tx, true))
        });
        assert_eq!(won.await, RACERS);
        assert_eq!(db.rows("sessions").await, 1);
        let found = read!(db, r => r.session(&kept.token, LIMITS, at(NOON)).await.unwrap());
        assert!(found.is_some());
    }
}
