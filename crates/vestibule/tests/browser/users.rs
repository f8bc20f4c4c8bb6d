//! The Admin and the users: links that are handed over, and help with signing in.

use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

async fn an_admin(app: &TestApp) -> Person {
    let mut ada = Person::new("ada", app).await;
    ada.signs_in().await;
    ada.press("Turn MFA on for yourself").await;
    ada.enrols("Turn MFA on").await;
    ada
}

/// The link is read from the page, copied, and opened by somebody else; once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_handed_over_and_taken_once() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ada = an_admin(&app).await;
    ada.press("Users").await;
    ada.press("Add a user").await;
    ada.fill("Email", "eve").await;
    ada.fill("Name", "Eve Lindqvist").await;
    ada.press("Make the invitation link").await;
    ada.sees("Type an email address").await;
    assert_eq!(ada.focus().await, "Email");
    assert_eq!(ada.value("Name").await, "Eve Lindqvist");
    ada.fill("Email", "eve@acme.example").await;
    ada.press("Make the invitation link").await;
    ada.sees("Copy it now: it is shown this once.").await;
    let link = ada.value("Link").await;
    assert!(link.starts_with(&format!("{}/invitation/", app.url)), "{link}");
    ada.press("Copy the link").await;
    ada.sees("Copied").await;
    ada.press("Go to Eve Lindqvist").await;
    ada.sees("Not taken yet").await;

    let eve = Person::at(Options::phone(), "eve", &app).await;
    eve.open(&link).await;
    eve.sees("Join Acme Analytics").await;
    assert_eq!(eve.value("Email").await, "eve@acme.example");
    assert_eq!(eve.focus().await, "Choose a password");
    eve.type_keys("eve walks through a marble garden\n").await;
    eve.sees("You are signed in as Eve Lindqvist at Acme Analytics.").await;

    let late = Person::new("mallory", &app).await;
    late.open(&link).await;
    late.sees("This link opens nothing any more").await;
    late.press("Go to sign-in").await;
    late.arrives_at("/sign-in").await;

    ada.goes_to("/settings/users").await;
    ada.fill("Search", "eve").await;
    ada.press("Search").await;
    ada.sees("eve@acme.example").await;
    assert!(!ada.shows("ben@acme.example").await);
    ada.has_no_complaints_but(&["422"]).await;
    eve.has_no_complaints().await;
    late.has_no_complaints_but(&["410"]).await;
}

/// Somebody who forgot the password gets a link; the link signs nobody in and asks for the code
/// afterwards as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_link_sets_a_password_and_nothing_else() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ada = an_admin(&app).await;
    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.signs_in().await;

    ada.press("Users").await;
    ada.press("Manage Cleo Marín").await;
    ada.press("Make a new-password link").await;
    ada.sees("The new-password link is ready").await;
    let link = ada.value("Link").await;

    let other = Person::new("cleo", &app).await;
    other.open(&link).await;
    other.sees("Choose a new password").await;
    other.fill("New password", "a quiet harbour at dawn").await;
    other.press("Change the password").await;
    other.arrives_at("/sign-in?notice=password-changed").await;

    // Her open session is over, and says so.
    cleo.press("Security").await;
    cleo.sees("Sign in").await;
    cleo.fill("Email", "cleo@acme.example").await;
    cleo.fill("Password", "a quiet harbour at dawn").await;
    cleo.press("Sign in").await;
    cleo.sees("Enter your security code").await;
    app.clock.next_code();
    cleo.types_code(&cleo.code(), "Continue").await;
    cleo.arrives_at("/settings/security").await;
    for person in [&ada, &cleo, &other] {
        person.has_no_complaints().await;
    }
}

/// Cleo lost her phone: the Admin resets her factors, her session ends, her next sign-in enrols.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_takes_the_factors_and_the_next_sign_in_enrols() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ada = an_admin(&app).await;
    ada.press("Account").await;
    ada.press("Two Factor Authentication").await;
    ada.sees("Two-factor sign-in is on for everyone.").await;

    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.signs_in().await;
    let lost = cleo.phone.clone();

    ada.press("See the 2 who are not").await;
    ada.sees("Ben Okafor").await;
    assert!(!ada.shows("Cleo Marín").await);
    ada.press("Everyone").await;
    ada.press("Manage Cleo Marín").await;
    ada.press("Lost app: reset the factors").await;
    ada.sees("The app is removed and every session of Cleo Marín ends.").await;
    ada.press("Reset the factors").await;
    ada.sees("The factors are removed and the user is signed out everywhere.").await;

    cleo.press("Security").await;
    cleo.sees("Sign in").await;
    cleo.gives_password().await;
    cleo.sees("Acme Analytics asks for a second proof").await;
    cleo.enrols("Finish and continue").await;
    cleo.arrives_at("/settings/security").await;
    assert_ne!(cleo.phone, lost);

    // Nobody resets their own.
    ada.goes_to("/settings/users").await;
    ada.press("Manage Ada Lovelace").await;
    ada.sees("Nobody resets their own factors").await;
    ada.has_no_complaints().await;
    cleo.has_no_complaints().await;
}
