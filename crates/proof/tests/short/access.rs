//! The one decision, over its whole input space.

use vestibule_proof::access::{Space, report};

#[test]
fn every_case_is_decided_as_the_rules_say() {
    report(Space::Short).must_hold();
}
