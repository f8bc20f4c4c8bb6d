//! `vestibule serve`, from the first start to the end.

use std::io::Write as _;
use std::net::TcpListener;

use crate::place::{Place, Running, ask_gate, get, mode};

/// The set-up link, which follows the address.
fn setup_link(server: &mut Running) -> String {
    assert_eq!(server.line(), "");
    server.line();
    server.line()
}

#[test]
fn the_first_start_needs_nothing_and_keeps_its_files_to_itself() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let url = server.first.clone();
    assert!(url.starts_with("http://localhost:"), "{url}");
    assert_eq!(get(&format!("{url}/healthz")).0, 200);
    assert_eq!(get(&format!("{url}/readyz")).0, 200);
    assert_eq!(get(&setup_link(&mut server)).0, 200);
    assert_eq!(mode(&place.path("vestibule-data")), 0o700);
    for file in std::fs::read_dir(place.path("vestibule-data")).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let key = std::fs::read_to_string(place.path("vestibule-data/master.key")).unwrap();
    assert!(key.starts_with("vestibule-master-key-1 ") && key.lines().count() == 1);
}

#[test]
fn a_restart_makes_a_new_setup_link_and_voids_the_old_one() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let token = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    let old = token(&setup_link(&mut server));
    server.stop("TERM");
    let mut server = place.serve(&[]);
    let link = setup_link(&mut server);
    assert_ne!(token(&link), old);
    assert_eq!(get(&link).0, 200);
    assert_ne!(get(&format!("{}/setup/{old}", server.first)).0, 200);
}

#[test]
fn a_signal_ends_it_with_exit_code_0() {
    for signal in ["TERM", "INT"] {
        let place = Place::new();
        let mut server = place.serve(&[]);
        setup_link(&mut server);
        let url = server.first.clone();
        let _asks_nothing = Running::connect(&url);
        let mut never_asks_all_of_it = Running::connect(&url);
        write!(never_asks_all_of_it, "GET / HTTP/1.1\r\nHost: ").unwrap();
        assert_eq!(server.stop(signal).0, Some(0), "{signal}");
        let left = place.path("vestibule-data/vestibule.db-wal");
        assert!(!left.exists(), "the database was closed");
    }
}

#[test]
fn a_port_in_use_is_named_and_the_setup_link_of_who_has_it_still_works() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let link = setup_link(&mut server);
    let address = server.first.replace("http://localhost", "127.0.0.1");
    let failure = place.failure(&["serve", "--listen", &address]);
    assert!(failure.starts_with("the port is in use: "), "{failure}");
    assert!(failure.contains(&address), "{failure}");
    assert_eq!(get(&link).0, 200);
}

#[test]
fn a_port_in_use_leaves_no_data() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.failure(&["serve", "--listen", &address]);
    assert!(!place.path("vestibule-data").exists());
}

#[test]
fn other_machines_are_not_served_without_https() {
    let place = Place::new();
    for args in [
        ["--listen", "0.0.0.0:0", "--public-url", "http://localhost:8080"].as_slice(),
        &["--listen", "0.0.0.0:0"],
        &["--listen", "[::]:0"],
    ] {
        let failure = place.failure(&[&["serve"], args].concat());
        assert!(failure.contains("public_url must be the https:// address"), "{failure}");
    }
    assert!(!place.path("vestibule-data").exists());
    let url = "https://login.example.com";
    let server =
        Running::start(place.command(&["serve", "--listen=0.0.0.0:0", "--public-url", url]));
    assert_eq!(server.first, url);
}

#[test]
fn logs_are_text_or_json_on_stderr() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--listen=127.0.0.1:0", "--log-format=json"]);
    let log = place.path("log");
    command.stderr(std::fs::File::create(&log).unwrap());
    let mut server = Running::start_as_is(command);
    let link = setup_link(&mut server);
    server.stop("TERM");
    let token = link.rsplit('/').next().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains(token), "a log holds no link");
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["level"].is_string(), "{entry}");
    }
    assert!(log.contains("listening") && log.contains("stopping"), "{log}");
}

#[test]
fn the_log_names_the_proxy_that_is_not_trusted_and_the_host_that_is_not_known() {
    let place = Place::with_data();
    let told = |args: &[&str]| {
        let mut command = place.command(&[&["serve", "--listen=127.0.0.1:0"], args].concat());
        let log = place.path("log");
        command.stderr(std::fs::File::create(&log).unwrap());
        let server = Running::start_as_is(command);
        for _ in 0..3 {
            let (status, page) = ask_gate(&server.first, "wiki.localhost:8082");
            assert_eq!(status, 403);
            assert_eq!(page.contains("wiki.localhost:8082"), !args.is_empty(), "{page}");
        }
        server.stop("TERM");
        std::fs::read_to_string(log).unwrap()
    };
    let (untrusted, unknown) =
        ("asked by 127.0.0.1, which trusted_proxies", "asked about wiki.localhost:8082");
    for (args, said, other) in
        [(&[][..], untrusted, unknown), (&["--trusted-proxies=127.0.0.1"][..], unknown, untrusted)]
    {
        let log = told(args);
        assert_eq!(log.matches(said).count(), 1, "once a minute: {log}");
        assert!(!log.contains(other), "{log}");
    }
}

#[test]
fn applications_of_the_configuration_are_there_at_the_start_and_gone_with_it() {
    let application =
        "[[applications]]\nname = 'Wiki'\nhost = 'wiki.localhost'\nenter = 'everyone'\n";
    let place = Place::new();
    place.write("vestibule.toml", application);
    // It waits for the account, says so once, and does not hold the start up.
    let mut command = place.command(&["serve", "--listen=127.0.0.1:0", "--config=vestibule.toml"]);
    let log = place.path("log");
    command.stderr(std::fs::File::create(&log).unwrap());
    Running::start_as_is(command).stop("TERM");
    let log = std::fs::read_to_string(log).unwrap();
    let waits = "the application wiki.localhost waits: there is no account yet";
    assert_eq!(log.matches(waits).count(), 1, "{log}");
    place.answer(&["account", "create", "Acme", "--admin", "ada@acme.example"]);
    let told = |place: &Place| place.answer(&["audit", "export", "--format", "jsonl"]);
    place.serve(&["--config=vestibule.toml"]).stop("TERM");
    let added = told(&place);
    assert_eq!(added.matches("application.added").count(), 1, "{added}");
    place.serve(&["--config=vestibule.toml"]).stop("TERM");
    assert_eq!(told(&place).matches("\"application.").count(), 1);
    place.serve(&[]).stop("TERM");
    assert_eq!(told(&place).matches("application.removed").count(), 1);
}
