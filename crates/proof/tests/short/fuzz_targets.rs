//! What the fuzzer kept holds on stable, too, and so does what lies beside it.

use std::fs;

use vestibule_proof::fuzz_targets::{TARGETS, corpus, neighbours};

/// How many neighbours of each target's inputs are tried, all in all.
const NEIGHBOURS: usize = 400;

/// `VESTIBULE_FUZZ_NEIGHBOURS` tries more.
#[test]
fn every_input_that_the_fuzzer_kept_still_holds_and_what_lies_beside_it() {
    let asked = std::env::var("VESTIBULE_FUZZ_NEIGHBOURS").ok();
    let wanted = asked.map_or(NEIGHBOURS, |number| number.parse().unwrap());
    for (name, target) in TARGETS {
        let folder = corpus(name);
        let inputs = fs::read_dir(&folder);
        let inputs = inputs.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = inputs.map(|input| input.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no inputs for {name}");
        let kept: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        for (path, input) in paths.iter().zip(&kept) {
            println!("{}", path.display());
            target(input);
        }
        for neighbour in neighbours(&kept, wanted) {
            // Shown when the next line fails, so that it can be kept.
            println!("{name}: {}", neighbour.escape_ascii());
            target(&neighbour);
        }
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
