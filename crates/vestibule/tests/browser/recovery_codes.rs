//! Recovery codes: kept after the enrolment, and used when the phone is lost.

use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// The codes that the page shows.
async fn codes_on(person: &Person) -> Vec<String> {
    let text = person.text().await;
    let is_code = |word: &&str| {
        let groups: Vec<&str> = word.split('-').collect();
        groups.len() == 4 && groups.iter().all(|group| group.len() == 4)
    };
    text.split_whitespace().filter(is_code).map(str::to_owned).collect()
}

async fn lost_phone(options: Options) {
    let scripted = options != options.without_javascript();
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut ben = Person::at(options, "ben", &app).await;
    ben.signs_in().await;
    ben.press("Turn MFA on for yourself").await;
    ben.enrols_without_keeping("Turn MFA on").await;
    ben.sees("Keep your recovery codes").await;
    let codes = codes_on(&ben).await;
    assert_eq!(codes.len(), 10);
    for comfort in ["Copy", "Print"] {
        assert_eq!(ben.shows(comfort).await, scripted, "{comfort}");
    }
    assert!(ben.shows("Download").await);

    // No page lets him past them.
    ben.goes_to("/settings/security").await;
    ben.sees("Keep your recovery codes").await;
    assert_eq!(codes_on(&ben).await, codes);
    ben.press("I have kept these codes").await;
    ben.arrives_at("/settings/security").await;
    ben.sees("10 of 10 left").await;

    // The phone is lost.
    ben.press("Sign out").await;
    ben.goes_to("/settings/security").await;
    ben.gives_password().await;
    ben.press("Use a recovery code instead").await;
    ben.sees("Enter a recovery code").await;
    assert_eq!(ben.focus().await, "Recovery code");
    ben.fill("Recovery code", "ABCD EFGH IJKL MNOP").await;
    ben.press("Continue").await;
    ben.sees("This is not one of your recovery codes.").await;
    assert_eq!(ben.focus().await, "Recovery code");
    ben.fill("Recovery code", &codes[4].to_lowercase().replace('-', " ")).await;
    ben.press("Continue").await;
    ben.sees("You used a recovery code").await;
    ben.sees("9 recovery codes are left.").await;

    // A new one takes its place.
    let lost = ben.phone.clone();
    ben.press("Set up a new app").await;
    ben.enrols("Add this app").await;
    assert_ne!(ben.phone, lost);
    ben.sees("If it takes the place of one that is lost, remove that one below.").await;
    ben.press("Remove Authenticator app").await;
    ben.press("Remove this app").await;
    ben.sees("The app is removed").await;
    ben.sees("9 of 10 left").await;
    ben.press("Sign out").await;
    ben.signs_in().await;

    // And new codes take the place of the old.
    ben.press("Security").await;
    ben.press("Make new codes").await;
    ben.sees("Keep your recovery codes").await;
    assert!(codes_on(&ben).await.iter().all(|code| !codes.contains(code)));
    ben.press("I have kept these codes").await;
    ben.sees("Your new recovery codes are in place. The old ones no longer work.").await;
    ben.has_no_complaints_but(&["401"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_phone_is_replaced() {
    lost_phone(Options::desktop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_small_screen() {
    lost_phone(Options::phone().dark()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript() {
    lost_phone(Options::desktop().without_javascript()).await;
}
