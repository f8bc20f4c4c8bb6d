//! The outbox, how often something may be asked for, and changes of address.

use std::time::Duration;

use vestibule_domain::id::{MailId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::mail::AskLimit;
use vestibule_store::{NewLink, NewMail, WaitingMail};

use crate::support::*;

const MINUTE: i64 = 60_000;

pub(crate) async fn post(db: &Db, user: Option<UserId>, millis: i64) -> MailId {
    let id = MailId::new(at(millis), &db.random);
    let new = NewMail { id, user, sealed: b"sealed", data_key: db.data_key };
    write!(db, tx => tx.insert_mail(&new, at(millis)).await.unwrap());
    id
}

async fn due(db: &Db, millis: i64) -> Option<WaitingMail> {
    read!(db, r => r.due_mail(at(millis)).await.unwrap())
}

on_both! {
    async fn a_mail_is_due_at_once_and_comes_back_as_it_was(db) {
        let ben = db.user("ben").await;
        assert!(due(&db, 0).await.is_none());
        let to_ben = post(&db, Some(ben), 0).await;
        let to_whom = post(&db, None, 1).await;
        let first = due(&db, 1).await.unwrap();
        assert_eq!((first.id, first.user, first.attempts), (to_ben, Some(ben), 0));
        assert_eq!((first.sealed.as_slice(), first.data_key), (&b"sealed"[..], db.data_key));
        assert!(write!(db, tx => tx.claim_mail(&first, at(1)).await.unwrap()));
        assert_eq!(due(&db, 1).await.unwrap().id, to_whom, "who waited longest is first");
        assert!(write!(db, tx => tx.remove_mail(to_whom).await.unwrap()));
        assert!(!write!(db, tx => tx.remove_mail(to_whom).await.unwrap()));
        assert_eq!(read!(db, r => r.count_mails().await.unwrap()), 1);
        write!(db, tx => tx.remove_user(ben).await.unwrap());
        assert_eq!(db.rows("outbox").await, 0, "nobody is there to be told");
    }

    /// What strangers asked for holds up nothing that users are told.
    async fn strangers_wait_behind_users(db) {
        let ben = db.user("ben").await;
        post(&db, None, 0).await;
        let to_ben = post(&db, Some(ben), 5).await;
        assert_eq!(due(&db, 5).await.unwrap().id, to_ben);
    }

    /// Strangers fill nothing without end: what waits for them is counted up to a bound, and the oldest
    /// counts of what they asked for go.
    async fn what_strangers_leave_is_bounded(db) {
        let ben = db.user("ben").await;
        for _ in 0..3 {
            post(&db, None, 0).await;
        }
        post(&db, Some(ben), 0).await;
        for (most, counted) in [(2, 2), (3, 3), (100, 3)] {
            assert_eq!(read!(db, r => r.count_mails_to_nobody(most).await.unwrap()), counted);
        }
        let began = at(0).millis();
        let made = db
            .run(&format!(
                "INSERT INTO asks (key, since, count)
                 WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL
                                          SELECT i + 1 FROM n WHERE i < 100010)
                 SELECT 'ask' || i, {began} + i, 1 FROM n"
            ))
            .await
            .unwrap();
        assert_eq!(made, 100_010);
        let limits = vestibule_domain::session::SessionLimits::default();
        while write!(db, tx => tx.remove_what_is_over(limits, at(0)).await.unwrap()) {}
        assert_eq!(db.rows("asks").await, 100_000);
        assert_eq!(db.rows(&format!("asks WHERE since <= {began} + 10")).await, 0, "the oldest went");
    }

    /// One of many who claim it at once may send it.
    async fn a_mail_is_claimed_once(db) {
        post(&db, None, 0).await;
        let waiting = lend(due(&db, 0).await.unwrap());
        let won = race(&db, move |mut tx, _| async move {
            let claimed = tx.claim_mail(waiting, at(0)).await?;
            Ok((tx, claimed))
        });
        assert_eq!(won.await, 1);
    }

    /// A claim lasts two minutes; a failed attempt is put back for as long as it is told, by the
    /// latest attempt alone; a moment in the future is a clock's that was set back since.
    async fn a_mail_has_its_turn_again(db) {
        post(&db, None, 0).await;
        let waiting = due(&db, 0).await.unwrap();
        write!(db, tx => tx.claim_mail(&waiting, at(0)).await.unwrap());
        assert!(due(&db, 2 * MINUTE - 1).await.is_none());
        let again = due(&db, 2 * MINUTE).await.unwrap();
        assert_eq!(again.attempts, 1);
        let back = async |attempt| {
            let pause = Duration::from_mins(8);
            write!(db, tx => tx.put_mail_back(waiting.id, attempt, pause, at(0)).await.unwrap())
        };
        assert!(!back(0).await, "not the latest attempt");
        assert!(back(1).await);
        assert!(due(&db, 8 * MINUTE - 1).await.is_none());
        assert!(due(&db, 8 * MINUTE).await.is_some());
        let ahead = at(24 * 60 * MINUTE);
        let pause = Duration::from_mins(1);
        write!(db, tx => tx.put_mail_back(waiting.id, 1, pause, ahead).await.unwrap());
        assert!(due(&db, 0).await.is_some());
        // Another node's clock may be ahead by less than a minute: its claim holds.
        let ahead = at(MINUTE);
        write!(db, tx => tx.put_mail_back(waiting.id, 1, pause, ahead).await.unwrap());
        assert!(due(&db, 0).await.is_none());
    }

    /// So often within a window, whoever asks at once, and again when it is over.
    async fn asks_are_limited(db) {
        const LIMIT: AskLimit = AskLimit { times: 3, window: Duration::from_mins(1) };
        let allowed = race(&db, move |mut tx, _| async move {
            let allowed = tx.count_ask("one", LIMIT, at(0)).await?;
            Ok((tx, allowed))
        });
        assert_eq!(allowed.await, 3);
        let ask = async |key: &str, millis| {
            write!(db, tx => tx.count_ask(key, LIMIT, at(millis)).await.unwrap())
        };
        assert!(!ask("one", MINUTE - 1).await);
        assert!(ask("other", MINUTE - 1).await);
        assert!(ask("one", MINUTE).await);
        assert!(ask("one", MINUTE).await && ask("one", MINUTE).await && !ask("one", MINUTE).await);
        assert!(ask("one", 0).await, "a window from the future is over");
    }

    /// An address of another user's, or one that looks like it, is not taken over, also not by two
    /// at once.
    async fn an_address_belongs_to_one(db) {
        let (ben, _) = (db.user("ben").await, db.user("coco").await);
        let set = async |user, text: &str| {
            let email = vestibule_domain::email::Email::parse(text).unwrap();
            let mut tx = db.store.write().await.unwrap();
            let set = tx.set_email(user, &email).await.unwrap();
            if set {
                tx.commit().await.unwrap();
            }
            set
        };
        assert!(!set(ben, email("coco").as_str()).await);
        assert!(!set(ben, &email("coco").as_str().replace("coco", "сосо")).await);
        assert!(set(ben, email("bob").as_str()).await);
        let found = read!(db, r => r.password_of(&email("bob")).await.unwrap()).unwrap();
        assert_eq!(found.user.id, ben);
        assert!(read!(db, r => r.password_of(&email("ben")).await.unwrap()).is_none());
        let members = db.rows("memberships WHERE email_key = 'bob@acme.example'").await;
        assert_eq!(members, 1);
        let mut users = vec![];
        for number in 0..RACERS {
            users.push(db.user(&format!("u{number}")).await);
        }
        let users: &[UserId] = lend(users);
        let won = race(&db, move |mut tx, number| async move {
            let set = tx.set_email(users[number], &email("wanted")).await?;
            Ok((tx, set))
        });
        assert_eq!(won.await, 1);
    }

    async fn a_change_of_address_goes_with_its_link(db) {
        let ben = db.user("ben").await;
        for who in ["one", "two"] {
            let (link, token) = (db.link_id(), db.token());
            let user = Some((ben, FIRST));
            let new = NewLink { id: link, purpose: LinkPurpose::Address, token: &token, user, recovers: None };
            write!(db, tx => {
                tx.make_link(&new, now()).await.unwrap();
                tx.insert_address_change(link, &email(who)).await.unwrap();
            });
            let stored = read!(db, r => r.address_of_link(link).await.unwrap());
            assert_eq!(stored.as_deref(), Some(email(who).as_str()));
        }
        assert_eq!(db.rows("address_changes").await, 1, "the older went with its link");
    }

    /// A password that was set by mail leaves the budget as it is.
    async fn the_budget_is_not_renewed_by_mail(db) {
        let ben = db.user("ben").await;
        write!(db, tx => tx.reserve_code_attempts(ben, 7).await.unwrap());
        write!(db, tx => tx.set_password_by_mail(ben, "hash".into()).await.unwrap());
        assert_eq!(read!(db, r => r.code_attempts(ben).await.unwrap()), 7);
        write!(db, tx => tx.set_password(ben, "hash".into()).await.unwrap());
        assert_eq!(read!(db, r => r.code_attempts(ben).await.unwrap()), 0);
    }
}
