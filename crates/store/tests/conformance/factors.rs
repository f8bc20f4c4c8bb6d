//! Factors, and codes that are spent once.

use vestibule_domain::totp::Step;
use vestibule_domain::user::Epoch;

use crate::support::*;

on_both! {
    async fn a_code_is_spent_once(db) {
        let ben = db.user("ben").await;
        let (one, two) = (db.factor(ben).await, db.factor(ben).await);
        let spend = async |factor, step| {
            write!(db, tx => tx.spend_code(factor, Step(step), now()).await.unwrap())
        };
        assert!(spend(one, 7).await);
        assert!(!spend(one, 7).await);
        assert!(spend(one, 8).await && spend(one, 6).await && spend(two, 7).await);
        // Before its factor is confirmed as well.
        assert!(spend(db.factor_id(), 7).await);
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.spend_code(one, Step(9), now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    /// Two codes raced, each is taken once, in whatever order they come (attack AT-04).
    async fn two_codes_are_spent_once_each(db) {
        let factor = db.factor_id();
        let won = race(&db, move |mut tx, number| async move {
            let step = Step(i64::try_from(number % 2).unwrap());
            let won = tx.spend_code(factor, step, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 2);
    }

    async fn a_code_that_was_spent_in_vain_is_not_spent(db) {
        let factor = db.factor_id();
        let mut tx = db.store.write().await.unwrap();
        assert!(tx.spend_code(factor, Step(1), now()).await.unwrap());
        drop(tx);
        assert!(write!(db, tx => tx.spend_code(factor, Step(1), now()).await.unwrap()));
    }

    async fn factors_are_their_users_alone(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let (phone, tablet) = (db.factor(ben).await, db.factor(ben).await);
        write!(db, tx => {
            assert!(!tx.rename_factor(ada, phone, &name("Stolen")).await.unwrap());
            assert!(!tx.remove_factor(ada, phone).await.unwrap());
            assert!(tx.rename_factor(ben, phone, &name("Phone")).await.unwrap());
            tx.note_factor_used(phone, at(9)).await.unwrap();
        });
        let factors = read!(db, r => r.factors(ben).await.unwrap());
        let mut names: Vec<_> =
            factors.iter().map(|own| (own.name.as_str(), own.last_used, own.added)).collect();
        names.sort_unstable();
        assert_eq!(names, [("Authenticator app", Some(now()), now()), ("Phone", Some(at(9)), now())]);
        assert!(write!(db, tx => tx.remove_factor(ben, phone).await.unwrap()));
        assert!(!write!(db, tx => tx.remove_factor(ben, phone).await.unwrap()));
        let left = read!(db, r => r.factors(ben).await.unwrap());
        assert_eq!(left.iter().map(|own| own.id).collect::<Vec<_>>(), [tablet]);
        assert_eq!(read!(db, r => r.count_factors(ben).await.unwrap()), 1);
    }

    async fn a_factor_is_removed_once(db) {
        let ben = db.user("ben").await;
        let factor = db.factor(ben).await;
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.remove_factor(ben, factor).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    async fn all_factors_of_one_user_go(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        for user in [ben, ben, ben, ada] {
            db.factor(user).await;
        }
        assert_eq!(write!(db, tx => tx.remove_factors(ben).await.unwrap()), 3);
        assert_eq!(write!(db, tx => tx.remove_factors(ben).await.unwrap()), 0);
        assert_eq!(read!(db, r => r.count_factors(ada).await.unwrap()), 1);
    }

    /// Whichever goes, the user counts as one who has a factor until the last is gone.
    async fn a_user_counts_once_whatever_factor_goes(db) {
        for gone in 0..3 {
            let ben = db.user(&format!("ben{gone}")).await;
            let mut factors = Vec::new();
            for _ in 0..3 {
                factors.push(db.factor(ben).await);
            }
            let with_factor = async || {
                read!(db, r => r.mfa_counts(db.account).await.unwrap()).with_factor
            };
            assert_eq!(with_factor().await, 1);
            let first = factors.remove(gone);
            for (factor, left) in [(first, 1), (factors[1], 1), (factors[0], 0)] {
                assert!(write!(db, tx => tx.remove_factor(ben, factor).await.unwrap()));
                assert_eq!(with_factor().await, left, "the {gone}th went first");
            }
            // And counts again with a new one.
            db.factor(ben).await;
            assert_eq!(with_factor().await, 1);
            assert_eq!(write!(db, tx => tx.remove_factors(ben).await.unwrap()), 1);
        }
    }

    async fn factors_come_with_the_epoch_they_were_read_under(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let factor = db.factor(ben).await;
        read!(db, r => {
            let (epoch, factors) = r.factors_under_epoch(ben).await.unwrap().unwrap();
            assert_eq!((epoch, factors.len(), factors[0].id), (FIRST, 1, factor));
            assert_eq!((factors[0].sealed.as_slice(), factors[0].data_key), (b"sealed".as_slice(), db.data_key));
            assert!(r.factors_under_epoch(ada).await.unwrap().is_none());
        });
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        let (epoch, _) = read!(db, r => r.factors_under_epoch(ben).await.unwrap()).unwrap();
        assert_eq!(epoch, Epoch(2));
    }
}
