#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vestibule_proof::fuzz_targets::token_and_visitor(bytes));
