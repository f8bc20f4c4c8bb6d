//! The audit chain, for any events: what was sealed verifies, and no change of it does.

use proptest::prelude::*;
use vestibule_domain::audit_chain::{ChainHash, Head, Record, Segment, SegmentWhy};
use vestibule_domain::audit_verify::{ExportedHead, Fault, Verified, Verifier};
use vestibule_domain::time::Timestamp;

type Sealed = Vec<(i64, Record, ChainHash)>;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]{1,3}", any::<String>()]
}

fn record() -> impl Strategy<Value = Record> {
    let maybe = || proptest::option::of(word());
    (
        (word(), any::<i64>(), word(), maybe(), maybe()),
        (maybe(), maybe(), word(), word(), any::<i64>()),
    )
        .prop_map(
            |((id, at, kind, account, actor), (user, session, address, detail, count))| Record {
                id,
                at,
                kind,
                account,
                actor,
                user,
                session,
                address,
                detail,
                count,
            },
        )
}

fn first() -> Segment {
    let began_at = Timestamp::from_millis(0);
    let why = SegmentWhy::First.to_string();
    Segment { number: 1, first: 1, before: ChainHash::START, began_at, why }
}

fn seal(records: &[Record]) -> Sealed {
    let (mut head, mut link) = (Head::START, ChainHash::START.then_segment(&first()));
    let mut sealed = vec![];
    for record in records {
        head = head.with(&link, &record.digest());
        link = head.hash;
        sealed.push((head.position, record.clone(), head.hash));
    }
    sealed
}

fn verify(sealed: &Sealed, head: Head, heads: Vec<ExportedHead>) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(heads, false);
    verifier.segment(&first())?;
    for (position, record, hash) in sealed {
        verifier.event(*position, record, hash)?;
    }
    verifier.finish(&head)
}

fn head_of(sealed: &Sealed) -> Head {
    sealed
        .last()
        .map_or(Head::START, |(position, _, hash)| Head { position: *position, hash: *hash })
}

fn exported(sealed: &Sealed) -> Vec<ExportedHead> {
    let head = |(position, _, hash): &(i64, Record, ChainHash)| ExportedHead {
        head: Head { position: *position, hash: *hash },
        place: "heads:1".into(),
    };
    sealed.iter().map(head).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sealed_verifies(records in proptest::collection::vec(record(), 0..12)) {
        let sealed = seal(&records);
        let found = verify(&sealed, head_of(&sealed), exported(&sealed)).unwrap();
        prop_assert_eq!((found.events, found.agreed), (records.len() as u64, records.len() as u64));
    }

    /// Whatever replaces an event is found where it stands.
    #[test]
    fn another_event_in_its_place_is_found(
        records in proptest::collection::vec(record(), 1..8),
        other in record(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut sealed = seal(&records);
        let head = head_of(&sealed);
        let at = at.index(sealed.len());
        prop_assume!(sealed[at].1 != other);
        sealed[at].1 = other;
        let position = sealed[at].0;
        prop_assert_eq!(verify(&sealed, head, vec![]), Err(Fault::Changed { position }));
    }

    /// A word that moves from one field to its neighbour gives another hash.
    #[test]
    fn fields_do_not_run_into_each_other(record in record(), cut in any::<prop::sample::Index>()) {
        prop_assume!(!record.detail.is_empty());
        let letters: Vec<char> = record.detail.chars().collect();
        let cut = cut.index(letters.len());
        let moved = Record {
            address: record.address.clone() + &letters[..=cut].iter().collect::<String>(),
            detail: letters[cut + 1..].iter().collect(),
            ..record.clone()
        };
        prop_assert_ne!(moved.digest(), record.digest());
        let none = Record { user: None, session: Some("x".into()), ..record.clone() };
        let other = Record { user: Some("x".into()), session: None, ..record };
        prop_assert_ne!(none.digest(), other.digest());
    }

    #[test]
    fn a_missing_or_moved_event_is_found(
        records in proptest::collection::vec(record(), 2..8),
        at in any::<prop::sample::Index>(),
    ) {
        let sealed = seal(&records);
        let head = head_of(&sealed);
        let at = at.index(sealed.len() - 1);
        let mut without = sealed.clone();
        without.remove(at);
        let position = sealed[at].0;
        let fault = Fault::Missing { position, found: position + 1 };
        prop_assert_eq!(verify(&without, head, vec![]), Err(fault));
        // Closed up again, as if it had never been.
        for (position, ..) in &mut without[at..] {
            *position -= 1;
        }
        prop_assert_eq!(verify(&without, head, vec![]), Err(Fault::Changed { position }));
        let mut swapped = sealed.clone();
        let (one, two) = (sealed[at].0, sealed[at + 1].0);
        swapped.swap(at, at + 1);
        (swapped[at].0, swapped[at + 1].0) = (one, two);
        prop_assert_eq!(verify(&swapped, head, vec![]), Err(Fault::Changed { position: one }));
    }

    /// Cut off, or sealed anew after a change: consistent by itself, and found by any head from before.
    #[test]
    fn against_exported_heads_another_history_is_found(
        records in proptest::collection::vec(record(), 2..8),
        other in record(),
        at in any::<prop::sample::Index>(),
    ) {
        let sealed = seal(&records);
        let at = at.index(sealed.len() - 1);
        let cut = sealed[..=at].to_vec();
        prop_assert!(verify(&cut, head_of(&cut), vec![]).is_ok());
        let last = exported(&sealed).split_off(sealed.len() - 1);
        let fault = verify(&cut, head_of(&cut), last).unwrap_err();
        let is_cut = matches!(fault, Fault::CutOff { last, .. } if last == sealed[at].0);
        prop_assert!(is_cut, "{:?}", fault);

        prop_assume!(records[at] != other);
        let mut changed = records.clone();
        changed[at] = other;
        let anew = seal(&changed);
        prop_assert!(verify(&anew, head_of(&anew), vec![]).is_ok());
        let fault = verify(&anew, head_of(&anew), exported(&sealed)).unwrap_err();
        let is_found = matches!(fault, Fault::Recomputed { position, .. } if position == sealed[at].0);
        prop_assert!(is_found, "{:?}", fault);
    }
}
