//! Marks for guards: the conditions that the security of a sign-in hangs on, each with a name, where
//! they stand.
//!
//! A mark changes nothing. It is there so that the proof can fail: `scripts/prove` makes a build of its
//! own, with the feature `prove`, in which one guard at a time can be left out, and shows that a test
//! or the exploration notices. Without that feature there is no such switch in the program, neither by
//! environment, configuration nor flag: the macro is the condition itself, and in SQL a mark is a
//! comment.
//!
//! In Rust: `guard!("the name", condition)`. In SQL, which [`sql`] passes on:
//!
//! ```sql
//! UPDATE t SET n = n + 1 WHERE id = $1 AND /*guard the name*/ epoch = $2 /*end*/
//! INSERT INTO t … ON CONFLICT /*guard another name: (id) DO UPDATE SET n = 1*/ DO NOTHING /*end*/
//! ```
//!
//! What stands between the marks is left out, in the first form by `(… OR TRUE)`, in the second by what
//! follows the name. A conditional write that guards nothing says why: `/*no guard: why*/`.

// `scripts/prove` builds with debug assertions; no recipe that turns on all features ships this.
#[cfg(all(feature = "prove", not(debug_assertions)))]
compile_error!("the feature `prove` leaves out guards: it is for `scripts/prove` alone");

#[cfg(feature = "prove")]
mod leaving_out;

#[cfg(feature = "prove")]
pub use leaving_out::{is_left_out, left_out, sql};

/// A condition that guards something. It is always evaluated, with what it does besides.
#[cfg(not(feature = "prove"))]
#[macro_export]
macro_rules! guard {
    ($name:literal, $condition:expr) => {
        $crate::is_met($condition)
    };
}

/// The condition itself.
#[cfg(not(feature = "prove"))]
#[doc(hidden)]
#[inline]
pub const fn is_met(condition: bool) -> bool {
    condition
}

/// A condition that guards something, and counts as met where it is the one that is left out. It is
/// always evaluated, with what it does besides.
#[cfg(feature = "prove")]
#[macro_export]
macro_rules! guard {
    ($name:literal, $condition:expr) => {{
        let is_met: bool = $condition;
        is_met || $crate::is_left_out($name)
    }};
}

/// A statement as it is run.
#[cfg(not(feature = "prove"))]
#[inline]
pub fn sql(text: &'static str) -> &'static str {
    text
}

/// The names of the guards that are marked in a text of SQL.
pub fn names_in_sql(text: &str) -> impl Iterator<Item = &str> {
    text.split("/*guard ").skip(1).filter_map(|rest| {
        let mark = rest.split("*/").next()?;
        Some(mark.split(':').next().unwrap_or(mark).trim())
    })
}

#[cfg(test)]
mod tests {
    use super::names_in_sql;

    #[test]
    fn names_are_found() {
        let text = "a /*guard one*/ b /*end*/ c /*guard two: DO UPDATE*/ d /*end*/ /*no guard: e*/";
        assert_eq!(names_in_sql(text).collect::<Vec<_>>(), ["one", "two"]);
    }
}
