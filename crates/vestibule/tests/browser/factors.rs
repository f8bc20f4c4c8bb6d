//! One's own factors: opting in and out, and what the switch forbids.

use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// While the switch is off, MFA is everyone's own choice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ben_opts_in_and_out() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut ben = Person::new("ben", &app).await;
    ben.signs_in().await;
    ben.press("Turn MFA on for yourself").await;
    ben.sees("From then on you sign in with your password and a security code").await;
    ben.enrols("Turn MFA on").await;
    ben.sees("The app is added: from now on its codes let you in.").await;
    ben.sees("MFA is on for you").await;

    ben.press("Sign out").await;
    ben.signs_in().await;
    ben.sees("Security code from Authenticator app").await;

    ben.press("Security").await;
    ben.press("Rename Authenticator app").await;
    ben.fill("New name of this app", "Old phone").await;
    ben.press("Rename").await;
    ben.sees("The app is renamed.").await;

    ben.press("Remove Old phone").await;
    ben.sees("MFA is then off for you: your password alone signs you in.").await;
    ben.press("Remove this app").await;
    ben.sees("The app is removed").await;
    ben.sees("MFA is off for you").await;
    ben.press("Sign out").await;
    ben.gives_password().await;
    ben.arrives_at("/").await;
    ben.sees("You are signed in").await;
    ben.has_no_complaints().await;
}

/// While it is on, the last app stays, and the page says why; with a second one either may go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_app_stays_while_the_switch_is_on() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let admin = app.admin("ada").await;
    app.turn_switch(&admin, true).await;
    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.signs_in().await;
    cleo.press("Security").await;
    let why = "It cannot be removed: Acme Analytics requires a factor, and this is your only one.";
    cleo.sees(why).await;
    assert!(!cleo.shows("Remove").await);

    cleo.press("Add another app").await;
    cleo.sees("Security codes of either app then let you in").await;
    cleo.enrols("Add this app").await;
    cleo.sees("Authenticator app 2").await;
    assert!(!cleo.shows(why).await);
    cleo.press("Remove Authenticator app").await;
    cleo.sees("Its security codes no longer work.").await;
    cleo.press("Remove this app").await;
    cleo.sees("The app is removed").await;
    cleo.sees(why).await;

    cleo.press("Sign out").await;
    cleo.signs_in().await;
    cleo.has_no_complaints().await;
}
