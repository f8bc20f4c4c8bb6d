//! Hand-overs: taken once, in time, by the right browser at the right host.

use vestibule_domain::token::{Token, TokenHash};
use vestibule_store::{NewHandOver, TakenHandOver, Taking};

use crate::support::*;

const HOST: &str = "app.example";
const SECOND: i64 = 1_000;

fn taken(taking: Taking) -> Option<TakenHandOver> {
    match taking {
        Taking::Taken(taken) => Some(taken),
        Taking::Wasted | Taking::Nothing => None,
    }
}

struct Made {
    code: TokenHash,
    nonce: Token,
}

async fn hand_over(db: &Db, session: &Opened) -> Made {
    let (code, nonce) = (db.token(), Token::new(&db.random));
    let challenge = nonce.hash();
    let new = NewHandOver {
        code: &code,
        challenge: challenge.as_bytes(),
        session: session.id,
        token: &session.token,
        epoch: FIRST,
        host: HOST,
    };
    write!(db, tx => assert!(tx.insert_hand_over(&new, now()).await.unwrap()));
    Made { code, nonce }
}

on_both! {
    async fn a_hand_over_is_made_for_a_session_as_it_was_read(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let (code, other) = (db.token(), db.token());
        let new = NewHandOver {
            code: &code,
            challenge: &[7; 32],
            session: session.id,
            token: &session.token,
            epoch: FIRST,
            host: HOST,
        };
        write!(db, tx => {
            let replaced = NewHandOver { token: &other, ..new };
            assert!(!tx.insert_hand_over(&replaced, now()).await.unwrap(), "another token");
            let bumped = NewHandOver { token: &session.token, epoch: FIRST.next(), ..replaced };
            assert!(!tx.insert_hand_over(&bumped, now()).await.unwrap(), "another epoch");
            let ended = NewHandOver { session: db.session_id(), token: &session.token, epoch: FIRST, ..bumped };
            assert!(!tx.insert_hand_over(&ended, now()).await.unwrap(), "no such session");
        });
    }

    async fn only_the_right_browser_takes_it_at_the_right_host_in_time(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let made = hand_over(&db, &session).await;
        let nonce = made.nonce.hash();
        write!(db, tx => {
            assert!(taken(tx.take_hand_over(&made.code, Some(&nonce), "b.example", now()).await.unwrap()).is_none());
            assert!(taken(tx.take_hand_over(&db.token(), Some(&nonce), HOST, now()).await.unwrap()).is_none());
            let late = at(30 * SECOND);
            assert!(taken(tx.take_hand_over(&made.code, Some(&nonce), HOST, late).await.unwrap()).is_none());
            let set_back = at(-31 * SECOND);
            assert!(taken(tx.take_hand_over(&made.code, Some(&nonce), HOST, set_back).await.unwrap()).is_none());
            let got = taken(tx.take_hand_over(&made.code, Some(&nonce), HOST, at(30 * SECOND - 1)).await.unwrap()).unwrap();
            assert_eq!((got.session, got.user, got.epoch), (session.id, ben, FIRST));
            assert!(taken(tx.take_hand_over(&made.code, Some(&nonce), HOST, now()).await.unwrap()).is_none(), "again");
        });
    }

    async fn shown_by_another_browser_it_is_wasted(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        for shown_with in [None, Some(db.token())] {
            let made = hand_over(&db, &session).await;
            write!(db, tx => {
                let shown = shown_with.as_ref();
                let other = tx.take_hand_over(&made.code, shown, HOST, now()).await.unwrap();
                assert!(matches!(other, Taking::Wasted));
            });
            assert!(!read!(db, r => r.is_hand_over(&made.code, HOST).await.unwrap()));
            write!(db, tx => {
                let nonce = made.nonce.hash();
                let late = tx.take_hand_over(&made.code, Some(&nonce), HOST, now()).await.unwrap();
                assert!(matches!(late, Taking::Nothing));
            });
        }
    }

    async fn a_session_has_a_few_that_wait_and_no_more(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        for _ in 0..30 {
            hand_over(&db, &session).await;
        }
        assert_eq!(db.rows("hand_overs").await, 20);
    }

    async fn it_dies_with_the_epoch_and_with_the_session(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let (bumped, ended) = (hand_over(&db, &session).await, hand_over(&db, &session).await);
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        write!(db, tx => assert!(
            taken(tx.take_hand_over(&bumped.code, Some(&bumped.nonce.hash()), HOST, now()).await.unwrap()).is_none()
        ));
        write!(db, tx => assert!(tx.end_session(ben, session.id).await.unwrap()));
        write!(db, tx => assert!(
            taken(tx.take_hand_over(&ended.code, Some(&ended.nonce.hash()), HOST, now()).await.unwrap()).is_none()
        ));
        assert_eq!(db.rows("hand_overs").await, 0);
    }

    async fn of_64_that_take_it_at_once_one_has_it(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        let made: &'static Made = lend(hand_over(&db, &session).await);
        let won = race(&db, move |mut tx, _| async move {
            let taken = tx.take_hand_over(&made.code, Some(&made.nonce.hash()), HOST, now()).await?;
            Ok((tx, super::taken(taken).is_some()))
        }).await;
        assert_eq!(won, 1);
    }

    async fn housekeeping_removes_those_that_are_over(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        hand_over(&db, &session).await;
        let minute = 60 * SECOND;
        write!(db, tx => tx.remove_what_is_over(LIMITS, at(5 * minute)).await.unwrap());
        assert_eq!(db.rows("hand_overs").await, 1);
        write!(db, tx => tx.remove_what_is_over(LIMITS, at(6 * minute)).await.unwrap());
        assert_eq!(db.rows("hand_overs").await, 0);
    }
}
