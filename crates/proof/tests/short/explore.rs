//! The exploration, as far as it gets in a few seconds.

use vestibule_proof::explore::{Options, report};

#[test]
fn no_state_near_the_beginnings_breaks_a_rule() {
    let options = Options {
        states: 1_000,
        seconds: 120,
        threads: 2,
        ways_every: 40,
        races_every: 20,
        walked: 400,
    };
    report(&options).must_hold();
}
