//! The exploration, as far as it gets in a few seconds.

use vestibule_proof::explore::{Options, report};

#[test]
fn no_state_near_the_beginnings_breaks_a_rule() {
    report(&Options { states: 3_000, seconds: 120, threads: 2, ways_every: 20 }).must_hold();
}
