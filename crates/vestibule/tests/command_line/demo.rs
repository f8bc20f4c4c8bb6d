//! `vestibule demo`.

use serde_json::Value;

use crate::place::{Place, Running, get_with, mode, post};

fn demo_folders(place: &Place) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(place.path("")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn json_is_one_line_with_all_it_takes_to_sign_in() {
    let place = Place::new();
    let demo = Running::start(place.command(&["demo", "--json", "--listen=127.0.0.1:0"]));
    let told: Value = serde_json::from_str(&demo.first).unwrap();
    let url = told["url"].as_str().unwrap().to_owned();
    let users = told["users"].as_array().unwrap();
    let of = |field: &str| -> Vec<&str> {
        users.iter().map(|user| user[field].as_str().unwrap_or("none")).collect()
    };
    let emails =
        ["ada@acme.example", "ben@acme.example", "dinesh@acme.example", "cleo@acme.example"];
    assert_eq!(of("email"), emails);
    assert_eq!(of("name"), ["Ada Lovelace", "Ben Okafor", "Dinesh Rao", "Cleo Marín"]);
    assert_eq!(of("role"), ["Admin", "Member", "Member", "Member"]);
    assert_eq!(of("totp_key").iter().filter(|key| key.len() == 32).count(), 1);
    assert_eq!(of("totp_key")[0], "none");
    for (email, password) in emails.iter().zip(of("password")) {
        let form = format!("email={email}&password={password}");
        let (status, answer) = post(&format!("{url}/sign-in"), &form);
        assert_eq!(status, 303, "{answer}");
        // Everyone finds the demo's application on the dashboard.
        let cookie = answer.split("set-cookie: vestibule=").nth(1).unwrap().split(';').next();
        let dashboard = get_with(&url, &format!("vestibule={}", cookie.unwrap())).1;
        let has_app = *email == "cleo@acme.example";
        assert!(
            has_app || dashboard.contains("href=\"http://app.localhost:8081/\""),
            "{dashboard}"
        );
    }
    let (status, _) = post(&format!("{url}/sign-in"), "email=ben@acme.example&password=wrong");
    assert_ne!(status, 303);
    assert_eq!(demo.stop("TERM"), (Some(0), vec![]), "it is one line");
}

#[test]
fn its_folder_is_private_and_gone_with_it() {
    for signal in ["TERM", "INT", "HUP"] {
        let place = Place::new();
        let mut demo = Running::start(place.command(&["demo", "--listen=127.0.0.1:0"]));
        let folders = demo_folders(&place);
        assert_eq!(folders.len(), 1);
        assert_eq!(mode(&folders[0]), 0o700);
        let mut text = demo.first.clone();
        while !text.ends_with("removes all of it.") {
            text += "\n";
            text += &demo.line();
        }
        for told in [
            "ada@acme.example",
            "Cleo Marín",
            "otpauth://totp/Acme%20Analytics:cleo",
            "on",
            "http://app.localhost:8081",
        ] {
            assert!(text.contains(told), "{told}\n{text}");
        }
        assert_eq!(demo.stop(signal).0, Some(0));
        assert_eq!(demo_folders(&place), Vec::<std::path::PathBuf>::new(), "{signal}");
    }
}

#[test]
fn it_listens_on_this_machine_alone() {
    let place = Place::new();
    for listen in ["0.0.0.0:0", "192.0.2.1:8080", "[::]:0"] {
        let failure = place.failure(&["demo", "--listen", listen]);
        assert!(failure.contains("on a loopback address alone"), "{failure}");
    }
    let failure = place.failure(&["demo", "--listen=127.0.0.1:8081"]);
    assert!(failure.contains("choose another port"), "{failure}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failure = place.failure(&["demo", "--listen", &address]);
    assert!(failure.starts_with("the port is in use"), "{failure}");
    assert_eq!(demo_folders(&place), Vec::<std::path::PathBuf>::new());
}
