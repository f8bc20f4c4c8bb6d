//! The whole way once: from the set-up link of an empty installation to an invited user who
//! signs in with password and security code.

use vestibule_testkit::app::password;
use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

async fn main_path(database: Database, options: Options) {
    let scripted = options != options.without_javascript();
    let app = TestApp::empty(database).await;

    let mut ada = Person::at(options, "ada", &app).await;
    ada.goes_to(&app.setup_path().await).await;
    ada.fill("Name of the account", "Acme Analytics").await;
    ada.fill("Your name", "Ada Lovelace").await;
    ada.fill("Your email", "ada@acme.example").await;
    ada.fill("Choose a password", &password("ada")).await;
    ada.press("Create the account").await;
    ada.sees("You are signed in").await;

    ada.press("Account").await;
    ada.press("Turn on for everyone").await;
    ada.enrols("Finish and turn on for everyone").await;
    ada.sees("Two-factor sign-in is on for everyone.").await;
    assert!(ada.role_switch("Two Factor Authentication").await);

    ada.press("Users").await;
    ada.press("Add a user").await;
    ada.fill("Email", "ben@acme.example").await;
    ada.fill("Name", "Ben Okafor").await;
    ada.press("Make the invitation link").await;
    ada.sees("The invitation link is ready").await;
    let invitation = ada.value("Link").await;

    let mut ben = Person::at(options, "ben", &app).await;
    ben.open(&invitation).await;
    ben.sees("Join Acme Analytics").await;
    assert_eq!(ben.value("Your name").await, "Ben Okafor");
    ben.fill("Choose a password", &password("ben")).await;
    ben.press("Join").await;
    ben.sees("Acme Analytics asks for a second proof").await;
    // What needs the script is not offered without it.
    assert_eq!(ben.shows("Copy the key").await, scripted);
    ben.enrols("Finish and continue").await;
    ben.sees("You are signed in as Ben Okafor at Acme Analytics.").await;
    ben.press("Sign out").await;
    ben.sees("Sign in").await;
    ben.goes_to("/").await;
    ben.arrives_at("/sign-in").await;
    ben.signs_in().await;
    ben.sees("Security code from Authenticator app").await;

    ada.press("Account").await;
    ada.sees("Everyone is ready.").await;
    ada.press("Turn off").await;
    ada.sees("Two-factor sign-in is off.").await;
    assert!(!ada.role_switch("Two Factor Authentication").await);

    ada.has_no_complaints().await;
    ben.has_no_complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    main_path(Database::Sqlite, Options::desktop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    main_path(Database::Postgres, Options::desktop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_phone() {
    main_path(Database::Sqlite, Options::phone().dark()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript() {
    main_path(Database::Sqlite, Options::desktop().without_javascript()).await;
}
