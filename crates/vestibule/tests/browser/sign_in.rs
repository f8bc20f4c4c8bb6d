//! Signing in: with enrolment the first time, and as somebody who had it before.

use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// Required of everyone before Ben comes: he is led through enrolment, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_sign_in_enrols_and_the_next_asks_for_the_code() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let admin = app.admin("ada").await;
    app.turn_switch(&admin, true).await;

    let mut ben = Person::new("ben", &app).await;
    ben.goes_to("/").await;
    ben.arrives_at("/sign-in").await;
    assert_eq!(ben.focus().await, "Email");
    ben.gives_password().await;
    ben.arrives_at("/enrolment").await;
    ben.sees("Acme Analytics asks for a second proof").await;
    ben.sees("Password given").await;

    // The dashboard stays closed, and the key is the same after a reload and in a second tab.
    ben.scans().await;
    let first = ben.phone.clone().expect("scanned");
    ben.goes_to("/").await;
    ben.arrives_at("/enrolment").await;
    ben.reload().await;
    ben.scans().await;
    assert_eq!(ben.phone.as_ref(), Some(&first));
    assert_eq!(first.label, "ben@acme.example");

    let code = ben.code();
    ben.types_code(&code, "Finish and continue").await;
    ben.press("I have kept these codes").await;
    ben.arrives_at("/").await;
    ben.sees("You are signed in as Ben Okafor at Acme Analytics.").await;
    ben.sees("Security code from Authenticator app").await;

    ben.press("Sign out").await;
    ben.sees("You are signed out.").await;
    ben.gives_password().await;
    ben.arrives_at("/sign-in/code").await;
    assert_eq!(ben.focus().await, "Security code");
    app.clock.next_code();
    let code = ben.code();
    // As apps show it.
    ben.types_code(&format!("{} {}", &code[..3], &code[3..]), "Continue").await;
    ben.arrives_at("/").await;
    ben.sees("You are signed in").await;
    ben.has_no_complaints().await;
}

/// Cleo had a factor before the switch: her sign-in is the same before and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_enrolled_already_notices_no_change() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    let mut seen = vec![];
    for required in [false, true] {
        let admin = app.admin("ada").await;
        app.turn_switch(&admin, required).await;
        // Whatever she had open goes on.
        if required {
            cleo.press("Security").await;
            cleo.arrives_at("/settings/security").await;
            cleo.press("Sign out").await;
        }
        cleo.goes_to("/settings/security").await;
        cleo.sees("Sign in").await;
        let mut pages =
            vec![cleo.place().await, cleo.text().await.replace("You are signed out.", "")];
        cleo.gives_password().await;
        pages.extend([cleo.place().await, cleo.text().await]);
        app.clock.next_code();
        cleo.types_code(&cleo.code(), "Continue").await;
        cleo.arrives_at("/settings/security").await;
        cleo.sees("MFA is on for you").await;
        pages.push(cleo.place().await);
        seen.push(pages);
    }
    assert_eq!(seen[0], seen[1]);
    cleo.has_no_complaints().await;
}
