//! The chain over the trace: one sealer at a time, nothing lost, nothing sealed twice, never a fork.

use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::audit_chain::{Head, LEASE, SegmentWhy};
use vestibule_domain::audit_verify::{Fault, Verified, Verifier};
use vestibule_domain::time::Timestamp;
use vestibule_store::{Seal, Sealed};

use crate::support::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const AN_HOUR: Duration = Duration::from_hours(1);

fn event(kind: AuditKind) -> AuditEvent {
    AuditEvent {
        kind,
        account: None,
        actor: None,
        user: None,
        session: None,
        address: "192.0.2.7".to_owned(),
        detail: "<b>ünï</b>\r\n".to_owned(),
    }
}

async fn note(db: &Db, kind: AuditKind, when: Timestamp) {
    write!(db, tx => tx.audit(db.audit_id(), &event(kind), when).await.unwrap());
}

async fn notes(db: &Db, count: usize) {
    write!(db, tx => for _ in 0..count {
        tx.audit(db.audit_id(), &event(AuditKind::CodeWrong), now()).await.unwrap();
    });
}

async fn seal_as(db: &Db, sealer: &str, which: Seal, when: Timestamp) -> Sealed {
    let mut tx = db.store.write().await.unwrap();
    let answer = tx.seal_audit(sealer, which, when).await.unwrap();
    if answer != Sealed::NotMine {
        tx.commit().await.unwrap();
    }
    answer
}

/// Seals all that is complete at a moment, and answers how many that were.
async fn seal(db: &Db, when: Timestamp) -> u64 {
    match seal_as(db, "a", Seal::WhatIsComplete, when).await {
        Sealed::Done { events, .. } => events,
        Sealed::NotMine => panic!("nobody else seals here"),
    }
}

/// Walks along the chain as it is stored.
async fn verify(db: &Db) -> Result<Verified, Fault> {
    let (segments, end, events) = read!(db, r => (
        r.audit_segments().await.unwrap(),
        r.audit_chain_end().await.unwrap(),
        r.sealed_audit_events(0, i64::MAX, i64::MAX).await.unwrap(),
    ));
    let mut verifier = Verifier::new(vec![], false);
    let mut segments = segments.into_iter().peekable();
    while let Some(record) = segments.next_if(|record| record.removed_at.is_some()) {
        verifier.removed_segment(&record.segment, record.last.unwrap())?;
    }
    let kept = verifier.position();
    for event in events.into_iter().filter(|event| event.position > kept) {
        while let Some(record) = segments.next_if(|r| r.segment.first <= event.position) {
            verifier.segment(&record.segment)?;
        }
        verifier.event(event.position, &event.record, &event.hash)?;
    }
    verifier.finish(&end.head)
}

async fn head(db: &Db) -> Head {
    read!(db, r => r.audit_head().await.unwrap())
}

on_both! {
    async fn what_is_sealed_verifies_and_nothing_is_sealed_twice(db) {
        assert_eq!(verify(&db).await.unwrap().events, 0);
        assert_eq!(seal(&db, now()).await, 0);
        notes(&db, 3).await;
        assert_eq!(seal(&db, now()).await, 3);
        assert_eq!(seal(&db, now()).await, 0);
        notes(&db, 2).await;
        assert_eq!(seal(&db, now()).await, 2);
        assert_eq!(verify(&db).await.unwrap().events, 5);
        assert_eq!(head(&db).await.position, 5);
    }

    async fn more_than_a_batch_is_sealed_in_several(db) {
        notes(&db, 1100).await;
        let mut batches = vec![];
        loop {
            match seal_as(&db, "a", Seal::WhatIsComplete, now()).await {
                Sealed::Done { events, more, .. } => {
                    batches.push(events);
                    if !more {
                        break;
                    }
                }
                Sealed::NotMine => panic!("nobody else seals here"),
            }
        }
        assert_eq!(batches, [500, 500, 100]);
        assert_eq!(verify(&db).await.unwrap().events, 1100);
    }

    /// Where there is nothing to seal, a node that looks finds so without writing.
    async fn who_looks_is_told_whether_there_is_anything_to_seal(db) {
        let due = async |sealer: &str, which, when| {
            read!(db, r => r.is_audit_due(sealer, which, when).await.unwrap())
        };
        assert!(!due("a", Seal::Everything, now()).await);
        notes(&db, 1).await;
        assert!(due("a", Seal::WhatIsComplete, now()).await);
        seal(&db, now()).await;
        assert!(!due("a", Seal::WhatIsComplete, now()).await);
        notes(&db, 1).await;
        assert!(due("a", Seal::WhatIsComplete, now()).await);
        assert!(!due("b", Seal::WhatIsComplete, now()).await, "another has the lease");
        let after = now().plus(LEASE);
        assert!(due("b", Seal::WhatIsComplete, after).await, "had");
        note(&db, AuditKind::PasswordRefused, after).await;
        seal(&db, after).await;
        assert!(!due("a", Seal::WhatIsComplete, after).await, "still counted into");
        assert!(due("a", Seal::Everything, after).await);
    }

    async fn the_lease_is_one_sealers_and_ends(db) {
        let later = |millis| now().plus(Duration::from_millis(millis));
        notes(&db, 1).await;
        let done = |sealed| matches!(sealed, Sealed::Done { .. });
        assert!(done(seal_as(&db, "a", Seal::WhatIsComplete, now()).await));
        assert!(!done(seal_as(&db, "b", Seal::WhatIsComplete, later(4_999)).await));
        // The holder prolongs it.
        assert!(done(seal_as(&db, "a", Seal::WhatIsComplete, later(4_999)).await));
        assert!(!done(seal_as(&db, "b", Seal::WhatIsComplete, later(9_998)).await));
        assert!(done(seal_as(&db, "b", Seal::WhatIsComplete, later(9_999)).await));
        assert!(!done(seal_as(&db, "a", Seal::WhatIsComplete, later(9_999)).await));
        write!(db, tx => {
            assert!(!tx.release_audit_lease("a").await.unwrap());
            assert!(tx.release_audit_lease("b").await.unwrap());
        });
        assert!(done(seal_as(&db, "a", Seal::WhatIsComplete, later(9_999)).await));
    }

    /// A holder whose clock is a day ahead, or a clock that was and is right again, holds nobody up.
    async fn a_clock_that_jumped_keeps_no_lease(db) {
        notes(&db, 1).await;
        seal_as(&db, "a", Seal::WhatIsComplete, at(DAY)).await;
        notes(&db, 1).await;
        let sealed = seal_as(&db, "b", Seal::WhatIsComplete, now()).await;
        assert!(matches!(sealed, Sealed::Done { events: 1, .. }), "{sealed:?}");
        assert_eq!(verify(&db).await.unwrap().events, 2);
    }

    /// 64 sealers, of as many names and at as many times, so that the lease keeps none of them off:
    /// every event is sealed once, in one chain.
    async fn sealers_who_all_believe_to_have_the_lease_never_fork_the_chain(db) {
        notes(&db, 200).await;
        let racing = race(&db, move |mut tx, number| async move {
            let step = i64::try_from(number).unwrap();
            tx.audit(
                vestibule_domain::id::AuditEventId::new(
                    at(step),
                    &vestibule_testkit::app::randomness(),
                ),
                &event(AuditKind::CodeWrong),
                now(),
            )
            .await?;
            let sealer = format!("sealer {number}");
            let when = at(step * 10_000);
            let answer = tx.seal_audit(&sealer, Seal::WhatIsComplete, when).await?;
            Ok((tx, answer != Sealed::NotMine))
        });
        let won = racing.await;
        assert!(won > 1, "{won}");
        seal_as(&db, "last", Seal::Everything, at(DAY)).await;
        let found = verify(&db).await.unwrap();
        let rows = db.rows("audit_events").await;
        assert_eq!((found.events, found.head.position), (rows.unsigned_abs(), rows));
    }

    /// A counted row is sealed once its minute is over; what comes after begins another row, and a
    /// sealed row is never changed.
    async fn counted_rows_are_sealed_once_their_minute_is_over(db) {
        let refused = AuditKind::PasswordRefused;
        for second in [0, 10, 59] {
            note(&db, refused, at(second * 1_000)).await;
            assert_eq!(seal(&db, at(second * 1_000)).await, 0);
        }
        assert_eq!(seal(&db, at(MINUTE)).await, 1);
        // A node whose clock is a little behind counts on, in a row of its own.
        note(&db, refused, at(MINUTE - 1)).await;
        assert_eq!(seal(&db, at(MINUTE)).await, 1);
        let kinds = read!(db, r => r.audit_kinds().await.unwrap());
        let counts: Vec<i64> = kinds.into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts.iter().sum::<i64>(), 4);
        assert_eq!(counts.len(), 2);
        assert_eq!(verify(&db).await.unwrap().events, 2);
    }

    async fn at_the_end_of_a_process_counted_rows_wait_for_nothing(db) {
        note(&db, AuditKind::PasswordRefused, now()).await;
        assert_eq!(seal(&db, now()).await, 0);
        seal_as(&db, "a", Seal::Everything, now()).await;
        // After the restart, in the same minute.
        note(&db, AuditKind::PasswordRefused, at(1_000)).await;
        seal_as(&db, "a", Seal::Everything, at(2_000)).await;
        assert_eq!(db.rows("audit_events").await, 2);
        assert_eq!(verify(&db).await.unwrap().events, 2);
    }

    /// A clock that was ahead or behind leaves no counted row that is never sealed.
    async fn counted_rows_of_another_time_wait_for_nothing(db) {
        note(&db, AuditKind::PasswordRefused, at(DAY)).await;
        note(&db, AuditKind::PasswordRefused, at(-DAY)).await;
        assert_eq!(seal(&db, now()).await, 2);
    }

    /// Strangers who are refused all the time while rows are sealed: no refusal is lost, and every
    /// sealed row still says what it said when it was sealed.
    async fn refusals_counted_while_being_sealed_are_all_there(db) {
        let racing = race(&db, move |mut tx, number| async move {
            if number % 4 == 0 {
                let sealed = tx.seal_audit("a", Seal::Everything, now()).await?;
                return Ok((tx, sealed != Sealed::NotMine));
            }
            let id = vestibule_domain::id::AuditEventId::new(
                now(),
                &vestibule_testkit::app::randomness(),
            );
            tx.audit(id, &event(AuditKind::PasswordRefused), now()).await?;
            Ok((tx, true))
        });
        racing.await;
        seal_as(&db, "a", Seal::Everything, now()).await;
        let kinds = read!(db, r => r.audit_kinds().await.unwrap());
        assert_eq!(kinds.iter().map(|(_, count)| count).sum::<i64>(), 48);
        assert_eq!(verify(&db).await.unwrap().events, kinds.len() as u64);
    }

    async fn a_segment_is_closed_after_a_day_and_the_next_one_goes_on(db) {
        for day in 0..3 {
            notes(&db, 2).await;
            seal(&db, at(day * DAY)).await;
            notes(&db, 1).await;
            seal(&db, at(day * DAY + DAY - 1)).await;
        }
        let segments = read!(db, r => r.audit_segments().await.unwrap());
        let told: Vec<_> = segments
            .iter()
            .map(|r| (r.segment.number, r.segment.first, r.segment.why.as_str(), r.last.map(|h| h.position)))
            .collect();
        let expected =
            [(1, 1, "first", Some(3)), (2, 4, "day", Some(6)), (3, 7, "day", None)];
        assert_eq!(told, expected);
        assert_eq!(verify(&db).await.unwrap().events, 9);
    }

    /// A restore begins a segment that names the last head of what it replaced.
    async fn a_segment_that_begins_for_a_reason_seals_the_reason(db) {
        let replaced = Head { position: 9, ..Head::START };
        let why = SegmentWhy::Restored(Some(replaced));
        write!(db, tx => tx.begin_audit_segment(why, now()).await.unwrap());
        notes(&db, 2).await;
        seal(&db, now()).await;
        // Whoever holds the lease has lost it.
        notes(&db, 1).await;
        write!(db, tx => tx.begin_audit_segment(SegmentWhy::Restored(None), now()).await.unwrap());
        write!(db, tx => tx.begin_audit_segment(why, now()).await.unwrap());
        assert!(matches!(
            seal_as(&db, "b", Seal::WhatIsComplete, now()).await,
            Sealed::Done { events: 1, .. }
        ));
        let found = verify(&db).await.unwrap();
        assert_eq!((found.events, found.restores.len()), (3, 3));
        let changed = db.run("UPDATE audit_segments SET why = 'day' WHERE number = 3").await;
        assert_eq!(changed.unwrap(), 1);
        assert_eq!(verify(&db).await, Err(Fault::Changed { position: 3 }));
    }

    /// Retention removes whole closed segments, the oldest first, and what is left verifies.
    async fn retention_removes_whole_segments_and_keeps_their_heads(db) {
        for day in 0..4 {
            notes(&db, 300).await;
            seal(&db, at(day * DAY)).await;
        }
        let trim = async |when| {
            write!(db, tx => tx.trim_audit_segment(2 * 24 * AN_HOUR, when).await.unwrap())
        };
        assert!(trim(at(3 * DAY)).await.is_none(), "the first was closed two days ago, no longer");
        let removed = trim(at(3 * DAY + 1)).await;
        assert!(removed.is_none(), "nor by the table's own time: {removed:?}");
        notes(&db, 1).await;
        seal(&db, at(4 * DAY)).await;
        let removed = trim(at(4 * DAY)).await.unwrap();
        assert_eq!((removed.segment.number, removed.last.unwrap().position), (1, 300));
        assert!(trim(at(4 * DAY)).await.is_none());
        // Half of its events are gone: it verifies as it does before and after.
        assert_eq!(verify(&db).await.unwrap().events, 901);
        assert!(!write!(db, tx => tx.remove_trimmed_audit_events().await.unwrap()));
        assert_eq!(db.rows("audit_events").await, 901);
        let found = verify(&db).await.unwrap();
        assert_eq!((found.events, found.removed, found.head.position), (901, 1, 1201));
        assert_eq!(read!(db, r => r.audit_hash_at(300).await.unwrap()), removed.last.map(|h| h.hash));
    }

    /// A clock that is years ahead for a moment, with nothing sealed by it, removes nothing.
    async fn a_clock_that_jumped_removes_nothing(db) {
        for day in 0..2 {
            notes(&db, 1).await;
            seal(&db, at(day * DAY)).await;
        }
        let removed =
            write!(db, tx => tx.trim_audit_segment(2 * 24 * AN_HOUR, at(999 * DAY)).await.unwrap());
        assert!(removed.is_none(), "{removed:?}");
    }

    async fn a_position_is_given_once(db) {
        notes(&db, 2).await;
        seal(&db, now()).await;
        let twice = db.run("UPDATE audit_events SET position = 1 WHERE position = 2").await;
        assert!(twice.is_err());
    }
}

/// A transaction that begins before a seal and commits after it is sealed by the next one. On SQLite
/// there is one writer at a time, so the seal waits for the commit instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_commit_is_sealed_later() {
    let db = Db::on(vestibule_testkit::Database::Postgres).await;
    notes(&db, 1).await;
    let mut late = db.store.write().await.unwrap();
    late.audit(db.audit_id(), &event(AuditKind::RoleChanged), at(-5_000)).await.unwrap();
    assert_eq!(seal(&db, now()).await, 1);
    notes(&db, 1).await;
    assert_eq!(seal(&db, now()).await, 1);
    late.commit().await.unwrap();
    assert_eq!(seal(&db, now()).await, 1);
    assert_eq!(verify(&db).await.unwrap().events, 3);
}
