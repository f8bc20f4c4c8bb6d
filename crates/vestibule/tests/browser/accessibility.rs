//! Every page, in every state, on every screen: nothing that axe-core knows is wrong, contrast
//! holds in both themes, nothing scrolls sideways, and what is pressed is large enough.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Html;
use axum::routing::get;
use vestibule_testkit::browser::{Browser, Options};
use vestibule_testkit::{Database, TestApp};
use vestibule_web::views::{ICON, SCRIPT, STYLE, render_all_samples};

use crate::person::Person;

/// What folds out is looked at, too.
const UNFOLD: &str = "document.querySelectorAll('details').forEach(fold => fold.open = true)";

/// What is pressed or filled in and is lower than 44 px. A link inside running text is excepted:
/// its line has other words as well. What is invisible or shown with the focus alone is not there.
const LOW_TARGETS: &str = r#"
    const targets = document.querySelectorAll(
        "a[href], button, summary, select, textarea, input:not([type=hidden])");
    return Array.from(targets).flatMap((target) => {
        const pressed = target.closest("label") || target;
        const { width, height } = pressed.getBoundingClientRect();
        const style = getComputedStyle(target);
        const shown = target.checkVisibility({ visibilityProperty: true }) && width > 1;
        const words = (element) => element.textContent.trim().length;
        const inText = target.localName === "a" && style.display === "inline"
            && words(target.parentElement) > words(target);
        if (!shown || inText || (height >= 43.9 && width >= 24)) return [];
        return [`${Math.round(width)} x ${Math.round(height)} px: ${target.outerHTML.slice(0, 120)}`];
    });
"#;

/// What is wider than the screen, if anything is.
const TOO_WIDE: &str = r#"
    const wide = document.documentElement.clientWidth;
    if (document.scrollingElement.scrollWidth <= wide) return [];
    const culprits = Array.from(document.querySelectorAll("body *"))
        .filter((element) => element.getBoundingClientRect().right > wide + 1)
        .map((element) => element.outerHTML.slice(0, 120));
    return [`scrolls sideways, ${document.scrollingElement.scrollWidth} px: ${culprits.slice(0, 3)}`];
"#;

/// Everything that is wrong with the page that is open.
async fn faults(browser: &Browser, name: &str) -> Vec<String> {
    let mut faults = vec![];
    let mut note = |screen: &str, found: Vec<String>| {
        faults.extend(found.into_iter().map(|fault| format!("{name}, {screen}: {fault}")));
    };
    browser.evaluate(UNFOLD).await;
    note("desktop", browser.axe().await);
    note("desktop", list(browser, LOW_TARGETS).await);
    note("desktop", list(browser, TOO_WIDE).await);
    browser.show_as(Options::desktop().dark()).await;
    note("desktop, dark", browser.axe_contrast().await);
    browser.show_as(Options::phone().dark()).await;
    note("phone, dark", browser.axe_contrast().await);
    browser.show_as(Options::phone()).await;
    note("phone", browser.axe().await);
    note("phone", list(browser, LOW_TARGETS).await);
    note("phone", list(browser, TOO_WIDE).await);
    browser.show_as(Options::narrow()).await;
    note("320 px", list(browser, TOO_WIDE).await);
    browser.show_as(Options::desktop()).await;
    note("console", browser.complaints().await);
    faults
}

async fn list(browser: &Browser, script: &str) -> Vec<String> {
    let found = browser.evaluate(script).await;
    let found = found.as_array().expect("a list");
    found.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect()
}

/// Serves the samples of all pages as the program serves its pages, and answers their names.
async fn serve_samples() -> (String, Vec<String>) {
    let app = TestApp::https(Database::Sqlite).await;
    // Pages at a protected host carry their style themselves, which their own policy allows.
    let of_gate =
        app.at("nothing.example").load("/").await.headers[CONTENT_SECURITY_POLICY].clone();
    let policy = app.browser().get("/sign-in").await.headers[CONTENT_SECURITY_POLICY].clone();
    let samples = render_all_samples();
    let names = samples.iter().map(|(name, _)| name.clone()).collect();
    let sample = async move |Path(at): Path<usize>| {
        let policy = if samples[at].0.starts_with("gate/") { of_gate } else { policy };
        ([(CONTENT_SECURITY_POLICY, policy)], Html(samples[at].1.clone()))
    };
    let pages = Router::new()
        .route("/{at}", get(sample))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/static/style.css", get(|| async { ([(CONTENT_TYPE, "text/css")], STYLE) }))
        .route("/static/app.js", get(|| async { ([(CONTENT_TYPE, "text/javascript")], SCRIPT) }))
        .route("/static/icon.svg", get(|| async { ([(CONTENT_TYPE, "image/svg+xml")], ICON) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    tokio::spawn(async move { axum::serve(listener, pages).await });
    (format!("http://localhost:{port}"), names)
}

/// The checks see what they are there to see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_found() {
    let browser = Browser::start(Options::desktop()).await;
    let page = "data:text/html,<!doctype html><html lang=en><title>Faulty</title>
        <meta name=viewport content='width=device-width'>
        <main><h1>Faulty</h1><p>Read <a href=x>this</a>.</p><p><a href=y>Alone</a></p>
        <p style='width:380px'>Too wide for the narrowest</p>
        <details><summary style='min-height:44px'>More</summary><button>Low</button></details>
        <p class=faint>Pale in the dark</p><p style='color:rgb(200,200,200)'>Pale</p>
        <style>@media (prefers-color-scheme: dark) { .faint { color: rgb(50,50,50) }
        main { background: rgb(20,20,20); color: white } }</style></main></html>";
    browser.open(&page.replace('\n', " ").replace("  ", "")).await;
    let found = faults(&browser, "faulty").await;
    for expected in [
        "faulty, desktop: color-contrast",
        "faulty, desktop, dark: color-contrast",
        "faulty, phone, dark: color-contrast",
        "faulty, 320 px: scrolls sideways",
    ] {
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected}: {found:#?}");
    }
    for low in ["Alone</a>", "Low</button>"] {
        assert!(found.iter().any(|fault| fault.contains(" px: ") && fault.contains(low)), "{low}");
    }
    let harmless = |fault: &&String| fault.contains("href=\"x\"") || fault.contains("44px");
    assert_eq!(
        found.iter().filter(harmless).filter(|f| f.contains(" px: ")).count(),
        0,
        "{found:#?}"
    );
    assert!(!found.iter().any(|fault| fault.starts_with("faulty, phone: scrolls")), "{found:#?}");
}

/// Half of the samples, so that two browsers share the work.
async fn no_fault_in_samples(half: usize) {
    let (url, names) = serve_samples().await;
    let browser = Browser::start(Options::desktop()).await;
    let mut found = vec![];
    for (at, name) in names.iter().enumerate().filter(|(at, _)| at % 2 == half) {
        browser.open(&format!("{url}/{at}")).await;
        found.extend(faults(&browser, name).await);
    }
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_in_the_even_samples() {
    no_fault_in_samples(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_in_the_odd_samples() {
    no_fault_in_samples(1).await;
}

/// The pages themselves, as the program fills them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_in_any_page() {
    let app = TestApp::empty(Database::Sqlite).await;
    let setup = app.setup_path().await;
    let mut ada = Person::new("ada", &app).await;
    let mut found = vec![];
    ada.goes_to(&setup).await;
    found.extend(faults(&ada, "set-up").await);
    drop(app);

    let app = TestApp::furnished(Database::Sqlite).await;
    ada = Person::new("ada", &app).await;
    ada.goes_to("/sign-in").await;
    found.extend(faults(&ada, "sign-in").await);
    ada.gives_password().await;
    found.extend(faults(&ada, "dashboard without a factor").await);
    ada.goes_to("/settings/account").await;
    found.extend(faults(&ada, "account without a factor").await);
    ada.press("Turn on for everyone").await;
    found.extend(faults(&ada, "enrolment of the Admin").await);
    ada.enrols("Finish and turn on for everyone").await;
    found.extend(faults(&ada, "account, on").await);
    for path in [
        "/",
        "/settings/account",
        "/settings/security",
        "/settings/security/password",
        "/settings/users",
        "/settings/users?search=nobody",
        "/settings/users?mfa=none",
        "/settings/users/new",
        "/settings/applications",
        "/settings/applications/new",
        "/settings/audit",
        "/settings/audit?about=sign-in",
        "/settings/audit?until=2020-01-01",
        "/settings/audit/export",
        "/enrolment",
    ] {
        ada.goes_to(path).await;
        assert_eq!(ada.place().await, path);
        found.extend(faults(&ada, path).await);
    }
    for who in ["ada", "ben", "cleo"] {
        ada.goes_to(&format!("/settings/users/{}", app.id(who).await)).await;
        found.extend(faults(&ada, &format!("the user {who}")).await);
    }
    ada.goes_to(&format!("/settings/users/{}", app.id("cleo").await)).await;
    ada.press("Make a new-password link").await;
    found.extend(faults(&ada, "password link made").await);
    let password_link = ada.value("Link").await;
    ada.goes_to("/settings/users/new").await;
    ada.fill("Email", "eve@acme.example").await;
    ada.fill("Name", "Eve Lindqvist").await;
    ada.press("Make the invitation link").await;
    found.extend(faults(&ada, "invitation made").await);
    let invitation = ada.value("Link").await;

    let ben = Person::new("ben", &app).await;
    for (link, name) in [(password_link, "password link"), (invitation, "invitation")] {
        ben.open(&link).await;
        found.extend(faults(&ben, name).await);
    }
    ben.goes_to(&app.recover_path("ben").await).await;
    found.extend(faults(&ben, "recover").await);
    ben.goes_to("/sign-in").await;
    ben.gives_password().await;
    found.extend(faults(&ben, "enrolment in the vestibule").await);

    let mut cleo = Person::new("cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.goes_to("/").await;
    cleo.gives_password().await;
    found.extend(faults(&cleo, "security code").await);
    cleo.types_code(&cleo.code(), "Continue").await;
    app.clock.advance(Duration::from_mins(10));
    cleo.goes_to("/enrolment").await;
    found.extend(faults(&cleo, "fresh proof").await);

    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));

    // The browser itself complains about an answer of 4xx, and rightly.
    cleo.goes_to("/settings/account").await;
    found.extend(faults(&cleo, "for Admins alone").await);
    cleo.goes_to("/nowhere").await;
    found.extend(faults(&cleo, "not found").await);
    ben.goes_to(&format!("/invitation/{}", "a".repeat(43))).await;
    found.extend(faults(&ben, "link gone").await);
    let provoked = [", console: ", "/settings/account", "/nowhere", "/invitation/"];
    found.retain(|fault| {
        !(fault.contains(provoked[0]) && provoked[1..].iter().any(|path| fault.contains(path)))
    });
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}
