//! An empty installation, and its first Admin.

use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// The Admin follows the link that the program printed, and turns the switch on without a factor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_sets_up_and_turns_the_switch_on() {
    let app = TestApp::empty(Database::Sqlite).await;
    let mut ada = Person::new("ada", &app).await;

    let link = app.setup_path().await;
    ada.goes_to(&link).await;
    ada.sees("Create the first account").await;
    assert_eq!(ada.focus().await, "Name of the account");
    ada.fill("Name of the account", "Acme Analytics").await;
    ada.fill("Your name", "Ada Lovelace").await;
    ada.fill("Your email", "ada@acme.example").await;
    ada.fill("Choose a password", "short").await;
    ada.press("Create the account").await;
    ada.sees("Use at least 12 characters.").await;
    assert_eq!(ada.value("Your email").await, "ada@acme.example", "what was typed stays");
    assert_eq!(ada.value("Choose a password").await, "", "a password does not");
    assert_eq!(ada.focus().await, "Choose a password");
    ada.type_keys("a marble garden by night\n").await;

    ada.arrives_at("/").await;
    ada.sees("You are signed in as Ada Lovelace at Acme Analytics.").await;
    ada.sees("Role Admin").await;

    ada.press("Account").await;
    assert!(!ada.role_switch("Two Factor Authentication").await);
    ada.sees("You have no factor yet").await;
    ada.press("Two Factor Authentication").await;
    ada.sees("Set up your own app first").await;
    ada.enrols("Finish and turn on for everyone").await;
    ada.sees("Two-factor sign-in is on for everyone.").await;
    assert!(ada.role_switch("Two Factor Authentication").await);
    let phone = ada.phone.as_ref().expect("scanned");
    assert_eq!(
        (phone.issuer.as_str(), phone.label.as_str()),
        ("Acme Analytics", "ada@acme.example")
    );
    ada.has_no_complaints_but(&["422"]).await;

    // The link is over for whoever else has it.
    let late = Person::new("ben", &app).await;
    late.goes_to(&link).await;
    late.sees("This link opens nothing any more").await;
}
