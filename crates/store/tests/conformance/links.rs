//! Links: good for one purpose, once, for a while, under one epoch.

use std::time::Duration;

use vestibule_domain::id::{AccountId, LinkId, UserId};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::token::TokenHash;
use vestibule_domain::user::Epoch;
use vestibule_store::{LinkRecord, NewLink};

use crate::support::*;

const PURPOSES: [LinkPurpose; 3] =
    [LinkPurpose::Invitation, LinkPurpose::Password, LinkPurpose::Recover];

async fn make(db: &Db, purpose: LinkPurpose, user: Option<(UserId, Epoch)>) -> (LinkId, TokenHash) {
    let (id, token) = (db.link_id(), db.token());
    let new = NewLink { id, purpose, token: &token, user, recovers: None };
    let expires = write!(db, tx => tx.make_link(&new, now()).await.unwrap());
    assert_eq!(expires, now().plus(purpose.lifetime()));
    (id, token)
}

async fn live(db: &Db, purpose: LinkPurpose, token: &TokenHash, millis: i64) -> Option<LinkRecord> {
    read!(db, r => r.live_link(purpose, token, at(millis)).await.unwrap())
}

on_both! {
    async fn a_link_is_good_for_its_purpose_alone(db) {
        let ben = db.user("ben").await;
        for made in PURPOSES {
            let (id, token) = make(&db, made, Some((ben, FIRST))).await;
            for asked in PURPOSES.into_iter().chain([LinkPurpose::Setup]) {
                let found = live(&db, asked, &token, 0).await;
                assert_eq!(found.is_some(), asked == made);
                if let Some(found) = found {
                    assert_eq!((found.id, found.user), (id, Some((ben, FIRST))));
                }
            }
        }
        let (_, token) = make(&db, LinkPurpose::Setup, None).await;
        assert!(live(&db, LinkPurpose::Setup, &token, 0).await.unwrap().user.is_none());
        assert!(live(&db, LinkPurpose::Setup, &db.token(), 0).await.is_none());
    }

    async fn a_link_lives_for_its_time(db) {
        let ben = db.user("ben").await;
        for purpose in PURPOSES {
            let (id, token) = make(&db, purpose, Some((ben, FIRST))).await;
            let lifetime = i64::try_from(purpose.lifetime().as_millis()).unwrap();
            let of_user = async |millis| {
                read!(db, r => r.link_of_user(purpose, ben, at(millis)).await.unwrap())
            };
            assert!(live(&db, purpose, &token, lifetime - 1).await.is_some());
            assert_eq!(of_user(lifetime - 1).await, Some(at(lifetime)));
            assert!(live(&db, purpose, &token, lifetime).await.is_none());
            assert_eq!(of_user(lifetime).await, None);
            assert!(!write!(db, tx => tx.take_link(id, at(lifetime)).await.unwrap()));
            assert!(write!(db, tx => tx.take_link(id, at(lifetime - 1)).await.unwrap()));
        }
    }

    async fn a_link_is_taken_once(db) {
        let ben = db.user("ben").await;
        let (id, token) = make(&db, LinkPurpose::Password, Some((ben, FIRST))).await;
        let won = race(&db, move |mut tx, _| async move {
            let won = tx.take_link(id, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert!(live(&db, LinkPurpose::Password, &token, 0).await.is_none());
        let unknown = db.link_id();
        assert!(!write!(db, tx => tx.take_link(unknown, now()).await.unwrap()));
    }

    async fn a_link_dies_with_its_epoch(db) {
        let ben = db.user("ben").await;
        let (_, token) = make(&db, LinkPurpose::Recover, Some((ben, FIRST))).await;
        write!(db, tx => assert!(tx.bump_epoch(ben, FIRST).await.unwrap()));
        assert!(live(&db, LinkPurpose::Recover, &token, 0).await.is_none());
        let of_user = read!(db, r => r.link_of_user(LinkPurpose::Recover, ben, now()).await.unwrap());
        assert_eq!(of_user, None);
    }

    async fn a_new_link_voids_the_older_ones_of_its_kind(db) {
        let (ben, ada) = (db.user("ben").await, db.user("ada").await);
        let (_, bens) = make(&db, LinkPurpose::Password, Some((ben, FIRST))).await;
        let (_, adas) = make(&db, LinkPurpose::Password, Some((ada, FIRST))).await;
        let (_, recover) = make(&db, LinkPurpose::Recover, Some((ben, FIRST))).await;
        let (_, setup) = make(&db, LinkPurpose::Setup, None).await;
        let (_, newer) = make(&db, LinkPurpose::Password, Some((ben, FIRST))).await;
        assert!(live(&db, LinkPurpose::Password, &bens, 0).await.is_none());
        assert!(live(&db, LinkPurpose::Password, &newer, 0).await.is_some());
        assert!(live(&db, LinkPurpose::Password, &adas, 0).await.is_some());
        assert!(live(&db, LinkPurpose::Recover, &recover, 0).await.is_some());
        assert!(live(&db, LinkPurpose::Setup, &setup, 0).await.is_some());
        let (_, restarted) = make(&db, LinkPurpose::Setup, None).await;
        assert!(live(&db, LinkPurpose::Setup, &setup, 0).await.is_none());
        assert!(live(&db, LinkPurpose::Setup, &restarted, 0).await.is_some());
        write!(db, tx => tx.void_setup_links().await.unwrap());
        assert!(live(&db, LinkPurpose::Setup, &restarted, 0).await.is_none());
        assert!(live(&db, LinkPurpose::Password, &newer, 0).await.is_some());
    }

    /// Two nodes start on an empty database: the set-up link that lives is one.
    async fn of_many_set_up_links_one_lives(db) {
        let made = (0..RACERS).map(|_| (db.link_id(), db.token())).collect::<Vec<_>>();
        let made = lend(made);
        let won = race(&db, move |mut tx, number| async move {
            let (id, token) = &made[number];
            let new = NewLink { id: *id, purpose: LinkPurpose::Setup, token, user: None, recovers: None };
            tx.make_link(&new, now()).await?;
            Ok((tx, true))
        });
        assert_eq!(won.await, RACERS);
        let mut alive = 0;
        for (_, token) in made {
            alive += usize::from(live(&db, LinkPurpose::Setup, token, 0).await.is_some());
        }
        assert_eq!(alive, 1);
    }

    /// As the set-up does it: whoever takes the link, and finds no account, makes it.
    async fn of_many_set_ups_one_makes_the_account(db) {
        db.run("DELETE FROM data_keys").await.unwrap();
        db.run("DELETE FROM accounts").await.unwrap();
        let (link, _) = make(&db, LinkPurpose::Setup, None).await;
        let accounts = (0..RACERS).map(|_| AccountId::new(now(), &db.random)).collect::<Vec<_>>();
        let (accounts, acme) = (lend(accounts), lend(name("Acme")));
        let won = race(&db, move |mut tx, number| async move {
            let won = tx.take_link(link, now()).await? && tx.first_accounts().await?.is_empty();
            if won {
                tx.insert_account(accounts[number], acme, now()).await?;
            }
            Ok((tx, won))
        });
        assert_eq!((won.await, db.rows("accounts").await), (1, 1));
    }

    /// As the flows use a link: bump, then take. Of a password and a recover link one is good.
    async fn of_two_links_of_a_user_one_is_used(db) {
        let ben = db.user("ben").await;
        let (password, _) = make(&db, LinkPurpose::Password, Some((ben, FIRST))).await;
        let (recover, _) = make(&db, LinkPurpose::Recover, Some((ben, FIRST))).await;
        let won = race(&db, move |mut tx, number| async move {
            let link = if number % 2 == 0 { password } else { recover };
            let won = tx.bump_epoch(ben, FIRST).await? && tx.take_link(link, now()).await?;
            Ok((tx, won))
        });
        assert_eq!(won.await, 1);
        assert_eq!(db.epoch(ben).await, Epoch(2));
    }

    async fn lifetimes_are_those_of_the_design(_db) {
        let hours = |purpose: LinkPurpose| purpose.lifetime().as_secs() / 3600;
        assert_eq!(LinkPurpose::Recover.lifetime(), Duration::from_mins(15));
        let others = [LinkPurpose::Setup, LinkPurpose::Invitation, LinkPurpose::Password];
        assert_eq!(others.map(hours), [1, 14 * 24, 24]);
    }
}
