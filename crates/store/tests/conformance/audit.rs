//! The trace: what strangers can cause at will is counted, all else is a row each.

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::id::UserId;

use crate::support::*;

fn event(kind: AuditKind, user: Option<UserId>, address: &str) -> AuditEvent {
    AuditEvent {
        kind,
        account: None,
        actor: None,
        user,
        session: None,
        address: address.to_owned(),
        detail: String::new(),
    }
}

on_both! {
    async fn refusals_of_strangers_are_one_row_a_kind_user_network_and_minute(db) {
        let refused = AuditKind::PasswordRefused;
        let ben = UserId::new(now(), &db.random);
        let note = async |event: AuditEvent, when| {
            write!(db, tx => tx.audit(db.audit_id(), &event, when).await.unwrap());
        };
        note(event(refused, None, "192.0.2.7"), at(0)).await;
        note(event(refused, None, "192.0.2.200"), at(59_999)).await;
        assert_eq!(db.rows("audit_events").await, 1);
        note(event(refused, None, "192.0.2.7"), at(60_000)).await;
        note(event(refused, None, "192.0.3.7"), at(0)).await;
        note(event(refused, Some(ben), "192.0.2.7"), at(0)).await;
        note(event(AuditKind::BudgetSpent, Some(ben), "192.0.2.7"), at(0)).await;
        note(event(refused, None, "2001:db8:0:ff01::1"), at(0)).await;
        note(event(refused, None, "2001:db8:0:ff02::1"), at(0)).await;
        let kinds = read!(db, r => r.audit_kinds().await.unwrap());
        let mut counts: Vec<i64> = kinds.into_iter().map(|(_, count)| count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 1, 1, 2, 2]);
    }

    async fn parallel_refusals_lose_no_count(db) {
        let ids = lend((0..RACERS).map(|_| db.audit_id()).collect::<Vec<_>>());
        let won = race(&db, move |mut tx, number| async move {
            let event = event(AuditKind::PasswordRefused, None, "192.0.2.7");
            tx.audit(ids[number], &event, now()).await?;
            Ok((tx, true))
        });
        assert_eq!(won.await, RACERS);
        let kinds = read!(db, r => r.audit_kinds().await.unwrap());
        assert_eq!(kinds, [("password.refused".to_owned(), i64::try_from(RACERS).unwrap())]);
    }

    async fn all_else_is_a_row_each(db) {
        for _ in 0..5 {
            let event = event(AuditKind::CodeWrong, None, "192.0.2.7");
            write!(db, tx => tx.audit(db.audit_id(), &event, now()).await.unwrap());
        }
        assert_eq!(db.rows("audit_events").await, 5);
    }

    async fn an_event_goes_with_its_transaction(db) {
        let mut tx = db.store.write().await.unwrap();
        let event = event(AuditKind::RoleChanged, None, "");
        tx.audit(db.audit_id(), &event, now()).await.unwrap();
        drop(tx);
        assert_eq!(db.rows("audit_events").await, 0);
    }

    async fn the_trace_outlives_whom_it_is_about(db) {
        let ben = db.user("ben").await;
        let event = event(AuditKind::UserRemoved, Some(ben), "");
        write!(db, tx => {
            tx.audit(db.audit_id(), &event, now()).await.unwrap();
            assert!(tx.remove_user(ben).await.unwrap());
        });
        assert_eq!(db.rows("audit_events").await, 1);
    }
}
