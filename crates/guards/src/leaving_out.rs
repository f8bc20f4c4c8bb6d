//! Leaving out one guard: only in the build that `scripts/prove` makes.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The variable that names the guard to leave out.
const VARIABLE: &str = "VESTIBULE_PROVE_WITHOUT";

/// The guard that this process goes without, if any.
pub fn left_out() -> Option<&'static str> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    NAME.get_or_init(|| std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())).as_deref()
}

/// Whether this is the guard that is left out.
pub fn is_left_out(name: &str) -> bool {
    left_out() == Some(name)
}

/// A statement as it is run: without the guard that is left out.
pub fn sql(text: &'static str) -> &'static str {
    static CHANGED: OnceLock<Mutex<HashMap<usize, &'static str>>> = OnceLock::new();
    let Some(name) = left_out() else { return text };
    if !text.contains("/*guard ") {
        return text;
    }
    let changed = CHANGED.get_or_init(Mutex::default);
    let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
    changed.entry(text.as_ptr() as usize).or_insert_with(|| without(text, name).leak())
}

fn without(text: &str, name: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, marked)) = rest.split_once("/*guard ") {
        kept.push_str(before);
        let (mark, marked) = marked.split_once("*/").unwrap_or((marked, ""));
        let (guarded, after) = marked.split_once("/*end*/").unwrap_or((marked, ""));
        let (of, instead) = match mark.split_once(':') {
            Some((of, instead)) => (of.trim(), Some(instead)),
            None => (mark.trim(), None),
        };
        match instead {
            _ if of != name => kept.push_str(guarded),
            Some(instead) => kept.push_str(instead),
            None => {
                kept.push('(');
                kept.push_str(guarded);
                kept.push_str(" OR TRUE)");
            }
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn what_stands_between_the_marks_is_left_out() {
        let text = "UPDATE t SET a = 1 WHERE /*guard one*/ b = $1 /*end*/ AND c = 2 \
                    ON CONFLICT /*guard two: DO UPDATE SET d = 3*/ DO NOTHING /*end*/";
        assert_eq!(
            without(text, "one"),
            "UPDATE t SET a = 1 WHERE ( b = $1  OR TRUE) AND c = 2 ON CONFLICT  DO NOTHING "
        );
        assert!(without(text, "two").ends_with("ON CONFLICT  DO UPDATE SET d = 3"));
        assert!(!without(text, "neither").contains("TRUE"));
    }
}
