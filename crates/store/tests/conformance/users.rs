//! Users: the address, the epoch, the password, the budget, role and state.

use std::time::Duration;

use vestibule_domain::email::Email;
use vestibule_domain::id::UserId;
use vestibule_domain::limits::CODE_BUDGET;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{MemberFilter, NewUser, PageKey};

use crate::support::*;

fn new_user<'a>(db: &Db, email: &'a Email, name: &'a vestibule_domain::name::Name) -> NewUser<'a> {
    NewUser {
        id: UserId::new(now(), &db.random),
        account: db.account,
        email,
        name,
        role: Role::Member,
        state: MembershipState::Invited,
        password: None,
    }
}

on_both! {
    async fn an_address_is_one_user_in_the_whole_installation(db) {
        db.user("ben").await;
        let (address, ben) = (email("ben"), name("Ben"));
        let other = db.another_account().await;
        let again = NewUser { account: other, ..new_user(&db, &address, &ben) };
        write!(db, tx => {
            assert!(!tx.insert_user(&again, now()).await.unwrap());
            // Whoever is told so can go on in the same transaction.
            assert!(tx.user(again.id).await.unwrap().is_none());
            let (address, name) = (email("ben2"), name("Ben"));
            assert!(tx.insert_user(&new_user(&db, &address, &name), now()).await.unwrap());
        });
        assert_eq!((db.rows("users").await, db.rows("memberships").await), (2, 2));
    }

    async fn of_many_with_one_address_one_is_added(db) {
        let (address, ben) = (lend(email("ben")), lend(name("Ben")));
        let users = (0..RACERS).map(|_| new_user(&db, address, ben)).collect::<Vec<_>>();
        let users = lend(users);
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.insert_user(&users[number], now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!((db.rows("users").await, db.rows("memberships").await), (1, 1));
    }

    async fn look_alikes_are_refused_where_they_have_letters_outside_ascii(db) {
        let add = async |address: &str| {
            let (email, name) = (Email::parse(address).unwrap(), name("Somebody"));
            write!(db, tx => tx.insert_user(&new_user(&db, &email, &name), now()).await.unwrap())
        };
        assert!(add("coco@acme.example").await);
        assert!(!add("сосо@acme.example").await, "Cyrillic");
        assert!(add("сосо@other.example").await, "nobody looks like it");
        // Two addresses in ASCII are always two users, whatever they look like.
        assert!(add("c0c0@acme.example").await);
        assert!(add("coco@other.example").await);
    }

    /// Two addresses that look alike, in two accounts whose guards are not each other's.
    async fn of_many_look_alikes_one_is_added(db) {
        let alike = ["сосо@acme.example", "сосօ@acme.example"].map(|text| Email::parse(text).ok());
        let first = alike[0].clone().unwrap();
        let others: Vec<Email> = alike
            .into_iter()
            .flatten()
            .filter(|email| email.skeleton() == first.skeleton() && email.may_be_look_alike())
            .collect();
        let (emails, who) = (lend(others), lend(name("Somebody")));
        let new = (0..RACERS).map(|n| new_user(&db, &emails[n % emails.len()], who));
        let users = lend(new.collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.insert_user(&users[number], now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    async fn a_user_is_found_by_its_account_alone(db) {
        let (ben, other) = (db.user("ben").await, db.another_account().await);
        read!(db, r => {
            let found = r.user_of(db.account, ben).await.unwrap().unwrap();
            assert_eq!((found.id, found.account, found.email.as_str()), (ben, db.account, "ben@acme.example"));
            assert_eq!(found.standing.epoch, FIRST);
            assert!(found.has_password && !found.standing.has_factor);
            assert!(r.user_of(other, ben).await.unwrap().is_none());
            let known = r.password_of(&email("ben")).await.unwrap().unwrap();
            assert_eq!((known.user.id, known.hash.as_deref()), (ben, Some("a hash")));
            assert!(r.password_of(&email("nobody")).await.unwrap().is_none());
        });
    }

    async fn an_epoch_is_bumped_once(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let bump = async |user, epoch| {
            write!(db, tx => tx.bump_epoch(user, epoch).await.unwrap())
        };
        assert!(!bump(ben, Epoch(0)).await && !bump(ben, Epoch(2)).await);
        assert!(bump(ben, FIRST).await);
        assert!(!bump(ben, FIRST).await);
        assert!(!bump(UserId::new(now(), &db.random), FIRST).await);
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.bump_epoch(ben, Epoch(2)).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!((db.epoch(ben).await, db.epoch(ada).await), (Epoch(3), FIRST));
    }

    /// Under a held epoch a proof can be stored: a bump waits until it is.
    async fn a_held_epoch_stands_until_the_commit(db) {
        let ben = db.user("ben").await;
        let mut holding = db.store.write().await.unwrap();
        assert!(!holding.hold_epoch(ben, Epoch(2)).await.unwrap());
        assert!(holding.hold_epoch(ben, FIRST).await.unwrap());
        let store = db.store.clone();
        let mut bumping = tokio::spawn(async move {
            let mut tx = store.write().await.unwrap();
            let won = tx.bump_epoch(ben, FIRST).await.unwrap();
            tx.commit().await.unwrap();
            won
        });
        let early = tokio::time::timeout(Duration::from_millis(150), &mut bumping).await;
        assert!(early.is_err(), "the bump did not wait");
        assert_eq!(db.epoch(ben).await, FIRST);
        holding.commit().await.unwrap();
        assert!(bumping.await.unwrap());
        let held = write!(db, tx => tx.hold_epoch(ben, FIRST).await.unwrap());
        assert!(!held, "an epoch that is over cannot be held");
    }

    async fn who_holds_and_who_bumps_never_both_win_out_of_order(db) {
        let ben = db.user("ben").await;
        // Half of them store a proof's epoch, half bump: no proof is stored after the bump.
        let won = race(&db, move |mut tx, number| async move {
            let won = if number % 2 == 0 {
                tx.hold_epoch(ben, FIRST).await?
                    && tx.user(ben).await?.unwrap().standing.epoch == FIRST
            } else {
                tx.bump_epoch(ben, FIRST).await?
            };
            Ok((tx, won))
        });
        assert!(won.await >= 1);
        assert_eq!(db.epoch(ben).await, Epoch(2));
    }

    async fn a_password_renews_the_budget_and_a_renewed_hash_does_not(db) {
        let ben = db.user("ben").await;
        let hash = async || {
            read!(db, r => r.password_of(&email("ben")).await.unwrap()).unwrap().hash.unwrap()
        };
        let attempts = async || read!(db, r => r.code_attempts(ben).await.unwrap());
        write!(db, tx => {
            assert!(tx.reserve_code_attempts(ben, 7).await.unwrap());
            assert!(!tx.renew_hash(ben, "stale".into(), Epoch(2)).await.unwrap());
            assert!(tx.renew_hash(ben, "dearer".into(), FIRST).await.unwrap());
        });
        assert_eq!((hash().await.as_str(), attempts().await), ("dearer", 7));
        write!(db, tx => {
            assert!(tx.bump_epoch(ben, FIRST).await.unwrap());
            tx.set_password(ben, "new".into()).await.unwrap();
            assert!(!tx.renew_hash(ben, "of the old one".into(), FIRST).await.unwrap());
        });
        assert_eq!((hash().await.as_str(), attempts().await), ("new", 0));
    }

    async fn the_budget_holds_what_it_holds(db) {
        let ben = db.user("ben").await;
        let reserve = async |cost| {
            write!(db, tx => tx.reserve_code_attempts(ben, cost).await.unwrap())
        };
        assert!(reserve(CODE_BUDGET - 1).await);
        assert!(!reserve(2).await, "two apps cost two");
        assert!(reserve(1).await);
        assert!(!reserve(1).await);
        assert_eq!(read!(db, r => r.code_attempts(ben).await.unwrap()), CODE_BUDGET);
        let nobody = UserId::new(now(), &db.random);
        assert!(!write!(db, tx => tx.reserve_code_attempts(nobody, 1).await.unwrap()));
    }

    async fn parallel_attempts_take_no_more_than_the_budget(db) {
        let ben = db.user("ben").await;
        write!(db, tx => assert!(tx.reserve_code_attempts(ben, 60).await.unwrap()));
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.reserve_code_attempts(ben, 1).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 40);
        assert_eq!(read!(db, r => r.code_attempts(ben).await.unwrap()), CODE_BUDGET);
    }

    async fn parallel_attempts_of_three_apps_take_no_more_than_the_budget(db) {
        let ben = db.user("ben").await;
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.reserve_code_attempts(ben, 3).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 33);
        assert_eq!(read!(db, r => r.code_attempts(ben).await.unwrap()), 99);
    }

    async fn a_session_is_refunded_its_own_attempts_and_no_others(db) {
        let ben = db.user("ben").await;
        let (one, two) = (db.session(ben).await, db.session(ben).await);
        let attempt = async |session: &Opened, cost| write!(db, tx => {
            assert!(tx.reserve_code_attempts(ben, cost).await.unwrap());
            let counted = tx.count_session_attempts(session.id, &session.token, cost);
            assert!(counted.await.unwrap());
        });
        attempt(&one, 3).await;
        attempt(&two, 5).await;
        let attempts = async || read!(db, r => r.code_attempts(ben).await.unwrap());
        assert_eq!(attempts().await, 8);
        write!(db, tx => tx.refund_code_attempts(ben, one.id).await.unwrap());
        assert_eq!(attempts().await, 5);
        // The budget was renewed meanwhile: nothing is given that was not taken.
        write!(db, tx => {
            tx.set_password(ben, "new".into()).await.unwrap();
            tx.refund_code_attempts(ben, two.id).await.unwrap();
        });
        assert_eq!(attempts().await, 0);
        let wrong = db.token();
        let counted = write!(db, tx => tx.count_session_attempts(two.id, &wrong, 1).await.unwrap());
        assert!(!counted, "a token that was replaced counts nothing");
        write!(db, tx => tx.refund_code_attempts(ben, db.session_id()).await.unwrap());
    }

    async fn roles_and_states_change_once(db) {
        use MembershipState::{Active, Disabled, Invited};
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let role = async |role| write!(db, tx => tx.set_role(ben, role).await.unwrap());
        assert!(!role(Role::Member).await);
        assert!(role(Role::Admin).await);
        assert!(!role(Role::Admin).await);
        let state = async |from, to| write!(db, tx => tx.set_state(ben, from, to).await.unwrap());
        assert!(!state(Invited, Active).await);
        assert!(state(Active, Disabled).await);
        assert!(!state(Active, Disabled).await);
        assert!(state(Disabled, Active).await);
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.set_state(ben, Active, Disabled).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.set_role(ben, Role::Member).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        let standing = async |id| read!(db, r => r.user(id).await.unwrap()).unwrap().standing;
        assert_eq!((standing(ben).await.role, standing(ben).await.state), (Role::Member, Disabled));
        assert_eq!(standing(ada).await.state, Active);
    }

    async fn a_name_changes_in_the_list_too(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        write!(db, tx => {
            tx.set_name(ben, &name("Zoë")).await.unwrap();
            tx.note_sign_in(ben, at(5)).await.unwrap();
        });
        let user = async |id| read!(db, r => r.user(id).await.unwrap()).unwrap();
        assert_eq!((user(ben).await.name, user(ben).await.last_sign_in), ("Zoë".into(), Some(at(5))));
        assert_eq!((user(ada).await.name, user(ada).await.last_sign_in), ("ada".into(), None));
        let filter = MemberFilter { prefix: "zo".into(), ..Default::default() };
        let found = read!(db, r => {
            r.members(db.account, &filter, &PageKey::default(), 10).await.unwrap().members
        });
        assert_eq!(found.iter().map(|member| member.id).collect::<Vec<_>>(), [ben]);
    }

    async fn with_a_user_goes_all_that_is_theirs_and_nothing_else(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        for user in [ben, ada] {
            let factor = db.factor(user).await;
            let session = db.session(user).await;
            db.pending(user, session.id, FIRST).await;
            let (id, token) = (db.link_id(), db.token());
            let link = vestibule_store::NewLink {
                id,
                purpose: vestibule_domain::link::LinkPurpose::Password,
                token: &token,
                user: Some((user, FIRST)),
                recovers: None,
            };
            write!(db, tx => {
                tx.make_link(&link, now()).await.unwrap();
                assert!(tx.spend_code(factor, vestibule_domain::totp::Step(1), now()).await.unwrap());
            });
        }
        let theirs =
            ["users", "memberships", "factors", "sessions", "pending_enrolments", "links"];
        for table in theirs {
            assert_eq!(db.rows(table).await, 2, "{table}");
        }
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.remove_user(ben).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        for table in theirs {
            assert_eq!(db.rows(table).await, 1, "{table}");
        }
        // A spent code stays spent.
        assert_eq!(db.rows("spent_codes").await, 2);
        assert!(read!(db, r => r.user(ada).await.unwrap()).unwrap().standing.has_factor);
    }

    async fn the_first_data_key_is_one(db) {
        // The fixture has stored it: all lose.
        let ids = lend((0..RACERS).map(|_| db.new_data_key_id()).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.insert_first_data_key(ids[number], b"late", now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 0);
        db.run("DELETE FROM data_keys").await.unwrap();
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.insert_first_data_key(ids[number], b"wrapped", now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        let keys = read!(db, r => r.data_keys().await.unwrap());
        assert_eq!((keys.len(), keys[0].wrapped.as_slice()), (1, b"wrapped".as_slice()));
    }
}
