//! The switch, and what it does to sessions that are open.

use std::time::Duration;

use vestibule_testkit::app::password;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// Ben is in the middle of something when the Admin turns the switch on: his next click leads to
/// his password, to enrolment, and back to where he was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_session_is_led_through_enrolment_and_back() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut ben = Person::new("ben", &app).await;
    ben.signs_in().await;
    ben.press("Security Your factors, password, name and sessions").await;
    ben.arrives_at("/settings/security").await;
    app.clock.advance(Duration::from_mins(10));

    let mut ada = Person::new("ada", &app).await;
    ada.signs_in().await;
    ada.press("Account").await;
    ada.sees("1 user has a factor and notices nothing").await;
    ada.sees("3 are led through the set-up at their next click").await;
    ada.sees("2 open sessions follow the rule at once").await;
    ada.press("Turn on for everyone").await;
    ada.enrols("Finish and turn on for everyone").await;
    ada.arrives_at("/settings/account?done=turned-on").await;
    ada.sees("2 are led through the set-up at their next click or sign-in").await;

    // A click on a link of the page that he was on.
    ben.press("Change password").await;
    ben.sees("Confirm that it is you").await;
    ben.sees(
        "You are about to set up an authenticator app, which Acme Analytics asks of everyone.",
    )
    .await;
    // Nothing is left to go back to.
    assert!(!ben.shows("Cancel").await);
    ben.sees("Sign out").await;
    assert_eq!(ben.focus().await, "Password");
    ben.type_keys(&format!("{}\n", password("ben"))).await;
    ben.sees("Acme Analytics asks for a second proof").await;
    ben.enrols("Finish and continue").await;
    ben.arrives_at("/settings/security/password").await;
    ben.sees("Your other sessions end; this one goes on.").await;
    ben.has_no_complaints().await;
    ada.has_no_complaints().await;
}

/// What Ben typed into a form is not worth losing his place for: he comes back to its page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_leads_back_to_the_page_that_it_stood_on() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut ben = Person::new("ben", &app).await;
    ben.signs_in().await;
    ben.goes_to("/settings/security").await;
    let admin = app.admin("ada").await;
    app.turn_switch(&admin, true).await;

    ben.fill("Display name", "Benedict Okafor").await;
    ben.press("Save the name").await;
    ben.sees("Acme Analytics asks for a second proof").await;
    ben.enrols("Finish and continue").await;
    ben.arrives_at("/settings/security").await;
    assert_eq!(ben.value("Display name").await, "Ben Okafor", "nothing changed behind the door");
    ben.has_no_complaints().await;
}

/// An Admin with a factor is asked for a fresh code when the last is old, in both directions; the
/// switch itself and the button do the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_switch_asks_for_a_fresh_proof_in_both_directions() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut ada = Person::new("ada", &app).await;
    ada.signs_in().await;
    ada.press("Turn MFA on for yourself").await;
    ada.enrols("Turn MFA on").await;
    for (control, button, state) in [
        ("Two Factor Authentication", "Turn on for everyone", true),
        ("Turn off", "Turn off", false),
        ("Turn on for everyone", "Turn on for everyone", true),
        ("Two Factor Authentication", "Turn off", false),
    ] {
        app.clock.advance(Duration::from_mins(10));
        ada.press("Account").await;
        ada.press(control).await;
        ada.sees("Confirm that it is you").await;
        assert_eq!(ada.focus().await, "Security code");
        ada.types_code(&ada.code(), button).await;
        ada.arrives_at(if state {
            "/settings/account?done=turned-on"
        } else {
            "/settings/account?done=turned-off"
        })
        .await;
        assert_eq!(ada.role_switch("Two Factor Authentication").await, state);
    }
    // A proof in place of an act is a refusal to the browser.
    ada.has_no_complaints_but(&["403"]).await;
}
