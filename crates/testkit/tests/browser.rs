//! The browser of the stories, tried on pages made for it; and the phone, which reads the QR code
//! off its screen.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::Form;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use tempfile::TempDir;
use vestibule_testkit::browser::{Browser, Options};
use vestibule_testkit::phone::Enrolled;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'";
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn page(body: &str) -> impl IntoResponse + use<> {
    let html = format!(
        "<!doctype html><html lang=en><title>Test page</title><meta name=viewport \
         content='width=device-width'><link rel=icon href='data:,'><link rel=stylesheet \
         href=/style.css><script src=/script.js defer></script><main>{body}</main></html>"
    );
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html))
}

async fn form() -> impl IntoResponse {
    page(
        "<h1>Form</h1><p id=script>Script is off</p><p class=dark>Dark theme</p>
         <p class=light>Light theme</p><p class=forced>Forced colours</p>
         <p class=calm>Calm</p><p class=narrow>Narrow</p>
         <form method=post><label for=email>Email</label>
         <input id=email name=email type=email value='old@example.org'>
         <label>Role <select name=role><option>Member<option>Admin</select></label>
         <button>Sign  in</button></form>
         <a href=/slow>Somewhere slow</a> <button type=button aria-label='Copy the key'>C</button>
         <form method=post action=/switch><button role=switch aria-checked=true
         aria-labelledby=name></button><span id=name>Two Factor Authentication</span></form>",
    )
}

async fn answer(Form(fields): Form<BTreeMap<String, String>>) -> impl IntoResponse {
    tokio::time::sleep(Duration::from_millis(200)).await;
    page(&format!("<h1>Welcome</h1><p>{} is {}</p>", fields["email"], fields["role"]))
}

async fn slow() -> impl IntoResponse {
    tokio::time::sleep(Duration::from_millis(200)).await;
    page("<h1>Slow, but here</h1>")
}

async fn faulty() -> impl IntoResponse {
    page("<h1>Faulty</h1><p class=faint>Too faint</p><img src='data:,'><input name=unnamed>")
}

async fn tall() -> impl IntoResponse {
    page("<h1>Tall</h1><p class=tall>The end is far</p>")
}

async fn qr() -> impl IntoResponse {
    let uri = format!(
        "otpauth://totp/Acme%20Analytics:ada%40acme.example?secret={SECRET}&issuer=Acme%20Analytics"
    );
    let code = qrcode::QrCode::new(uri).unwrap();
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, c)| *c == qrcode::Color::Dark);
    let squares: Vec<String> =
        dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + 4, at / width + 4)).collect();
    let squares = squares.concat();
    let side = width + 8;
    page(&format!(
        "<h1>Scan me</h1><p><svg width=240 height=240 viewBox='0 0 {side} {side}' role=img \
         aria-label='QR code' shape-rendering=crispEdges><path fill=white d='M0 0h{side}v{side}H0z'/>\
         <path d='{squares}'/></svg></p>"
    ))
}

async fn serve() -> String {
    const STYLE: &str = "
        :root { color-scheme: light dark }
        .dark, .forced, .calm, .narrow { display: none }
        a, button { display: inline-block; min-width: 24px; min-height: 24px }
        .tall { margin-top: 3000px }
        .faint { color: #ccc; background: #fff }
        @media (prefers-color-scheme: dark) { .dark { display: block } .light { display: none } }
        @media (forced-colors: active) { .forced { display: block } }
        @media (prefers-reduced-motion: reduce) { .calm { display: block } }
        @media (width: 390px) { .narrow { display: block } }";
    const SCRIPT: &str = "const p = document.getElementById('script');
        if (p) p.textContent = 'Script is on';";
    let pages = Router::new()
        .route("/", get(form).post(answer))
        .route("/switch", get(|| async {}).post(|| async { Redirect::to("/slow") }))
        .route("/slow", get(slow))
        .route("/tall", get(tall))
        .route("/faulty", get(faulty))
        .route("/qr", get(qr))
        .route("/inline", get(|| async { page("<h1>Inline</h1><script>1</script>") }))
        .route("/style.css", get(|| async { ([("content-type", "text/css")], STYLE) }))
        .route("/script.js", get(|| async { ([("content-type", "text/javascript")], SCRIPT) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
    format!("http://localhost:{}", address.port())
}

async fn fill_and_press(options: Options) -> Browser {
    let site = serve().await;
    let browser = Browser::start(options).await;
    for _ in 0..3 {
        browser.open(&site).await;
        assert_eq!(browser.value("Email").await, "old@example.org");
        browser.fill("Email", "ada@acme.example").await;
        browser.fill("Role", "Admin").await;
        browser.press("Sign in").await;
        // Not `sees`: `press` has already waited for the slow answer.
        assert!(browser.shows("ada@acme.example is Admin").await, "{}", browser.text().await);

        browser.open(&site).await;
        browser.press("Somewhere slow").await;
        assert!(browser.shows("Slow, but here").await);
        assert_eq!(browser.url().await, format!("{site}/slow"));

        browser.open(&site).await;
        assert!(browser.role_switch("Two Factor Authentication").await);
        browser.press("Copy the key").await;
        browser.press("Two Factor Authentication").await;
        assert!(browser.shows("Slow, but here").await);
    }
    browser.open(&site).await;
    browser
}

#[tokio::test]
async fn forms_are_filled_and_sent() {
    let browser = fill_and_press(Options::desktop()).await;
    browser.sees("Script is on").await;
    browser.quit().await;
}

#[tokio::test]
async fn forms_are_filled_and_sent_without_javascript() {
    let browser = fill_and_press(Options::desktop().without_javascript()).await;
    browser.sees("Script is off").await;
}

#[tokio::test]
async fn the_page_meets_the_screen_that_was_asked_for() {
    let site = serve().await;
    let browser = Browser::start(Options::desktop()).await;
    browser.open(&site).await;
    for words in ["Dark theme", "Forced colours", "Calm", "Narrow"] {
        assert!(!browser.shows(words).await, "{words}");
    }
    browser.sees("Light theme").await;

    let all = Options::phone().dark().forced_colours().reduced_motion();
    browser.show_as(all).await;
    for words in ["Dark theme", "Forced colours", "Calm", "Narrow"] {
        browser.sees(words).await;
    }
    browser.open(&format!("{site}/slow")).await;
    browser.open(&site).await;
    browser.sees("Dark theme").await;
    browser.sees("Narrow").await;
}

#[tokio::test]
async fn screenshots_show_the_whole_page_or_the_screen() {
    let site = serve().await;
    let folder = TempDir::new().unwrap();
    let (whole, screen) = (folder.path().join("new/whole.png"), folder.path().join("screen.png"));
    let browser = Browser::start(Options::phone()).await;
    browser.open(&format!("{site}/tall")).await;
    browser.screenshot(&whole).await;
    browser.screenshot_of_screen(&screen).await;

    let dimensions = |path| {
        let png = std::fs::read(path).unwrap();
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    };
    assert_eq!(dimensions(&screen), (780, 1688));
    let (width, height) = dimensions(&whole);
    assert_eq!(width, 780);
    assert!(height > 6_000, "{height}");
}

#[tokio::test]
async fn axe_finds_faults_and_only_faults() {
    let site = serve().await;
    let browser = Browser::start(Options::desktop()).await;
    browser.open(&format!("{site}/faulty")).await;
    let faults = browser.axe().await;
    for rule in ["color-contrast", "image-alt", "label"] {
        assert!(faults.iter().any(|fault| fault.starts_with(rule)), "{rule}: {faults:#?}");
    }

    browser.open(&site).await;
    assert_eq!(browser.axe().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_violated_policy_is_a_complaint() {
    let site = serve().await;
    let browser = Browser::start(Options::desktop()).await;
    browser.open(&site).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.open(&format!("{site}/inline")).await;
    let complaints = browser.complaints().await;
    assert!(
        complaints.iter().any(|text| text.contains("Content Security Policy")),
        "{complaints:?}"
    );
}

#[tokio::test]
async fn the_phone_reads_the_qr_code_off_the_screen() {
    let site = serve().await;
    let folder = TempDir::new().unwrap();
    for options in [Options::desktop(), Options::phone().dark()] {
        let browser = Browser::start(options).await;
        browser.open(&format!("{site}/qr")).await;
        let picture = folder.path().join("qr.png");
        browser.screenshot(&picture).await;
        let enrolled = Enrolled::scan(&picture);
        assert_eq!(enrolled.secret_base32, SECRET);
        assert_eq!(enrolled.issuer, "Acme Analytics");
        assert_eq!(enrolled.label, "ada@acme.example");
    }
}

#[tokio::test]
#[should_panic(expected = "is not on the page")]
async fn what_is_not_there_is_not_seen() {
    let site = serve().await;
    let browser = Browser::start(Options::desktop()).await;
    browser.open(&site).await;
    browser.sees("Nothing of the kind").await;
}

#[tokio::test]
async fn nothing_is_left_of_a_browser() {
    let browser = Browser::start(Options::desktop()).await;
    browser.open("data:text/html,here").await;
    let capabilities = serde_json::to_value(browser.driver().capabilities()).unwrap();
    let profile = capabilities["chrome"]["userDataDir"].as_str().unwrap().to_owned();
    assert!(processes_with(&profile) > 1);
    drop(browser);
    for _ in 0..20 {
        if processes_with(&profile) == 0 {
            assert!(!std::path::Path::new(&profile).exists());
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} processes are left", processes_with(&profile));
}

fn processes_with(word: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}
