//! An application behind the gate, as people meet it: in a real browser, through the real proxies.

use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::name::Name;
use vestibule_domain::user::Role;
use vestibule_testkit::browser::Options;
use vestibule_testkit::proxies::{Kind, Proxy};
use vestibule_testkit::upstream::PythonUpstream;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;
use crate::screenshots::Pictures;

/// The example's application behind a proxy, for these users.
async fn application(app: &TestApp, kind: Kind, enter: Enter) -> (Proxy, PythonUpstream) {
    let upstream = PythonUpstream::start().await;
    let proxy = Proxy::start(kind, app.port(), upstream.port).await;
    let account = app.account.unwrap();
    let rules = Rules { account, enter, always_mfa: false, max_age: None };
    let host = Host::parse(&proxy.host(), false).unwrap();
    let name = Name::parse("Demo application").unwrap();
    app.vestibule.furnish_application(&name, &host, rules).await.unwrap();
    (proxy, upstream)
}

/// Ben has no app yet and the switch is on; Cleo has one. Both arrive at the page they asked for.
async fn people_arrive(kind: Kind, options: Options) {
    let app = TestApp::behind_proxies(Database::Sqlite).await;
    let (proxy, _upstream) = application(&app, kind, Enter::Everyone).await;
    let admin = app.admin("ada").await;
    assert_eq!(app.turn_switch(&admin, true).await.status, 303);
    let asked = format!("{}/reports?year=2027", proxy.url());

    let mut ben = Person::at(options, "ben", &app).await;
    ben.open(&asked).await;
    ben.sees("Sign in").await;
    ben.gives_password().await;
    ben.sees("Acme Analytics asks for a second proof").await;
    ben.enrols("Finish and continue").await;
    ben.sees("Hello Ben Okafor").await;
    assert_eq!(ben.url().await, asked);
    ben.sees("AAL2").await;
    ben.has_no_complaints_but(&["favicon.ico"]).await;

    let mut cleo = Person::at(options, "cleo", &app).await;
    cleo.phone = Some(app.phone("cleo"));
    cleo.open(&asked).await;
    cleo.gives_password().await;
    cleo.sees("Security code").await;
    app.clock.next_code();
    cleo.types_code(&cleo.code(), "Continue").await;
    cleo.sees("Hello Cleo Marín").await;
    assert_eq!(cleo.url().await, asked);

    // Out at Vestibule is out at the application.
    cleo.goes_to("/").await;
    cleo.press("Sign out").await;
    cleo.open(&asked).await;
    cleo.sees("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_arrive_through_nginx() {
    people_arrive(Kind::Nginx, Options::desktop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_arrive_through_caddy_on_a_phone_without_javascript() {
    people_arrive(Kind::Caddy, Options::phone().without_javascript()).await;
}

/// Who may not enter reads why, and what to do: on the way in at Vestibule, later at the application,
/// where both proxies show the same page.
async fn who_may_not_enter_reads_why(kind: Kind) {
    let app = TestApp::behind_proxies(Database::Sqlite).await;
    let (proxy, _upstream) = application(&app, kind, Enter::Admins).await;
    let pictures = (kind == Kind::Nginx).then(Pictures::new);
    let ben = Person::new("ben", &app).await;
    ben.open(&proxy.url()).await;
    ben.gives_password().await;
    ben.sees("Demo application is not open to you").await;
    ben.sees("ask an Admin of your account").await;
    if let Some(pictures) = &pictures {
        pictures.take(&ben, "refused-on-the-way").await;
    }
    ben.press("Go to the dashboard").await;
    ben.sees("You are signed in as Ben Okafor").await;

    app.add("eve", "Eve Adams", Role::Admin, false).await;
    let eve = Person::new("eve", &app).await;
    eve.open(&proxy.url()).await;
    eve.gives_password().await;
    eve.sees("Hello Eve Adams").await;
    let ada = app.admin("ada").await;
    assert_eq!(app.set_role(&ada, "eve", "Member").await.status, 303);
    eve.reload().await;
    eve.sees("This application is not open to you").await;
    eve.sees("ask an Admin of your account").await;
    assert_eq!(eve.url().await, format!("{}/", proxy.url()));
    if let Some(pictures) = &pictures {
        pictures.take(&eve, "refused-at-the-application").await;
    }
    eve.press("Go to the dashboard").await;
    eve.sees("You are signed in as Eve Adams").await;
    eve.has_no_complaints_but(&["403", "favicon.ico"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_enter_through_nginx_reads_why() {
    who_may_not_enter_reads_why(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_enter_through_caddy_reads_why() {
    who_may_not_enter_reads_why(Kind::Caddy).await;
}
