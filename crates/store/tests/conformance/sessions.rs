//! Sessions: tokens that are replaced, proofs that are given, lists that leave out what is over.

use vestibule_domain::id::UserId;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::token::TokenHash;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{NewSession, SessionRecord};

use crate::support::*;

async fn find(db: &Db, token: &TokenHash) -> Option<SessionRecord> {
    read!(db, r => r.session(token, LIMITS, now()).await.unwrap())
}

fn second(record: &SessionRecord) -> Option<(i64, i64)> {
    record.session.second.map(|(_, proof)| (proof.at.millis(), proof.epoch.0))
}

on_both! {
    async fn a_token_opens_its_session_with_all_that_the_decision_needs(db) {
        let ben = db.user_as("ben", Role::Admin, MembershipState::Active, true).await;
        let opened = db.session_at(ben, Epoch(4), at(3)).await;
        let record = find(&db, &opened.token).await.unwrap();
        assert_eq!((record.id, record.user, record.account), (opened.id, ben, db.account));
        assert_eq!(record.standing, read!(db, r => r.user(ben).await.unwrap()).unwrap().standing);
        assert_eq!(record.standing.role, Role::Admin);
        let session = record.session;
        assert_eq!((session.created, session.last_seen, session.limits), (at(3), at(3), LIMITS));
        let password = session.password.unwrap();
        assert_eq!((password.at, password.epoch), (at(3), Epoch(4)));
        assert!(session.second.is_none() && !session.recovering && !session.enrolling);
        assert!(find(&db, &db.token()).await.is_none());
        db.pending(ben, opened.id, FIRST).await;
        assert!(find(&db, &opened.token).await.unwrap().session.enrolling);
        assert!(!read!(db, r => r.session(&opened.token, LIMITS, at(15 * 60_000)).await.unwrap())
            .unwrap().session.enrolling, "a key that has expired");
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        assert!(!find(&db, &opened.token).await.unwrap().session.enrolling, "a key of another epoch");
    }

    async fn a_second_proof_replaces_the_token(db) {
        let ben = db.user("ben").await;
        let (opened, factor, new) = (db.session(ben).await, db.factor(ben).await, db.token());
        let give = async |old: &TokenHash, new: &TokenHash| write!(db, tx => {
            tx.give_second_proof(opened.id, (old, new), SecondProof::Totp(factor), FIRST, at(5)).await.unwrap()
        });
        assert!(!give(&db.token(), &new).await);
        assert!(give(&opened.token, &new).await);
        assert!(!give(&opened.token, &db.token()).await, "the old token has died in the same write");
        assert!(find(&db, &opened.token).await.is_none());
        let record = find(&db, &new).await.unwrap();
        assert_eq!(second(&record), Some((at(5).millis(), 1)));
        assert_eq!(record.session.second.unwrap().0, SecondProof::Totp(factor));
        assert_eq!(record.session.last_seen, at(5));
        let other = db.session(ben).await;
        let crossed = write!(db, tx => {
            let tokens = (&new, &db.token());
            tx.give_second_proof(other.id, tokens, SecondProof::Totp(factor), FIRST, now()).await.unwrap()
        });
        assert!(!crossed, "a token of another session");
    }

    async fn one_token_takes_one_second_proof(db) {
        let ben = db.user("ben").await;
        let (opened, factor) = (lend(db.session(ben).await), db.factor(ben).await);
        let new = lend((0..RACERS).map(|_| db.token()).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let tokens = (&opened.token, &new[number]);
            let won = tx.give_second_proof(opened.id, tokens, SecondProof::Totp(factor), FIRST, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        let mut alive = 0;
        for token in new {
            alive += usize::from(find(&db, token).await.is_some());
        }
        assert_eq!(alive, 1);
    }

    async fn one_token_takes_one_password(db) {
        let ben = db.user("ben").await;
        let opened = lend(db.session(ben).await);
        let new = lend((0..RACERS).map(|_| db.token()).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let tokens = (&opened.token, &new[number]);
            let won = tx.give_password_proof(opened.id, tokens, FIRST, at(5)).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert!(find(&db, &opened.token).await.is_none());
    }

    async fn the_acting_session_goes_over_with_the_proofs_that_counted(db) {
        let ben = db.user("ben").await;
        let factor = db.factor(ben).await;
        let (one, two, three) = (db.token(), db.token(), db.token());
        let opened = db.session(ben).await;
        write!(db, tx => {
            let tokens = (&opened.token, &one);
            assert!(tx.give_second_proof(opened.id, tokens, SecondProof::Totp(factor), FIRST, now()).await.unwrap());
            assert!(!tx.reissue_session(opened.id, (&opened.token, &two), FIRST).await.unwrap());
            assert!(!tx.reissue_session(opened.id, (&one, &two), Epoch(2)).await.unwrap());
            assert!(tx.reissue_session(opened.id, (&one, &two), FIRST).await.unwrap());
        });
        let record = find(&db, &two).await.unwrap();
        assert_eq!(record.session.password.unwrap().epoch, Epoch(2));
        assert_eq!(second(&record), Some((now().millis(), 2)));
        assert!(find(&db, &one).await.is_none());
        // A second proof that did not count does not begin to.
        write!(db, tx => {
            let tokens = (&two, &two);
            assert!(tx.give_second_proof(opened.id, tokens, SecondProof::Totp(factor), FIRST, now()).await.unwrap());
            assert!(tx.reissue_session(opened.id, (&two, &three), Epoch(2)).await.unwrap());
        });
        let record = find(&db, &three).await.unwrap();
        assert_eq!(record.session.password.unwrap().epoch, Epoch(3));
        assert_eq!(second(&record), Some((now().millis(), 1)));
    }

    /// What was refunded once, or belongs to a budget that may have been renewed, is not refunded
    /// again.
    async fn attempts_are_the_sessions_until_a_proof_or_an_act(db) {
        let ben = db.user("ben").await;
        let factor = db.factor(ben).await;
        let attempts = async || read!(db, r => r.code_attempts(ben).await.unwrap());
        for by_proof in [true, false] {
            let (opened, new) = (db.session(ben).await, db.token());
            write!(db, tx => {
                assert!(tx.reserve_code_attempts(ben, 5).await.unwrap());
                let counted = tx.count_session_attempts(opened.id, &opened.token, 5);
                assert!(counted.await.unwrap());
                let tokens = (&opened.token, &new);
                let done = if by_proof {
                    tx.give_second_proof(opened.id, tokens, SecondProof::Totp(factor), FIRST, now()).await
                } else {
                    tx.reissue_session(opened.id, tokens, FIRST).await
                };
                assert!(done.unwrap());
                let late = tx.count_session_attempts(opened.id, &opened.token, 5);
                assert!(!late.await.unwrap(), "the token was replaced");
                tx.refund_code_attempts(ben, opened.id).await.unwrap();
            });
        }
        assert_eq!(attempts().await, 10);
    }

    /// What a recover link's session alone may do ends with the first act of it.
    async fn a_recovering_session_recovers_once(db) {
        let ben = db.user("ben").await;
        let (id, token, new) = (db.session_id(), db.token(), db.token());
        let recovering = NewSession {
            id,
            user: ben,
            token: &token,
            epoch: FIRST,
            browser: "",
            address: "",
            recovering: true,
        };
        write!(db, tx => tx.insert_session(&recovering, now()).await.unwrap());
        assert!(find(&db, &token).await.unwrap().session.recovering);
        write!(db, tx => assert!(tx.reissue_session(id, (&token, &new), FIRST).await.unwrap()));
        assert!(!find(&db, &new).await.unwrap().session.recovering);
    }

    async fn a_session_goes_over_once(db) {
        let ben = db.user("ben").await;
        let opened = lend(db.session(ben).await);
        let new = lend((0..RACERS).map(|_| db.token()).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let tokens = (&opened.token, &new[number]);
            let won = tx.reissue_session(opened.id, tokens, FIRST).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    async fn the_second_proof_of_a_removed_factor_goes_and_no_other(db) {
        let ben = db.user("ben").await;
        let (kept, removed) = (db.factor(ben).await, db.factor(ben).await);
        let (opened, new) = (db.session(ben).await, db.token());
        write!(db, tx => {
            let tokens = (&opened.token, &new);
            assert!(tx.give_second_proof(opened.id, tokens, SecondProof::Totp(kept), FIRST, now()).await.unwrap());
            tx.drop_second_proof(opened.id, removed).await.unwrap();
        });
        assert!(second(&find(&db, &new).await.unwrap()).is_some());
        write!(db, tx => tx.drop_second_proof(opened.id, kept).await.unwrap());
        assert!(second(&find(&db, &new).await.unwrap()).is_none());
    }

    async fn a_session_is_ended_by_its_user_once(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let opened = db.session(ben).await;
        let id = opened.id;
        assert!(!write!(db, tx => tx.end_session(ada, id).await.unwrap()));
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.end_session(ben, id).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert!(find(&db, &opened.token).await.is_none());
    }

    async fn a_request_is_noted_forwards_only(db) {
        let ben = db.user("ben").await;
        let opened = db.session(ben).await;
        for (seen, expected) in [(60_000, 60_000), (30_000, 60_000), (90_000, 90_000)] {
            write!(db, tx => tx.note_seen(opened.id, at(seen)).await.unwrap());
            let record = find(&db, &opened.token).await.unwrap();
            assert_eq!(record.session.last_seen, at(expected));
        }
        let record = find(&db, &opened.token).await.unwrap();
        assert!(!record.is_due_to_be_noted(at(90_000 + 59_999)));
        assert!(record.is_due_to_be_noted(at(90_000 + 60_000)));
        assert!(!record.is_due_to_be_noted(at(0)), "the clock was set back");
    }

    /// Lists and counts show what a token would open, and nothing that is over.
    async fn open_sessions_are_those_that_open(db) {
        use MembershipState::{Active, Disabled};
        const HOUR: i64 = 3_600_000;
        let ben = db.user("ben").await;
        let out = db.user_as("out", Role::Member, Disabled, true).await;
        // When it began, when it was last seen, under which epoch; all as seen at 24 hours.
        let sessions = [
            (0, 24 * HOUR - 1, 1), // too old, to the millisecond
            (1, 24 * HOUR - 1, 1),
            (22 * HOUR, 23 * HOUR, 1), // idle too long, to the millisecond
            (22 * HOUR, 23 * HOUR + 1, 1),
            (23 * HOUR, 24 * HOUR, 1),
            (23 * HOUR, 24 * HOUR, 2), // of an epoch that is not
        ];
        let later = at(24 * HOUR);
        let mut expected = Vec::new();
        for (created, seen, epoch) in sessions {
            let opened = db.session_at(ben, Epoch(epoch), at(created)).await;
            write!(db, tx => tx.note_seen(opened.id, at(seen)).await.unwrap());
            let record = read!(db, r => r.session(&opened.token, LIMITS, later).await.unwrap());
            let record = record.unwrap();
            let counts = record.session.password.unwrap().epoch == record.standing.epoch;
            if counts && record.session.ends(later).is_some() {
                expected.push((at(seen), opened.id));
            }
        }
        assert_eq!(expected.len(), 3);
        expected.sort_unstable_by(|one, two| two.cmp(one));
        let shown = read!(db, r => r.open_sessions(ben, LIMITS, later).await.unwrap());
        let shown: Vec<_> = shown.iter().map(|open| (open.last_seen, open.id)).collect();
        assert_eq!(shown, expected);
        let count = async || {
            read!(db, r => r.count_open_sessions(db.account, LIMITS, later).await.unwrap())
        };
        assert_eq!(count().await, 3);
        db.session_at(out, FIRST, later).await;
        assert_eq!(count().await, 3, "of a disabled user");
        write!(db, tx => assert!(tx.set_state(out, Disabled, Active).await.unwrap()));
        assert_eq!(count().await, 4);
        let other = db.another_account().await;
        let elsewhere = read!(db, r => r.count_open_sessions(other, LIMITS, later).await.unwrap());
        assert_eq!(elsewhere, 0);
        let nobody = UserId::new(now(), &db.random);
        assert!(read!(db, r => r.open_sessions(nobody, LIMITS, later).await.unwrap()).is_empty());
    }
}
