//! What the schema itself forbids, whatever a statement would have written.

use vestibule_domain::id::{AccountId, DataKeyId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_store::{MemberFilter, NewLink, NewSession, NewUser, PageKey, PendingEnrolment};

use crate::support::*;

on_both! {
    async fn nothing_belongs_to_nobody(db) {
        let (ben, nobody) = (db.user("ben").await, UserId::new(now(), &db.random));
        let nowhere = AccountId::new(now(), &db.random);
        let token = db.token();

        let mut tx = db.store.write().await.unwrap();
        let (address, who) = (email("new"), name("New"));
        let new = NewUser {
            id: nobody,
            account: nowhere,
            email: &address,
            name: &who,
            role: Role::Member,
            state: MembershipState::Invited,
            password: None,
        };
        assert!(is_refused(&tx.insert_user(&new, now()).await), "a user of no account");
        drop(tx);
        assert_eq!(db.rows("users").await, 1, "and the half of it is gone");

        let mut tx = db.store.write().await.unwrap();
        let session = NewSession {
            id: db.session_id(),
            user: nobody,
            token: &token,
            epoch: FIRST,
            browser: "",
            address: "",
            recovering: false,
        };
        assert!(is_refused(&tx.insert_session(&session, now()).await), "a session of nobody");
        drop(tx);

        let opened = db.session(ben).await;
        let mut tx = db.store.write().await.unwrap();
        let no_key = DataKeyId::new(now(), &db.random);
        let pending = PendingEnrolment { data_key: no_key, ..db.to_enrol(ben, opened.id, FIRST) };
        let inserted = tx.insert_pending_enrolment(&pending, now()).await;
        assert!(is_refused(&inserted), "sealed under no key");
        drop(tx);

        let mut tx = db.store.write().await.unwrap();
        let (id, purpose) = (db.link_id(), LinkPurpose::Password);
        let link = NewLink { id, purpose, token: &token, user: Some((nobody, FIRST)), recovers: None };
        assert!(is_refused(&tx.make_link(&link, now()).await), "a link for nobody");
    }

    async fn what_is_unique_is_unique(db) {
        let ben = db.user("ben").await;
        let (opened, other) = (db.session(ben).await, db.session_id());
        let mut tx = db.store.write().await.unwrap();
        let twin = NewSession {
            id: other,
            user: ben,
            token: &opened.token,
            epoch: FIRST,
            browser: "",
            address: "",
            recovering: false,
        };
        assert!(is_refused(&tx.insert_session(&twin, now()).await), "two sessions, one token");
        drop(tx);

        let token = db.token();
        let link = |id| NewLink { id, purpose: LinkPurpose::Password, token: &token, user: Some((ben, FIRST)), recovers: None };
        write!(db, tx => tx.make_link(&link(db.link_id()), now()).await.unwrap());
        let ada = db.user("ada").await;
        let twin = NewLink { user: Some((ada, FIRST)), ..link(db.link_id()) };
        let mut tx = db.store.write().await.unwrap();
        assert!(is_refused(&tx.make_link(&twin, now()).await), "two links, one token");
        drop(tx);

        // A user has one membership, an account one row, a user one address.
        for statement in [
            "INSERT INTO memberships SELECT * FROM memberships",
            "INSERT INTO accounts SELECT * FROM accounts",
            "INSERT INTO users SELECT 'another', email, email_skeleton, name, password_hash, epoch,
                 code_attempts, last_sign_in_at, created_at FROM users",
            "INSERT INTO data_keys SELECT 'another', number, wrapped, created_at FROM data_keys",
        ] {
            assert!(db.run(statement).await.is_err(), "{statement}");
        }
    }

    async fn what_cannot_be_is_refused(db) {
        let ben = db.user("ben").await;
        db.factor(ben).await;
        for statement in [
            "UPDATE memberships SET role = 'Owner'",
            "UPDATE memberships SET state = 'unknown'",
            "UPDATE users SET code_attempts = -1",
            "UPDATE users SET epoch = NULL",
            "DELETE FROM accounts",
            "DELETE FROM data_keys",
            "UPDATE factors SET user_id = 'nobody'",
            "INSERT INTO links SELECT 'a', 'setup', sealed, id, NULL, 0, 0, NULL FROM factors",
            "INSERT INTO links SELECT 'a', 'password', sealed, NULL, 1, 0, 0, NULL FROM factors",
        ] {
            assert!(db.run(statement).await.is_err(), "{statement}");
        }
    }

    /// A session that ends takes its key along; a user keeps the factors that came of it.
    async fn a_key_goes_with_its_session(db) {
        let ben = db.user("ben").await;
        let session = db.session(ben).await;
        db.pending(ben, session.id, FIRST).await;
        db.factor(ben).await;
        write!(db, tx => assert!(tx.end_session(ben, session.id).await.unwrap()));
        assert_eq!((db.rows("pending_enrolments").await, db.rows("factors").await), (0, 1));
    }

    /// Text is compared by its bytes on both databases, so that a page of the list ends where the
    /// next begins.
    async fn text_is_ordered_bytewise(db) {
        for who in ["b", "Z", "z", "a-b", "a b", "é", "ab"] {
            let id = db.user(&format!("u{}", db.rows("users").await)).await;
            write!(db, tx => tx.set_name(id, &name(who)).await.unwrap());
        }
        let page = read!(db, r => {
            r.members(db.account, &MemberFilter::default(), &PageKey::default(), 20).await.unwrap()
        });
        let names: Vec<_> = page.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names[..5], ["a b", "a-b", "ab", "b", names[4]]);
        assert_eq!(names[6], "é");
    }
}
