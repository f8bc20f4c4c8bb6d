//! Where a step leads: to a page of this site, whatever was asked for (AT-85).

use url::Url;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, TestApp, stories};

/// Targets that some reader of addresses takes for another site, or for a script.
const HOSTILE: [&str; 80] = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "//evil.example/%2f..",
    "//evil.example:8080/",
    "//user@evil.example",
    "//localhost@evil.example",
    "//evil.example?localhost",
    "//evil.example#localhost",
    "//[::1]/",
    "//0x7f.1/",
    "//3232235777",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "\\evil.example",
    "/\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "//\tevil.example",
    "/\u{0b}/evil.example",
    "/\u{0c}/evil.example",
    "/\u{85}/evil.example",
    "/\u{a0}/evil.example",
    "/\u{2028}/evil.example",
    "/\u{3000}/evil.example",
    "/\u{feff}/evil.example",
    "\u{feff}//evil.example",
    "/\u{200b}/evil.example",
    "/\u{ff0f}evil.example",
    "\u{ff0f}\u{ff0f}evil.example",
    "/\u{2044}/evil.example",
    "/\u{2215}/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "http://evil.example",
    "http:evil.example",
    "ftp://evil.example",
    "ws://evil.example",
    "file:///etc/passwd",
    "https://localhost@evil.example/",
    "https://localhost:8080@evil.example/",
    "https://localhost.evil.example/",
    "https://evil.example/localhost",
    "https://localhost\\.evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "blob:https://evil.example/x",
    "about:blank",
    "mailto:evil@evil.example",
    "tel:1",
    "/.//evil.example",
    "/..//evil.example",
    "/./..//evil.example",
    "/a/..//evil.example",
    "/%2e%2e//evil.example",
    "/.%2e//evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/%5c/../..//evil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/?x=\r\nSet-Cookie: vestibule=1",
    "evil.example",
    "?//evil.example",
    "#//evil.example",
    "",
];

/// Fails unless a browser that follows the answer stays on this site.
#[track_caller]
fn must_stay_here(app: &TestApp, answer: &Answer, target: &str) {
    let here = Url::parse(&app.url).unwrap();
    let location = answer.location().unwrap_or_else(|| panic!("{target:?}: {answer:?}"));
    let resolved = here.join(&location).unwrap();
    assert_eq!(resolved.origin(), here.origin(), "{target:?} leads to {location:?}");
    let second = location.chars().nth(1);
    assert!(
        location.starts_with('/') && !matches!(second, Some('/' | '\\')),
        "{target:?}: {location:?}"
    );
    assert!(
        location.is_ascii() && !location.contains(char::is_whitespace),
        "{target:?}: {location:?}"
    );
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert!(cookies.len() <= 2, "the session's and the browser's: {target:?}: {cookies:?}");
}

stories! {
    /// AT-85: through the sign-in form, as it stands on the page that shows the target.
    async fn at_85_a_sign_in_leads_to_no_other_site(app) {
        let ben = app.browser();
        let (email, password) = (email("ben"), password("ben"));
        for target in HOSTILE {
            let query: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
            let page = app.browser().get(&format!("/sign-in?return_to={query}")).await;
            let mut fields = page.carried_fields();
            assert_eq!(fields.len(), 1);
            for sent in [target, &fields.remove(0).1] {
                let fields = [("email", &*email), ("password", &*password), ("return_to", sent)];
                let answer = ben.post("/sign-in", &fields).await;
                assert_eq!(answer.status, 303, "{target:?}");
                must_stay_here(&app, &answer, target);
            }
        }
    }

    /// AT-85: who is signed in already is led on by the same rule, and so is who gives a fresh
    /// proof.
    async fn at_85_no_other_page_leads_to_another_site(app) {
        let ben = app.sign_in("ben").await;
        let password = password("ben");
        for target in HOSTILE {
            let query: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
            must_stay_here(&app, &ben.get(&format!("/sign-in?return_to={query}")).await, target);
            must_stay_here(
                &app,
                &ben.get(&format!("/sign-in/code?return_to={query}")).await,
                target,
            );
            let fields = [("password", &*password), ("return_to", target)];
            must_stay_here(&app, &ben.post("/proof", &fields).await, target);
        }
        assert!(ben.is_in().await);
    }

    /// AT-85: at the second door.
    async fn at_85_a_code_leads_to_no_other_site(app) {
        for target in
            ["//evil.example", "/\\evil.example", "https://evil.example", "/.//evil.example"]
        {
            let cleo = app.give_password("cleo").await;
            app.clock.next_code();
            let code = app.code("cleo");
            let answer =
                cleo.post("/sign-in/code", &[("code", &code), ("return_to", target)]).await;
            assert_eq!(answer.status, 303);
            must_stay_here(&app, &answer, target);
        }
    }

    /// AT-85: after an enrolment.
    async fn at_85_an_enrolment_leads_to_no_other_site(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        for who in ["ben", "dinesh"] {
            let browser = app.give_password(who).await;
            app.scan(who, &browser.visit("/").await);
            let code = app.code(who);
            let fields = [("code", code.as_str()), ("return_to", "//evil.example")];
            let answer = browser.post("/enrolment", &fields).await;
            must_stay_here(&app, &answer, "//evil.example");
            assert!(browser.is_in().await);
        }
    }
}
