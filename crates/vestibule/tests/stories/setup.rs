//! The first account: a link that `vestibule serve` prints on an empty database.

use std::time::Duration;

use vestibule_domain::email::Email;
use vestibule_domain::name::Name;
use vestibule_testkit::{Answer, TestApp, race, stories};

const PASSWORD: &str = "an otter sings in the marble hall";

type Fields<'a> = [(&'a str, &'a str); 4];

fn fields<'a>(account: &'a str, name: &'a str, email: &'a str, password: &'a str) -> Fields<'a> {
    [("account", account), ("name", name), ("email", email), ("password", password)]
}

const GOOD: Fields<'static> = [
    ("account", "Acme Analytics"),
    ("name", "Ada Lovelace"),
    ("email", "ada@acme.example"),
    ("password", PASSWORD),
];

async fn is_gone(app: &TestApp, link: &str) {
    let page = app.browser().get(link).await;
    assert_eq!(page.status, 410, "{}", page.text());
    page.must_show("This link opens nothing any more");
    assert_eq!(app.browser().post(link, &GOOD).await.status, 410);
}

fn must_hold(page: &Answer, typed: &Fields<'_>) {
    for (name, value) in &typed[..3] {
        assert_eq!(page.field(name).as_deref(), Some(*value), "{name} keeps what was typed");
    }
    assert_eq!(page.field("password").as_deref(), Some(""), "never a password");
}

stories! {
    /// Its page makes the account and its Admin, who is in.
    async fn the_first_admin_sets_up_the_account(empty app) {
        app.browser().get("/sign-in").await.must_show("Vestibule");
        let link = app.setup_path().await;
        let ada = app.browser();
        let page = ada.get(&link).await;
        page.must_show("Create the first account");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(ada.post(&link, &GOOD).await.leads_to(), "/");
        ada.get("/").await.must_show("as Ada Lovelace at Acme Analytics.");
        let list = ada.get("/settings/users").await;
        list.must_show("1 user · 0 with MFA");
        let row = list.row("Ada Lovelace").unwrap();
        assert!(row.contains("(you) ada@acme.example Admin Not set up 15 Jan 2027"), "{row}");
        assert_eq!(app.audited("account.created").await, 1);
        let again = app.browser();
        let answer =
            again.post("/sign-in", &[("email", "ada@acme.example"), ("password", PASSWORD)]).await;
        assert_eq!(answer.leads_to(), "/");
        is_gone(&app, &link).await;
        assert!(app.vestibule.make_setup_link().await.unwrap().is_none(), "a restart prints none");
    }

    /// Each field says what is to be mended in it; all but the password is kept.
    async fn mistakes_are_told_all_at_once(empty app) {
        let link = app.setup_path().await;
        let long = "x".repeat(101);
        let mistakes: [(Fields<'_>, &[&str]); 6] = [
            (
                fields("", "", "", ""),
                &["Type a name.", "Type an email address", "at least 12 characters"],
            ),
            (fields("Acme", "Ada", "ada", PASSWORD), &["Type an email address such as"]),
            (fields(&long, "Ada", "ada@acme.example", PASSWORD), &["Use at most 100 characters."]),
            (fields("Acme", "\u{202e}adA", "ada@acme.example", PASSWORD), &["cannot be shown"]),
            (fields("Acme", "Ada", "ada@acme.example", "ada@acme.example"), &["easy to guess"]),
            (
                fields("<b>A</b> & \"Söhne\"", "Ada", "ada", "short"),
                &["Type an email", "at least 12"],
            ),
        ];
        for (typed, words) in mistakes {
            let page = app.browser().post(&link, &typed).await;
            assert_eq!(page.status, 422, "{typed:?}");
            for words in words {
                page.must_show(words);
            }
            must_hold(&page, &typed);
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
        }
        assert_eq!(app.browser().post(&link, &GOOD).await.leads_to(), "/");
    }

    /// Of 64 set-ups at the same moment one wins: one account, one Admin, one session.
    async fn one_of_many_sets_it_up(empty app) {
        let link = app.setup_path().await;
        let trying = (0..64).map(|n| {
            let (browser, link) = (app.browser(), link.clone());
            async move {
                let (account, email) = (format!("Account {n}"), format!("admin-{n}@acme.example"));
                let answer =
                    browser.post(&link, &fields(&account, "Admin", &email, PASSWORD)).await;
                (answer, browser, account, email)
            }
        });
        let mut won = Vec::new();
        for (answer, browser, account, email) in race(trying).await {
            assert!(answer.status == 303 || answer.status == 410, "{}", answer.text());
            let is_in = browser.get("/").await.status == 200;
            assert_eq!(is_in, answer.status == 303);
            let sign_in = [("email", email.as_str()), ("password", PASSWORD)];
            assert_eq!(app.browser().post("/sign-in", &sign_in).await.status == 303, is_in);
            won.extend(is_in.then_some(account));
        }
        assert_eq!(won.len(), 1);
        // The name of the account stands here where there is one account alone.
        app.browser().get("/sign-in").await.must_show(&won[0]);
        assert_eq!(app.audited("account.created").await, 1);
    }

    /// A restart prints a new link, and the old one is void.
    async fn a_restart_voids_the_link(empty app) {
        let old = app.setup_path().await;
        let new = app.setup_path().await;
        is_gone(&app, &old).await;
        assert_eq!(app.browser().get(&new).await.status, 200);
        assert_eq!(app.browser().post(&new, &GOOD).await.leads_to(), "/");
    }

    /// It lives for an hour to the second.
    async fn it_expires_after_an_hour(empty app) {
        let link = app.setup_path().await;
        app.clock.advance(Duration::from_secs(3599));
        assert_eq!(app.browser().get(&link).await.status, 200);
        app.clock.advance(Duration::from_secs(1));
        is_gone(&app, &link).await;
        assert_eq!(app.browser().post(&app.setup_path().await, &GOOD).await.leads_to(), "/");
    }

    /// An account that was made on the host ends it as well.
    async fn an_account_from_the_host_voids_the_link(empty app) {
        let link = app.setup_path().await;
        let (name, eve) = (Name::parse("Globex").unwrap(), Email::parse("eve@a.example").unwrap());
        let made = app.vestibule.create_account(&name, &eve).await.unwrap().unwrap();
        is_gone(&app, &link).await;
        assert!(app.vestibule.make_setup_link().await.unwrap().is_none());
        let browser = app.browser();
        let path = format!("/invitation/{}", made.token.expose());
        browser.get(&path).await.must_show("Join Globex");
        assert_eq!(app.use_link(&browser, &path, PASSWORD).await.leads_to(), "/");
        assert_eq!(browser.get("/settings/users").await.status, 200, "its Admin");
    }

    /// Before there is an account, nobody signs in and nothing is open.
    async fn an_empty_installation_is_closed(empty app) {
        let browser = app.browser();
        for path in ["/", "/settings/users", "/enrolment", "/proof"] {
            assert_eq!(browser.get(path).await.leads_to(), "/sign-in", "{path}");
        }
        let answer = browser
            .post("/sign-in", &[("email", "ada@acme.example"), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status, 401);
        is_gone(&app, &format!("/setup/{}", "A".repeat(43))).await;
    }
}
