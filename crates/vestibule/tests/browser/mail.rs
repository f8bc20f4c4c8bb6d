//! A forgotten password and a notice, as somebody meets them who has mail open beside the browser.

use vestibule_testkit::app::email;
use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

const NEW: &str = "an otter sings in the marble hall";

/// From the sign-in page to the mail, to the new password, and in; then a notice tells of it, and is
/// dismissed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_is_replaced_by_mail() {
    for options in [Options::desktop(), Options::phone()] {
        let app = TestApp::mailing(Database::Sqlite).await;
        let ben = Person::at(options, "ben", &app).await;
        ben.goes_to("/sign-in").await;
        ben.press("Forgotten your password?").await;
        ben.arrives_at("/sign-in/forgotten").await;
        assert_eq!(ben.focus().await, "Email");
        ben.fill("Email", "ben").await;
        ben.press("Mail me a link").await;
        ben.sees("Type an email address such as name@company.example.").await;
        assert_eq!((ben.focus().await, ben.value("Email").await), ("Email".into(), "ben".into()));
        ben.fill("Email", &email("ben")).await;
        ben.press("Mail me a link").await;
        ben.sees("Look into your mail").await;

        let mails = app.deliver().await;
        ben.open(&mails[0].link()).await;
        ben.fill("New password", NEW).await;
        ben.press("Change the password").await;
        ben.sees("Your password is changed. Sign in with it.").await;
        app.clock.next_code();
        ben.fill("Email", &email("ben")).await;
        ben.fill("Password", NEW).await;
        ben.press("Sign in").await;
        ben.arrives_at("/").await;
        ben.sees("Your password was changed.").await;
        ben.press("Dismiss").await;
        ben.sees("You are signed in").await;
        assert!(!ben.shows("Your password was changed.").await);
        ben.has_no_complaints_but(&["422"]).await;
    }
}

/// A new address, from the settings to the mail and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_changed_by_mail() {
    let app = TestApp::mailing(Database::Sqlite).await;
    let ben = Person::new("ben", &app).await;
    ben.signs_in().await;
    ben.goes_to("/settings/security").await;
    ben.press("Change email").await;
    ben.fill("New email", "benjamin@acme.example").await;
    ben.press("Mail the link").await;
    ben.sees("A link is on its way to benjamin@acme.example.").await;
    let mails = app.deliver().await;
    let mail = mails.iter().find(|mail| mail.to == "benjamin@acme.example").unwrap();
    app.clock.outlive_proofs();
    ben.open(&mail.link()).await;
    ben.press("Use this address").await;
    ben.sees("You are about to change your email address.").await;
    ben.fill("Password", &vestibule_testkit::app::password("ben")).await;
    ben.press("Continue").await;
    ben.sees("Your address is changed.").await;
    ben.sees("benjamin@acme.example").await;
    ben.has_no_complaints_but(&["403"]).await;
}
