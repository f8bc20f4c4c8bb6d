//! What it costs a person to get in: keys, presses and pages, counted in the browser itself.

use serde_json::Value;
use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

const COUNT: &str = r#"(() => {
    const add = (what) => {
        try {
            sessionStorage.setItem(what, Number(sessionStorage.getItem(what)) + 1);
        } catch { /* a page of the browser's own */ }
    };
    add("pages");
    addEventListener("keydown", (event) => event.key === "Shift" || add("keys"), true);
    addEventListener("pointerdown", () => add("presses"), true);
})();"#;

/// At least 12 characters are asked for.
const PASSWORD: &str = "harbour moss";

#[derive(Debug, PartialEq, Eq)]
struct Effort {
    pages: u64,
    presses: u64,
    /// Without those of the password, whose length is everyone's own choice.
    keys: u64,
}

async fn of(person: &Person, passwords: u64) -> Effort {
    let counted =
        "return ['pages', 'presses', 'keys'].map(what => Number(sessionStorage.getItem(what)))";
    let counted = person.evaluate(counted).await;
    let number = |at: usize| counted.get(at).and_then(Value::as_u64).unwrap_or_default();
    Effort {
        pages: number(0),
        presses: number(1),
        keys: number(2) - passwords * PASSWORD.len() as u64,
    }
}

/// The link of Fay's invitation, in an account that requires MFA or does not.
async fn invitation(app: &TestApp, required: bool) -> String {
    let ada = app.admin("ada").await;
    app.turn_switch(&ada, required).await;
    let fay = [("email", "fay@acme.example"), ("name", "Fay Marlow"), ("role", "Member")];
    let page = ada.post("/settings/users", &fay).await;
    page.between("id=\"link\" type=\"text\" value=\"", "\"")
}

/// From the link of the invitation to the dashboard, and the sign-in of every later day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_invited_to_in() {
    for (required, screen) in
        [(false, Options::desktop()), (true, Options::desktop()), (true, Options::phone())]
    {
        let app = TestApp::furnished(Database::Sqlite).await;
        let link = invitation(&app, required).await;
        let mut fay = Person::at(screen, "fay", &app).await;
        fay.before_each_page(COUNT).await;
        fay.open(&link).await;
        fay.type_keys(&format!("{PASSWORD}\n")).await;
        if required {
            fay.sees("asks for a second proof").await;
            fay.scans().await;
            fay.press_into("Security code").await;
            let code = fay.code();
            fay.type_keys(&code).await;
            fay.press("I have kept these codes").await;
        }
        fay.sees("You are signed in").await;
        let first = of(&fay, 1).await;

        fay.press("Sign out").await;
        fay.evaluate("sessionStorage.clear()").await;
        fay.goes_to("/sign-in").await;
        fay.type_keys("fay@acme.example\t").await;
        fay.type_keys(&format!("{PASSWORD}\n")).await;
        if required {
            fay.sees("Enter your security code").await;
            app.clock.next_code();
            fay.type_keys(&fay.code()).await;
        }
        fay.sees("You are signed in").await;
        let later = of(&fay, 1).await;
        // The figures of `docs/performance.md`.
        if required {
            assert_eq!(first, Effort { pages: 4, presses: 2, keys: 7 }, "{screen:?}");
            assert_eq!(later, Effort { pages: 3, presses: 0, keys: 24 }, "{screen:?}");
        } else {
            assert_eq!(first, Effort { pages: 2, presses: 0, keys: 1 }, "{screen:?}");
            assert_eq!(later, Effort { pages: 2, presses: 0, keys: 18 }, "{screen:?}");
        }
    }
}
