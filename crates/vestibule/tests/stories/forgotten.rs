//! A forgotten password, by mail.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, TestApp, race, stories};

const NEW: &str = "an otter sings in the marble hall";

async fn ask(app: &TestApp, email: &str) -> Answer {
    app.browser().post("/sign-in/forgotten", &[("email", email)]).await
}

/// Asks, and answers the path of the link that arrives.
pub(crate) async fn mailed_link(app: &TestApp, who: &str) -> String {
    app.clock.advance(Duration::from_mins(5));
    assert_eq!(ask(app, &email(who)).await.status, 303);
    let mails = app.deliver().await;
    let mail = mails.iter().find(|mail| mail.subject.ends_with("A new password"));
    let mail = mail.unwrap_or_else(|| panic!("no mail for {who}: {mails:?}"));
    assert_eq!(mail.to, email(who));
    app.path_of_link(&mail.link())
}

async fn signs_in_with(app: &TestApp, who: &str, password: &str) -> bool {
    app.browser().sign_in(&email(who), password).await.status == 303
}

stories! {
    /// It sets the password and ends every session; it signs nobody in and removes no factor, and
    /// the user is told.
    async fn it_signs_nobody_in_and_removes_no_factor(mailing app) {
        app.browser().get("/sign-in").await.must_show("Forgotten your password?");
        let inside = app.sign_in("cleo").await;
        let link = mailed_link(&app, "cleo").await;
        assert!(link.starts_with("/forgotten/"), "{link}");
        assert_eq!(inside.get("/").await.status, 200, "asking ends nothing");
        let stranger = app.browser();
        let page = stranger.get(&link).await;
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(stranger.get(&link).await.status, 200, "looking takes nothing");
        let answer = app.use_link(&stranger, &link, NEW).await;
        assert_eq!(answer.location().as_deref(), Some("/sign-in?notice=password-changed"));
        assert_eq!(stranger.cookie(), None);
        assert_eq!(inside.get("/").await.leads_to(), "/sign-in");
        assert!(!signs_in_with(&app, "cleo", &password("cleo")).await);
        assert_eq!(stranger.sign_in(&email("cleo"), NEW).await.leads_to(), "/sign-in/code");
        let mails = app.deliver().await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "Acme Analytics: Your password was changed");
        assert!(!mails[0].text.contains("http://localhost:") || !mails[0].html.contains("href"));
        assert_eq!(app.browser().get(&link).await.status, 410, "once");
        for (kind, times) in
            [("password.forgotten", 1), ("password_link.mailed", 1), ("password_link.used", 1)]
        {
            assert_eq!(app.audited(kind).await, times, "{kind}");
        }
    }

    /// Whoever asks, for whomever: the same bytes, the same rows, the same number of statements
    /// (AT-83). Who is looked up is looked up later, by who sends.
    async fn at_83_nobody_learns_who_has_a_login(mailing app) {
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Member").await;
        app.act(&ada, "dinesh", "/disable").await;
        app.deliver().await;
        let mut seen: Option<(String, i64)> = None;
        for who in ["nobody", "ben", "cleo", "dinesh", "eve"] {
            app.clock.advance(Duration::from_mins(1));
            let before = app.vestibule.count_mails().await.unwrap();
            let browser = app.browser();
            let answer = browser.post("/sign-in/forgotten", &[("email", &email(who))]).await;
            let page = browser.get(&answer.location().unwrap()).await;
            let mut headers: Vec<String> =
                answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            headers.retain(|line| !line.starts_with("date") && !line.starts_with("x-request-id"));
            headers.sort();
            let all = format!("{} {headers:?} {} {}", answer.status, answer.body, page.body);
            let rows = app.vestibule.count_mails().await.unwrap() - before;
            assert_eq!(rows, 1, "{who}: one row for everybody");
            match &seen {
                None => seen = Some((all, rows)),
                Some(seen) => assert_eq!(*seen, (all, rows), "{who}"),
            }
        }
        let mails = app.deliver().await;
        let mut readers: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
        readers.sort_unstable();
        assert_eq!(readers, ["ben@acme.example", "cleo@acme.example"]);
        assert_eq!(app.vestibule.count_mails().await.unwrap(), 0, "and no row tells afterwards");
    }

    /// One mail in five minutes to one address, in whatever spelling; ten asks a minute from one
    /// network. Both count the unknown as the known.
    async fn nobody_is_flooded(mailing app) {
        for who in ["ben", "nobody"] {
            for spelling in [email(who), email(who).to_uppercase(), format!(" {} ", email(who))] {
                assert_eq!(ask(&app, &spelling).await.status, 303, "{spelling}");
            }
            assert_eq!(app.vestibule.count_mails().await.unwrap(), 1, "{who}");
            let sent = app.deliver().await.len();
            assert_eq!(sent, usize::from(who == "ben"));
        }
        for number in 0..4 {
            assert_eq!(ask(&app, &format!("n{number}@acme.example")).await.status, 303);
        }
        let refused = ask(&app, "n5@acme.example").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers["retry-after"], "60");
        refused.must_show("Many have asked just now.");
        assert_eq!(refused.field("email").as_deref(), Some("n5@acme.example"));
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(ask(&app, "n5@acme.example").await.status, 303);
        app.deliver().await;
        app.clock.advance(Duration::from_mins(4));
        ask(&app, &email("ben")).await;
        assert_eq!(app.deliver().await.len(), 1);
        // A clock that was ahead and came back shuts nobody out.
        app.clock.set_back(Duration::from_hours(24));
        ask(&app, &email("ben")).await;
        assert_eq!(app.deliver().await.len(), 1);
    }

    /// Whoever asks for a mail in another's name voids no link, neither a mailed one nor an Admin's;
    /// whichever is used ends the others. An hour ends it.
    async fn a_newer_mail_voids_no_other_link(mailing app) {
        let ada = app.admin("ada").await;
        let by_admin = app.password_link(&ada, "ben").await;
        let old = mailed_link(&app, "ben").await;
        let link = mailed_link(&app, "ben").await;
        assert_eq!(app.browser().get(&old).await.status, 200);
        assert_eq!(app.browser().get(&by_admin).await.status, 200);
        app.clock.advance(Duration::from_secs(3599));
        assert_eq!(app.browser().get(&link).await.status, 200);
        app.clock.advance(Duration::from_secs(1));
        let gone = app.browser().post(&link, &[("password", NEW)]).await;
        assert_eq!(gone.status, 410);
        gone.must_show("ask for a new link");
        let (link, other) = (mailed_link(&app, "ben").await, mailed_link(&app, "ben").await);
        assert_eq!(app.use_link(&app.browser(), &link, NEW).await.status, 303);
        assert_eq!(app.browser().get(&other).await.status, 410);
        assert_eq!(app.browser().get(&by_admin).await.status, 410);
    }

    /// Of many who send in the same link at once, one sets the password.
    async fn it_is_taken_once(mailing app) {
        let link = mailed_link(&app, "ben").await;
        let browsers: Vec<_> = (0..8).map(|_| app.browser()).collect();
        let tries = browsers.iter().map(|browser| {
            let (browser, link) = (browser.clone(), link.clone());
            async move { browser.post(&link, &[("password", NEW)]).await.status.as_u16() }
        });
        let statuses = race(tries).await;
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    }

    /// The budget of attempts is not renewed by mail: who reads the mail still has to have the
    /// factor, and who guessed before has guessed (rule 3).
    async fn the_budget_is_not_renewed_by_mail(mailing app) {
        let id = app.id("cleo").await;
        let attempts = async || app.store.read().await.unwrap().code_attempts(id).await.unwrap();
        let guesser = app.give_password("cleo").await;
        for _ in 0..3 {
            guesser.give_code(&app.wrong_code()).await;
        }
        assert_eq!(attempts().await, 3);
        let link = mailed_link(&app, "cleo").await;
        assert_eq!(app.use_link(&app.browser(), &link, NEW).await.status, 303);
        assert_eq!(attempts().await, 3, "by mail");
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "cleo").await;
        assert_eq!(app.use_link(&app.browser(), &link, &password("cleo")).await.status, 303);
        assert_eq!(attempts().await, 0, "by an Admin");
    }

    /// Without a mail server the page says whom to ask, and nothing is written.
    async fn without_mail_it_says_whom_to_ask(app) {
        let page = app.browser().get("/sign-in").await;
        page.must_show("Ask an Admin of your account for a new-password link.");
        assert_eq!(page.link("Forgotten your password?"), None);
        app.browser().get("/sign-in/forgotten").await.must_show("vestibule recover");
        let answer = ask(&app, &email("ben")).await;
        assert_eq!(answer.status, 404);
        assert_eq!(app.vestibule.count_mails().await.unwrap(), 0);
    }
}
