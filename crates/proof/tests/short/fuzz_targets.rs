//! What the fuzzer kept holds on stable, too.

use std::fs;

use vestibule_proof::fuzz_targets::{TARGETS, corpus};

#[test]
fn every_input_that_the_fuzzer_kept_still_holds() {
    for (name, target) in TARGETS {
        let folder = corpus(name);
        let inputs = fs::read_dir(&folder);
        let inputs = inputs.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0, "no inputs for {name}");
    }
}

/// Each target can be called by `scripts/fuzz`, and none without its properties.
#[test]
fn every_target_has_its_program() {
    let programs = corpus("").join("../fuzz_targets");
    let mut found: Vec<String> = fs::read_dir(programs)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, TARGETS.map(|(name, _)| name));
    for (name, _) in TARGETS {
        let manifest = fs::read_to_string(corpus("").join("../Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
    }
}
