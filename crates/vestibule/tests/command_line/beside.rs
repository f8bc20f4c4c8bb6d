//! `vestibule account create` and `vestibule recover`, beside a running server and without one.

use crate::data::change;
use crate::place::{Place, get};

const CREATE: &[&str] = &["account", "create", "Beta GmbH", "--admin", "zoe@beta.example"];

fn link(answer: &str) -> &str {
    answer.lines().find(|line| line.starts_with("http://localhost:")).unwrap()
}

#[test]
fn an_account_is_made_beside_a_running_server_and_its_admin_recovers() {
    let place = Place::new();
    let server = place.serve(&[]);
    let url = ["--public-url", &server.first];

    let answer = place.answer(&[CREATE, &url].concat());
    assert!(answer.contains("Beta GmbH") && answer.contains("14 days"), "{answer}");
    assert!(link(&answer).starts_with(&format!("{}/invitation/", server.first)), "{answer}");
    assert_eq!(get(link(&answer)).0, 200);

    let failure = place.failure(&[CREATE, &url].concat());
    assert!(failure.starts_with("zoe@beta.example is taken"), "{failure}");

    let answer = place.answer(&[&["recover", " Zoe@Beta.example"], url.as_slice()].concat());
    assert!(answer.contains("zoe@beta.example") && answer.contains("15 minutes"), "{answer}");
    assert!(link(&answer).starts_with(&format!("{}/recover/", server.first)), "{answer}");
    assert_eq!(get(link(&answer)).0, 200);

    let failure = place.failure(&["recover", "nobody@beta.example"]);
    assert_eq!(failure, "no user has the e-mail nobody@beta.example");
}

#[test]
fn a_disabled_user_gets_no_link() {
    let place = Place::with_data();
    place.answer(CREATE);
    change(&place, "UPDATE memberships SET state = 'disabled'");
    let failure = place.failure(&["recover", "zoe@beta.example"]);
    assert!(failure.starts_with("zoe@beta.example is disabled"), "{failure}");
}

#[test]
fn a_recover_link_may_do_what_its_flags_say() {
    let place = Place::with_data();
    let failure = place.failure(&["recover", "zoe@beta.example", "--password", "--factors"]);
    assert_eq!(failure, "no user has the e-mail zoe@beta.example");
    place.answer(CREATE);
    let failure = place.failure(&["recover", "zoe@beta.example", "--factors"]);
    assert!(failure.starts_with("zoe@beta.example has no password yet"), "{failure}");
    change(&place, "UPDATE users SET password_hash = ''");
    let (both, end) = ("sets a new password and enrols a new authenticator app", "Every Admin");
    for (flags, does) in [
        (&[] as &[&str], both),
        (&["--password", "--factors"], both),
        (&["--password"], "sets a new password. It works"),
        (&["--factors"], "enrols a new authenticator app, after giving the password"),
    ] {
        let answer = place.answer(&[&["recover", "zoe@beta.example"], flags].concat());
        assert!(answer.contains(does) && answer.contains("15 minutes"), "{flags:?}: {answer}");
        assert!(answer.contains("Nothing is changed until it is used."), "{answer}");
        assert!(answer.contains(end), "{answer}");
        assert!(link(&answer).contains("/recover/"), "{answer}");
    }
}

#[test]
fn where_nothing_is_nothing_is_made() {
    let place = Place::new();
    for command in [CREATE, &["recover", "ada@acme.example"]] {
        let failure = place.failure(command);
        assert!(failure.starts_with("there is no key file "), "{failure}");
        assert!(failure.ends_with("start `vestibule serve` first"), "{failure}");
    }
    assert!(!place.path("vestibule-data").exists());

    // A key file alone is no data either.
    let place = Place::with_data();
    std::fs::remove_file(place.path("vestibule-data/vestibule.db")).unwrap();
    for command in [CREATE, &["recover", "ada@acme.example"]] {
        let failure = place.failure(command);
        assert!(failure.starts_with("there is no database "), "{failure}");
    }
    assert!(!place.path("vestibule-data/vestibule.db").exists());
}

#[test]
fn an_empty_postgresql_is_not_taken_into_service() {
    let database = vestibule_testkit::postgres::shared().create_database();
    let place = Place::with_data();
    let failure = place.failure(&["recover", "ada@acme.example", "--database", &database]);
    assert!(failure.starts_with("there is nothing in the database "), "{failure}");
}

#[test]
fn what_is_no_name_and_no_address_is_refused() {
    let place = Place::with_data();
    for (args, problem) in [
        (&["recover", "nobody"] as &[&str], "EMAIL \"nobody\": "),
        (&["account", "create", "Beta", "--admin", "zoe"], "--admin \"zoe\": "),
        (&["account", "create", " ", "--admin", "zoe@beta.example"], "NAME \" \": "),
    ] {
        let failure = place.failure(args);
        assert!(failure.starts_with(problem), "{failure}");
    }
}

/// Whoever configures nothing gets links to where the server was reached last.
#[test]
fn links_lead_to_where_the_server_is_reached() {
    let place = Place::new();
    let server = place.serve(&[]);
    let answer = place.answer(CREATE);
    assert!(link(&answer).starts_with(&format!("{}/invitation/", server.first)), "{answer}");
    server.stop("TERM");
    let url = "https://login.example.com";
    place.serve(&["--public-url", url]).stop("TERM");
    let answer = place.answer(&["recover", "zoe@beta.example"]);
    assert!(answer.contains(&format!("{url}/recover/")), "{answer}");
    // What is configured counts before it.
    let answer = place.answer(&["recover", "zoe@beta.example", "--public-url=http://localhost:1"]);
    assert!(answer.contains("http://localhost:1/recover/"), "{answer}");

    // Before this version, no address was noted.
    change(&place, "UPDATE installation SET public_url = NULL");
    let failure = place.failure(&["recover", "zoe@beta.example", "--listen", "127.0.0.1:0"]);
    assert!(failure.contains("--public-url"), "{failure}");
}
