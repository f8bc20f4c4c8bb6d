//! Guards are marked where they stand.

use vestibule_proof::marks;

#[test]
fn no_conditional_write_goes_without_a_mark() {
    marks::report().must_hold();
}
