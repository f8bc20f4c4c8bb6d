//! Accounts: the policy, the guard, the able Admins.

use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::policy::Policy;
use vestibule_domain::user::{MembershipState, Role};

use crate::support::*;

on_both! {
    async fn the_first_accounts_are_at_most_two(db) {
        assert_eq!(read!(db, r => r.first_accounts().await.unwrap()).len(), 1);
        for _ in 0..3 {
            db.another_account().await;
        }
        assert_eq!(read!(db, r => r.first_accounts().await.unwrap()).len(), 2);
        let unknown = AccountId::new(now(), &db.random);
        assert!(read!(db, r => r.account(unknown).await.unwrap()).is_none());
    }

    async fn the_policy_is_set_once(db) {
        let other = db.another_account().await;
        let set = async |policy| write!(db, tx => tx.set_policy(db.account, policy).await.unwrap());
        assert!(!set(Policy::Optional).await);
        assert!(set(Policy::Required).await);
        assert!(!set(Policy::Required).await);
        let policy_of = async |id| read!(db, r => r.account(id).await.unwrap()).unwrap().policy;
        assert_eq!(policy_of(db.account).await, Policy::Required);
        assert_eq!(policy_of(other).await, Policy::Optional);
        assert!(set(Policy::Optional).await);

        let account = db.account;
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.set_policy(account, Policy::Required).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    async fn the_guard_shows_the_account_and_knows_no_other(db) {
        let unknown = AccountId::new(now(), &db.random);
        write!(db, tx => {
            assert_eq!(tx.guard_account(db.account).await.unwrap().unwrap().id, db.account);
            assert!(tx.guard_account(unknown).await.unwrap().is_none());
        });
    }

    /// Read, then write: safe under the guard alone.
    async fn the_guard_serialises_who_reads_before_writing(db) {
        let mut admins = Vec::new();
        for number in 0..8 {
            let who = format!("admin{number}");
            admins.push(db.user_as(&who, Role::Admin, MembershipState::Active, true).await);
        }
        let (account, admins) = (db.account, lend(admins));
        let won = race(&db, move |mut tx, number| async move {
            let target = admins[number % admins.len()];
            let policy = tx.guard_account(account).await?.unwrap().policy;
            let others = tx.able_admins_besides(account, target, policy).await?;
            let won = others > 0 && tx.set_role(target, Role::Member).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 7);
        let nobody = UserId::new(now(), &db.random);
        let left = read!(db, r => r.able_admins_besides(account, nobody, Policy::Optional).await);
        assert_eq!(left.unwrap(), 1);
    }

    /// What the switch says is what whoever waited for the guard reads, not what was so before.
    async fn who_waits_for_the_guard_reads_what_the_one_before_wrote(db) {
        let account = db.account;
        let won = race(&db, move |mut tx, _| async move {
            let policy = tx.guard_account(account).await?.unwrap().policy;
            let won = policy == Policy::Optional;
            if won {
                assert!(tx.set_policy(account, Policy::Required).await?);
            }
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    /// Against the sentence of the design: active, with a password and, while MFA is required,
    /// with a factor.
    async fn able_admins_are_counted_as_the_design_says(db) {
        let states = [MembershipState::Invited, MembershipState::Active, MembershipState::Disabled];
        let (mut users, mut number) = (Vec::new(), 0);
        for role in [Role::Member, Role::Admin] {
            for state in states {
                for with_password in [false, true] {
                    for factors in 0..3 {
                        number += 1;
                        let who = format!("user{number}");
                        let id = db.user_as(&who, role, state, with_password).await;
                        for _ in 0..factors {
                            db.factor(id).await;
                        }
                        users.push((id, role, state, with_password, factors));
                    }
                }
            }
        }
        let other = db.another_account().await;
        for policy in [Policy::Optional, Policy::Required] {
            for &(besides, ..) in &users {
                let expected = users
                    .iter()
                    .filter(|(id, role, state, with_password, factors)| {
                        *id != besides
                            && *role == Role::Admin
                            && *state == MembershipState::Active
                            && *with_password
                            && (*factors > 0 || !policy.is_required())
                    })
                    .count();
                let count = async |account| {
                    read!(db, r => r.able_admins_besides(account, besides, policy).await.unwrap())
                };
                assert_eq!(count(db.account).await, i64::try_from(expected).unwrap());
                assert_eq!(count(other).await, 0);
            }
        }
    }
}
