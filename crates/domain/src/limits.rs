//! What stops guessing at the second proof.

/// How many attempts a user has over all TOTP factors until the password is renewed (design,
/// rule 3): who holds the password guesses right with at most 3 in 10,000 for as long as it lives.
pub const CODE_BUDGET: i64 = 100;

/// What one security code costs: one attempt for each app that it is compared with.
pub fn cost_of_code(apps: usize) -> i64 {
    i64::try_from(apps).unwrap_or(CODE_BUDGET).max(1)
}
