//! The pictures of the documentation: `VESTIBULE_SCREENSHOTS=1 cargo test -p vestibule --test
//! browser screenshots` makes them anew.
