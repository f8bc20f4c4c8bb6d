//! `vestibule config`, help, and mistakes in what is typed.

use crate::place::{Place, failure_of, text};

#[test]
fn a_good_configuration_is_shown_with_its_origins() {
    let place = Place::new();
    let example = place.answer(&["config", "example"]);
    place.write("vestibule.toml", &format!("{example}\npassword_minimum = 15\n"));
    let mut check = place.command(&["config", "check", "--config=vestibule.toml"]);
    check.env("VESTIBULE_DATABASE", "postgres://app:hush@db.example.com/login");
    let output = check.output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(shown.starts_with("The configuration is good.\n"), "{shown}");
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(line("listen").ends_with("# default"), "{shown}");
    assert!(line("password_minimum = 15 ").contains("# vestibule.toml:"), "{shown}");
    assert!(line("database").contains("postgres://app@db.example.com:5432/login"), "{shown}");
    assert!(line("database").ends_with("# VESTIBULE_DATABASE"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!place.path("vestibule-data").exists(), "nothing is made");
}

#[test]
fn a_mistake_is_named_by_key_file_and_line_wherever_the_file_is_read() {
    let place = Place::new();
    place.write("vestibule.toml", "\ntrusted_proxies = ['127.0.0.1', 'foo']\n");
    let problem = "vestibule.toml:2: trusted_proxies[1]: \"foo\" is not an address or a network";
    for command in [
        &["config", "check"] as &[&str],
        &["serve"],
        &["recover", "ada@acme.example"],
        &["account", "create", "Acme", "--admin", "ada@acme.example"],
    ] {
        let failure = place.failure(&[command, &["--config", "vestibule.toml"]].concat());
        assert_eq!(failure, problem, "{command:?}");
        let mut by_variable = place.command(command);
        by_variable.env("VESTIBULE_CONFIG", "vestibule.toml");
        assert_eq!(failure_of(by_variable), problem, "{command:?}");
    }
    place.write("vestibule.toml", "lisen = '127.0.0.1:8080'");
    let failure = place.failure(&["config", "check", "--config", "vestibule.toml"]);
    assert_eq!(failure, "vestibule.toml:1: lisen: unknown key; did you mean listen?");
    let failure = place.failure(&["config", "check", "--config", "none.toml"]);
    assert!(failure.starts_with("none.toml: the file cannot be read: "), "{failure}");
}

#[test]
fn an_unknown_command_or_flag_is_exit_code_2() {
    let place = Place::new();
    for args in [&["frobnicate"] as &[&str], &[], &["account"], &["serve", "--frob"], &["recover"]]
    {
        let output = place.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

#[test]
fn every_command_has_help() {
    let place = Place::new();
    for args in [
        &[] as &[&str],
        &["serve"],
        &["account"],
        &["account", "create"],
        &["recover"],
        &["demo"],
        &["config"],
        &["config", "check"],
        &["config", "example"],
    ] {
        let help = place.answer(&[args, &["--help"]].concat());
        assert!(help.contains("Usage: vestibule"), "{help}");
    }
    assert!(place.answer(&["--version"]).starts_with("vestibule "));
}

#[test]
fn a_reader_who_has_gone_is_no_failure() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = place.command(&["config", "example"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}
