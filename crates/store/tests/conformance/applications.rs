//! Applications: each host name once, whom they name, to whom they are open.

use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::id::{AccountId, ApplicationId, UserId};
use vestibule_domain::name::Name;
use vestibule_store::NewApplication;

use crate::support::*;

fn host(text: &str) -> Host {
    Host::parse(text, true).unwrap()
}

fn new<'a>(
    id: ApplicationId,
    name: &'a Name,
    host: &'a Host,
    (account, enter): (AccountId, Enter),
) -> NewApplication<'a> {
    let rules = Rules { account, enter, always_mfa: false, max_age: None };
    NewApplication { id, name, host, rules, configured: false }
}

async fn add(db: &Db, account: AccountId, text: &str, enter: Enter) -> ApplicationId {
    let id = ApplicationId::new(now(), &db.random);
    let (name, host) = (name(text), host(text));
    let new = new(id, &name, &host, (account, enter));
    assert!(write!(db, tx => tx.insert_application(&new, now()).await.unwrap()));
    id
}

on_both! {
    async fn of_64_that_add_a_host_name_one_wins(db) {
        let (one, other) = (db.account, db.another_account().await);
        let random = lend(db.random.clone());
        let won = race(&db, move |mut tx, number| async move {
            let account = if number % 2 == 0 { one } else { other };
            let (name, host) = (name("Wiki"), host(&format!("wiki.example:{}", 8000 + number)));
            let id = ApplicationId::new(now(), random);
            let new = new(id, &name, &host, (account, Enter::Everyone));
            let won = tx.insert_application(&new, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        let found = read!(db, r => r.application_of_host_name("wiki.example").await.unwrap());
        assert_eq!(found.unwrap().name, "Wiki");
    }

    /// Neither reads a host name that the other is about to take: the constraint says so.
    async fn of_64_that_move_to_a_host_name_one_wins(db) {
        let account = db.account;
        let mut ids = vec![];
        for number in 0..RACERS {
            ids.push(add(&db, account, &format!("a{number}.example"), Enter::Everyone).await);
        }
        let ids = lend(ids);
        let won = race(&db, move |mut tx, number| async move {
            let (name, host) = (name("Wiki"), host("wiki.example"));
            let to = new(ids[number], &name, &host, (account, Enter::Everyone));
            let won = tx.change_application(&to).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
    }

    async fn an_application_is_changed_in_its_own_account_alone(db) {
        let other = db.another_account().await;
        let id = add(&db, db.account, "wiki.example", Enter::Everyone).await;
        let (name, host) = (name("Mine"), host("mine.example"));
        let of = |account| new(id, &name, &host, (account, Enter::Named));
        assert!(!write!(db, tx => tx.change_application(&of(other)).await.unwrap()));
        assert!(!write!(db, tx => tx.remove_application(other, id).await.unwrap()));
        assert!(read!(db, r => r.application(other, id).await.unwrap()).is_none());
        assert!(write!(db, tx => tx.change_application(&of(db.account)).await.unwrap()));
        let found = read!(db, r => r.application(db.account, id).await.unwrap()).unwrap();
        assert_eq!((found.name.as_str(), found.host.as_str()), ("Mine", "mine.example"));
        assert_eq!(found.rules.enter, Enter::Named);
    }

    async fn users_of_the_account_are_named_once(db) {
        let other = db.another_account().await;
        let id = add(&db, db.account, "wiki.example", Enter::Named).await;
        let elsewhere = add(&db, other, "other.example", Enter::Named).await;
        let (ada, ben) = (db.user("ada").await, db.user("ben").await);
        let named = async |id, user| write!(db, tx => tx.name_user(id, user).await.unwrap());
        assert!(named(id, ada).await && named(id, ben).await);
        assert!(!named(id, ada).await, "already");
        assert!(!named(elsewhere, ada).await, "of another account");
        assert!(!named(id, UserId::new(now(), &db.random)).await, "nobody");
        let count = async |account| read!(db, r => r.named_counts(account).await.unwrap());
        assert_eq!(count(db.account).await, [(id, 2)]);
        assert_eq!(count(other).await, []);
        assert!(write!(db, tx => tx.unname_user(id, ben).await.unwrap()));
        assert!(!write!(db, tx => tx.unname_user(id, ben).await.unwrap()));
        let listed = read!(db, r => r.named_users(id).await.unwrap());
        assert_eq!(listed.iter().map(|(user, ..)| *user).collect::<Vec<_>>(), [ada]);
        assert!(write!(db, tx => tx.remove_user(ada).await.unwrap()));
        assert_eq!(count(db.account).await, []);
    }

    async fn the_dashboard_lists_by_role_and_by_name(db) {
        let other = db.another_account().await;
        let everyone = add(&db, db.account, "a.example", Enter::Everyone).await;
        let admins = add(&db, db.account, "b.example", Enter::Admins).await;
        let named = add(&db, db.account, "c.example", Enter::Named).await;
        add(&db, other, "d.example", Enter::Everyone).await;
        let ben = db.user("ben").await;
        let open = async |is_admin| {
            let found = db.account;
            let found = read!(db, r => r.applications_open_to(found, ben, is_admin).await.unwrap());
            found.into_iter().map(|found| found.id).collect::<Vec<_>>()
        };
        assert_eq!(open(false).await, [everyone]);
        assert_eq!(open(true).await, [everyone, admins]);
        for id in [admins, named] {
            assert!(write!(db, tx => tx.name_user(id, ben).await.unwrap()));
        }
        assert_eq!(open(false).await, [everyone, admins, named]);
    }
}
