//! What stops guessing: the budget here, the [wait] between attempts, the [lanes] of passwords.
//!
//! `docs/limits.md` has the arithmetic.

pub mod lanes;
pub mod wait;

/// How many attempts a user has over all TOTP factors until the password is renewed (design,
/// rule 3): who holds the password guesses right with at most 3 in 10,000 for as long as it lives.
pub const CODE_BUDGET: i64 = 100;

/// From how many attempts on, and how often, the owner and the Admins are told that codes are
/// guessed at. Ten are more than slips of a thumb: accepted codes give theirs back.
const TOLD_AT: [i64; 2] = [10, 50];

/// From how many attempts in the budget on a page speaks of guessing.
pub const GUESSING: i64 = TOLD_AT[0];

/// What one security code costs: one attempt for each app that it is compared with.
pub fn cost_of_code(apps: usize) -> i64 {
    i64::try_from(apps).unwrap_or(CODE_BUDGET).max(1)
}

/// Whether the attempt that brought the budget from `before` to `after` is one of those that the
/// owner and the Admins are told of: the tenth, the fiftieth, and the last that `cost` allows.
pub fn is_told(before: i64, after: i64, cost: i64) -> bool {
    let passes = |mark: i64| before < mark && mark <= after;
    TOLD_AT.into_iter().any(passes) || passes(CODE_BUDGET - cost.clamp(1, CODE_BUDGET) + 1)
}

#[cfg(test)]
mod tests {
    use super::{CODE_BUDGET, is_told};

    fn told(cost: i64) -> Vec<i64> {
        let ends = (1..).map(|n| n * cost).take_while(|after| *after <= CODE_BUDGET);
        ends.filter(|after| is_told(after - cost, *after, cost)).collect()
    }

    #[test]
    fn the_tenth_the_fiftieth_and_the_last_attempt_are_told_of() {
        assert_eq!(told(1), [10, 50, 100]);
        assert_eq!(told(2), [10, 50, 100]);
        assert_eq!(told(3), [12, 51, 99], "with three apps 99 leave none");
    }
}
