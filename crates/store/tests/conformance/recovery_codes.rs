//! Recovery codes: taken once, kept once, gone with the last factor.

use vestibule_domain::id::{DataKeyId, RecoveryCodeSetId, UserId};
use vestibule_domain::password::HashCost;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::recovery_code::{RecoveryCodeHash, SetSalt};
use vestibule_domain::user::Epoch;
use vestibule_store::{NewRecoveryCodes, TakenRecoveryCode};

use crate::support::*;

const SALT: SetSalt =
    SetSalt { salt: [7; 16], cost: HashCost { memory_kib: 19 * 1024, passes: 2 } };

fn hash(number: u8) -> RecoveryCodeHash {
    RecoveryCodeHash([number; 32])
}

/// Codes 1, 2 and 3 of a user.
pub(crate) fn set_of(db: &Db, user: UserId) -> NewRecoveryCodes {
    NewRecoveryCodes {
        id: RecoveryCodeSetId::new(now(), &db.random),
        user,
        salt: SALT,
        hashes: vec![hash(1), hash(2), hash(3)],
        sealed: b"sealed codes".to_vec(),
        data_key: db.data_key,
    }
}

async fn with_codes(db: &Db, who: &str) -> (UserId, RecoveryCodeSetId) {
    let user = db.user(who).await;
    db.factor(user).await;
    let set = set_of(db, user);
    write!(db, tx => tx.replace_recovery_codes(&set, at(5)).await.unwrap());
    (user, set.id)
}

on_both! {
    async fn what_was_stored_is_read(db) {
        let (ben, set) = with_codes(&db, "ben").await;
        let ada = db.user("ada").await;
        read!(db, r => {
            let salt = r.recovery_code_salt(ben).await.unwrap().unwrap();
            assert_eq!((salt.set, salt.salt, salt.epoch), (set, SALT, FIRST));
            let codes = r.recovery_codes(ben).await.unwrap().unwrap();
            assert_eq!((codes.made, codes.left), (at(5), 3));
            let unkept = r.unkept_recovery_codes(ben, FIRST).await.unwrap().unwrap();
            assert_eq!((unkept.set, unkept.sealed.as_slice()), (set, b"sealed codes".as_slice()));
            assert_eq!(unkept.data_key, db.data_key);
            assert!(r.recovery_code_salt(ada).await.unwrap().is_none());
            assert!(r.recovery_codes(ada).await.unwrap().is_none());
            assert!(r.unkept_recovery_codes(ada, FIRST).await.unwrap().is_none());
        });
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        let salt = read!(db, r => r.recovery_code_salt(ben).await.unwrap()).unwrap();
        assert_eq!(salt.epoch, Epoch(2), "codes outlive an epoch");
        read!(db, r => {
            let stale = r.unkept_recovery_codes(ben, FIRST).await.unwrap();
            assert!(stale.is_none(), "a session of an ended epoch reads none");
            assert!(r.unkept_recovery_codes(ben, Epoch(2)).await.unwrap().is_some());
        });
    }

    async fn a_code_is_taken_once(db) {
        let (ben, set) = with_codes(&db, "ben").await;
        let (_, other) = with_codes(&db, "ada").await;
        let won = race(&db, move |mut tx, _| async move {
            let taken = tx.take_recovery_code(set, &hash(2), now()).await?;
            assert_ne!(taken, TakenRecoveryCode::Unknown);
            Ok((tx, taken == TakenRecoveryCode::Taken))
        });
        assert_eq!(won.await, 1);
        write!(db, tx => {
            let before = tx.take_recovery_code(set, &hash(2), now()).await.unwrap();
            assert_eq!(before, TakenRecoveryCode::Before);
            let unknown = tx.take_recovery_code(set, &hash(9), now()).await.unwrap();
            assert_eq!(unknown, TakenRecoveryCode::Unknown);
            let anothers = tx.take_recovery_code(other, &hash(2), now()).await.unwrap();
            assert_eq!(anothers, TakenRecoveryCode::Taken, "the sets know nothing of each other");
        });
        assert_eq!(read!(db, r => r.recovery_codes(ben).await.unwrap()).unwrap().left, 2);
    }

    async fn a_new_set_takes_the_place_of_the_old(db) {
        let (ben, old) = with_codes(&db, "ben").await;
        write!(db, tx => tx.take_recovery_code(old, &hash(1), now()).await.unwrap());
        let new = set_of(&db, ben);
        write!(db, tx => tx.replace_recovery_codes(&new, at(9)).await.unwrap());
        assert_eq!(db.rows("recovery_code_sets").await, 1);
        assert_eq!(db.rows("recovery_codes").await, 3);
        assert_eq!(db.rows("unkept_recovery_codes").await, 1);
        write!(db, tx => {
            let void = tx.take_recovery_code(old, &hash(2), now()).await.unwrap();
            assert_eq!(void, TakenRecoveryCode::Unknown);
            assert!(!tx.keep_recovery_codes(ben, old).await.unwrap(), "the old is not the new");
        });
        assert!(read!(db, r => r.unkept_recovery_codes(ben, FIRST).await.unwrap()).is_some());
    }

    async fn a_set_is_kept_once_and_by_its_user_alone(db) {
        let (ben, set) = with_codes(&db, "ben").await;
        let ada = db.user("ada").await;
        assert!(!write!(db, tx => tx.keep_recovery_codes(ada, set).await.unwrap()));
        let opened = db.session(ben).await;
        let unkept = async || {
            let token = &opened.token;
            read!(db, r => r.session(token, LIMITS, now()).await.unwrap()).unwrap().has_unkept_codes
        };
        assert!(unkept().await);
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.keep_recovery_codes(ben, set).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert!(!unkept().await);
        assert_eq!(db.rows("recovery_codes").await, 3, "they are as good as before");
    }

    async fn what_is_still_shown_is_sealed_anew_only_as_it_was_read(db) {
        let (ben, _) = with_codes(&db, "ben").await;
        let unkept = async || read!(db, r => r.unkept_recovery_codes(ben, FIRST).await.unwrap()).unwrap();
        let as_read = unkept().await;
        write!(db, tx => assert!(tx.reseal_unkept_codes(&as_read, b"two codes").await.unwrap()));
        write!(db, tx => assert!(!tx.reseal_unkept_codes(&as_read, b"three codes").await.unwrap()));
        assert_eq!(unkept().await.sealed, b"two codes");
    }

    async fn codes_of_a_later_time_come_over_beside_a_factor_alone(db) {
        let (ben, _) = with_codes(&db, "ben").await;
        let later = read!(db, r => r.recovery_sets_after("").await.unwrap()).remove(0);
        write!(db, tx => assert_eq!(tx.remove_factors(ben).await.unwrap(), 1));
        write!(db, tx => assert!(!tx.carry_recovery_codes(&later).await.unwrap()));
        assert_eq!(db.rows("recovery_code_sets").await, 0);
        db.factor(ben).await;
        write!(db, tx => assert!(tx.carry_recovery_codes(&later).await.unwrap()));
        assert_eq!(db.rows("recovery_codes").await, 3);
    }

    async fn they_go_with_the_last_factor_and_with_the_user(db) {
        let (ben, _) = with_codes(&db, "ben").await;
        with_codes(&db, "ada").await;
        let first = read!(db, r => r.factors(ben).await.unwrap())[0].id;
        let second = db.factor(ben).await;
        let left = async || read!(db, r => r.recovery_codes(ben).await.unwrap()).is_some();
        write!(db, tx => assert!(tx.remove_factor(ben, first).await.unwrap()));
        assert!(left().await, "one factor is left");
        write!(db, tx => assert!(tx.remove_factor(ben, second).await.unwrap()));
        assert!(!left().await);

        db.factor(ben).await;
        let set = set_of(&db, ben);
        write!(db, tx => tx.replace_recovery_codes(&set, now()).await.unwrap());
        write!(db, tx => assert_eq!(tx.remove_factors(ben).await.unwrap(), 1));
        assert!(!left().await);
        let ada = read!(db, r => r.password_of(&email("ada")).await.unwrap()).unwrap().user.id;
        write!(db, tx => assert!(tx.remove_user(ada).await.unwrap()));
        for table in ["recovery_code_sets", "recovery_codes", "unkept_recovery_codes"] {
            assert_eq!(db.rows(table).await, 0, "{table}");
        }
    }

    async fn a_session_says_by_what_its_second_proof_was_given(db) {
        let (ben, _) = with_codes(&db, "ben").await;
        let opened = db.session(ben).await;
        let (factor, token) = (db.factor_id(), &opened.token);
        for by in [SecondProof::RecoveryCode, SecondProof::Totp(factor), SecondProof::RecoveryCode] {
            write!(db, tx => {
                let given = tx.give_second_proof(opened.id, (token, token), by, FIRST, at(8)).await;
                assert!(given.unwrap());
            });
            let record = read!(db, r => r.session(token, LIMITS, now()).await.unwrap()).unwrap();
            let (given, proof) = record.session.second.unwrap();
            assert_eq!((given, proof.at, proof.epoch), (by, at(8), FIRST));
        }
        // What the schema forbids: a proof by nothing, a code that was none, a code and a factor.
        for spoilt in [
            "UPDATE sessions SET second_by_recovery_code = FALSE",
            "UPDATE sessions SET second_factor_id = 'some'",
            "UPDATE sessions SET second_at = NULL, second_epoch = NULL",
        ] {
            assert!(db.run(spoilt).await.is_err(), "{spoilt}");
        }
    }

    async fn the_schema_keeps_one_set_a_user_under_a_known_key(db) {
        let (ben, _) = with_codes(&db, "ben").await;
        let twin = "INSERT INTO recovery_code_sets (id, user_id, salt, memory_kib, passes, made_at)
                    SELECT 'twin', user_id, salt, memory_kib, passes, made_at FROM recovery_code_sets";
        assert!(db.run(twin).await.is_err());
        let mut tx = db.store.write().await.unwrap();
        let no_key = DataKeyId::new(now(), &db.random);
        let foreign = NewRecoveryCodes { data_key: no_key, ..set_of(&db, ben) };
        assert!(is_refused(&tx.replace_recovery_codes(&foreign, now()).await), "sealed under no key");
        drop(tx);
        let mut tx = db.store.write().await.unwrap();
        let double = NewRecoveryCodes { hashes: vec![hash(1), hash(1)], ..set_of(&db, ben) };
        assert!(is_refused(&tx.replace_recovery_codes(&double, now()).await), "the same code twice");
    }
}
