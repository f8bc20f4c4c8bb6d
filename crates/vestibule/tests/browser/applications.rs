//! An Admin puts an application behind the gate; who may enter finds it on the dashboard.

use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_added_named_for_ben_and_removed() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ben = Person::at(Options::phone(), "ben", &app).await;
    ben.signs_in().await;
    let mut ada = Person::new("ada", &app).await;
    ada.signs_in().await;
    ada.press("Turn MFA on for yourself").await;
    ada.enrols("Turn MFA on").await;

    ada.goes_to("/settings/applications").await;
    ada.sees("No application yet.").await;
    ada.press("Add an application").await;
    assert_eq!(ada.focus().await, "Name");
    ada.fill("Name", "Payroll").await;
    ada.fill("Host", "payroll.acme.example").await;
    ada.press_into("Only who is named Admins too must be named").await;
    let always = "Always ask for a security code even while the switch is off; who has no app yet sets \
                  one up on the way in";
    ada.press_into(always).await;
    ada.press("Add the application").await;
    ada.sees("end in .localhost").await;
    assert_eq!(ada.focus().await, "Host");
    assert_eq!(ada.value("Name").await, "Payroll");
    ada.fill("Host", "payroll.localhost:8081").await;
    ada.press("Add the application").await;
    ada.sees("The application is added.").await;
    ada.sees("What comes next: your reverse proxy").await;
    ada.sees("leads to Vestibule").await;

    // Naming takes a fresh proof; the email comes through it.
    app.clock.outlive_proofs();
    ada.fill("Email of a user of this account", "ben@acme.example").await;
    ada.press("Name this user").await;
    ada.sees("You are about to let ben@acme.example enter an application by name.").await;
    app.clock.next_code();
    ada.types_code(&ada.code(), "Name this user").await;
    ada.sees("The user is on the list.").await;
    ada.sees("They alone may enter.").await;
    ada.goes_to("/settings/applications").await;
    ada.sees("1 named user").await;
    ada.sees("a security code, always").await;

    ben.goes_to("/").await;
    ben.sees("payroll.localhost:8081").await;

    ada.press("Manage Payroll").await;
    ada.press("Take off the list Ben Okafor").await;
    ada.sees("Nobody is named yet, so nobody may enter.").await;
    ben.goes_to("/").await;
    assert!(!ben.shows("payroll.localhost").await);
    ada.press("Remove").await;
    ada.press("Remove this application").await;
    ada.sees("The application is removed.").await;
    ada.has_no_complaints_but(&["422", "403"]).await;
    ben.has_no_complaints().await;
}
