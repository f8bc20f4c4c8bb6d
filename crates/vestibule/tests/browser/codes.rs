//! Proofs that are not taken: what the page says, and where it puts the focus.

use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

/// Each mistake at the security code is explained, and mended where the focus is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_not_taken_is_explained() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.goes_to("/settings/security").await;
    cleo.gives_password().await;

    let wrong = app.wrong_code();
    let used = cleo.code();
    let mistakes = [
        (wrong, "This code is not right. Type the six digits that your app shows now."),
        ("12345".into(), "A security code has six digits."),
        (
            cleo.code_in(-300),
            "This code is from about 5 minutes ago. Your phone’s clock seems to be slow: set it to \
             automatic time, then use the next code.",
        ),
        (
            cleo.code_in(300),
            "This code is for about 5 minutes from now. Your phone’s clock seems to be fast: set it \
             to automatic time, then use the next code.",
        ),
    ];
    for (code, explanation) in mistakes {
        let by_itself = code.len() == 6;
        if by_itself {
            cleo.types_code(&code, "Continue").await;
        } else {
            cleo.fill("Security code", &code).await;
            cleo.press("Continue").await;
        }
        cleo.sees(explanation).await;
        assert_eq!(cleo.focus().await, "Security code", "{explanation}");
        assert_eq!(cleo.value("Security code").await, "", "{explanation}");
        let described = "return document.activeElement.getAttribute('aria-describedby')";
        let described = cleo.evaluate(described).await;
        assert!(described.as_str().is_some_and(|ids| ids.contains("code-mend")), "{described}");
        let alert = "return document.querySelector('[role=alert]').textContent";
        let alert = cleo.evaluate(alert).await;
        assert!(alert.as_str().is_some_and(|text| text.contains(&explanation[..20])), "{alert}");
    }

    // None of that cost her the page that she wanted.
    cleo.types_code(&used, "Continue").await;
    cleo.arrives_at("/settings/security").await;
    cleo.press("Sign out").await;
    cleo.gives_password().await;
    cleo.types_code(&used, "Continue").await;
    cleo.sees("This code was used before. Each code works once. Wait for the next one").await;
    assert_eq!(cleo.focus().await, "Security code");
    app.clock.next_code();
    cleo.types_code(&cleo.code(), "Continue").await;
    cleo.sees("You are signed in").await;
    cleo.has_no_complaints_but(&["401", "422"]).await;
}

/// The same at enrolment; the key stays, so the app need not be set up again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_first_code_keeps_the_key() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let admin = app.admin("ada").await;
    app.turn_switch(&admin, true).await;
    let mut ben = Person::new("ben", &app).await;
    ben.goes_to("/").await;
    ben.gives_password().await;
    ben.scans().await;
    let first = ben.phone.clone();
    for (code, explanation) in [
        (ben.code_in(-300), "This code is from about 5 minutes ago."),
        (ben.code_in(86_400), "This code is not right."),
    ] {
        ben.types_code(&code, "Finish and continue").await;
        ben.sees(explanation).await;
        assert_eq!(ben.focus().await, "Security code");
        ben.scans().await;
        assert_eq!(ben.phone, first);
    }
    let code = ben.code();
    ben.types_code(&code, "Finish and continue").await;
    ben.press("I have kept these codes").await;
    ben.sees("You are signed in").await;

    // The code that confirmed the enrolment is spent as well.
    ben.press("Sign out").await;
    ben.gives_password().await;
    ben.types_code(&code, "Continue").await;
    ben.sees("This code was used before.").await;
    ben.has_no_complaints_but(&["401", "422"]).await;
}

/// One answer for a wrong password and an unknown email; the email stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_keeps_the_email() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ben = Person::new("ben", &app).await;
    let mut answers = vec![];
    for email in ["ben@acme.example", "nobody@acme.example"] {
        ben.goes_to("/sign-in").await;
        ben.fill("Email", email).await;
        ben.fill("Password", "not the right one").await;
        ben.press("Sign in").await;
        ben.sees("right").await;
        assert_eq!(ben.value("Email").await, email);
        assert_eq!(ben.value("Password").await, "");
        assert_eq!(ben.focus().await, "Password");
        answers.push(ben.text().await);
    }
    assert_eq!(answers[0], answers[1]);
    ben.has_no_complaints_but(&["401"]).await;
}

/// A password is shown while its button says so, and hidden again before it is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_can_be_looked_at() {
    let app = TestApp::furnished(Database::Sqlite).await;
    let ben = Person::new("ben", &app).await;
    ben.goes_to("/sign-in").await;
    ben.fill("Password", "is this right?").await;
    let kind = "return document.getElementById('password').type";
    assert_eq!(ben.evaluate(kind).await, "password");
    ben.press("Show password").await;
    assert_eq!(ben.evaluate(kind).await, "text");
    ben.press("Show password").await;
    assert_eq!(ben.evaluate(kind).await, "password");
    ben.has_no_complaints().await;
}
