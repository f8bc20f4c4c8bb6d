//! A link for who forgot the password.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{TestApp, race, stories};

const NEW: &str = "an otter sings in the marble hall";

async fn signs_in_with(app: &TestApp, who: &str, password: &str) -> bool {
    let fields = [("email", email(who)), ("password", password.to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.browser().post("/sign-in", &fields).await.status == 303
}

async fn is_gone(app: &TestApp, link: &str) {
    assert_eq!(app.browser().get(link).await.status, 410);
    let browser = app.browser();
    let fields =
        [("name", "Eve"), ("password", NEW), ("account", "X"), ("email", "eve@acme.example")];
    let answer = browser.post(link, &fields).await;
    assert_eq!((answer.status.as_u16(), browser.cookie()), (410, None), "{}", answer.text());
    answer.must_show("This link opens nothing any more");
}

stories! {
    /// It sets the password, ends every session, and signs nobody in; the factor is asked for as
    /// before (AT-45).
    async fn it_signs_nobody_in_and_removes_no_factor(app) {
        let ada = app.admin("ada").await;
        let (inside, half) = (app.sign_in("cleo").await, app.give_password("cleo").await);
        let link = app.password_link(&ada, "cleo").await;
        assert_eq!(inside.get("/").await.status, 200, "making it ends nothing");
        assert!(signs_in_with(&app, "cleo", &password("cleo")).await, "nor the old password");
        let stranger = app.browser();
        let page = stranger.get(&link).await;
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        page.must_show("Choose a new password");
        let answer = app.use_link(&stranger, &link, NEW).await;
        assert_eq!(answer.location().as_deref(), Some("/sign-in?notice=password-changed"));
        assert_eq!(stranger.cookie(), None, "no session");
        assert_eq!(stranger.get("/").await.leads_to(), "/sign-in");
        for old in [&inside, &half] {
            assert_eq!(old.get("/").await.leads_to(), "/sign-in");
        }
        assert!(!signs_in_with(&app, "cleo", &password("cleo")).await);
        let fields = [("email", "cleo@acme.example"), ("password", NEW)];
        assert_eq!(stranger.post("/sign-in", &fields).await.leads_to(), "/sign-in/code");
        app.clock.next_code();
        let answer = stranger.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert_eq!(answer.leads_to(), "/", "with the app that there was");
        assert_eq!(app.audited("password_link.made").await, 1);
        assert_eq!(app.audited("password_link.used").await, 1);
    }

    /// A session of another user in the same browser stays what it is.
    async fn it_leaves_the_browsers_own_session_alone(app) {
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "ben").await;
        let cleo = app.sign_in("cleo").await;
        let cookie = cleo.cookie();
        assert_eq!(app.use_link(&cleo, &link, NEW).await.status, 303);
        assert_eq!(cleo.cookie(), cookie);
        cleo.get("/").await.must_show("as Cleo Marín");
    }

    /// Once, even for 64 at the same moment.
    async fn one_of_many_takes_it(app) {
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "ben").await;
        let taking = (0..64).map(|n| {
            let (browser, link) = (app.browser(), link.clone());
            async move {
                let password = format!("{n} otters sing in a marble hall");
                let answer = browser.post(&link, &[("password", &password)]).await;
                (answer.status.as_u16(), password)
            }
        });
        let mut right = Vec::new();
        for (status, password) in race(taking).await {
            assert!(status == 303 || status == 410, "{status}");
            assert_eq!(signs_in_with(&app, "ben", &password).await, status == 303);
            right.extend((status == 303).then_some(password));
        }
        assert_eq!(right.len(), 1);
        assert_eq!(app.audited("password_link.used").await, 1);
        is_gone(&app, &link).await;
    }

    /// For 24 hours to the second.
    async fn it_expires_after_24_hours(app) {
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "ben").await;
        app.clock.advance(Duration::from_secs(24 * 3600 - 1));
        assert_eq!(app.browser().get(&link).await.status, 200);
        app.clock.advance(Duration::from_secs(1));
        is_gone(&app, &link).await;
        assert!(signs_in_with(&app, "ben", &password("ben")).await);
    }

    /// A refused password takes nothing and is not shown again.
    async fn a_refused_password_does_not_take_it(app) {
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "ben").await;
        for (typed, words) in [
            ("", "Use at least 12 characters."),
            ("elevenchars", "Use at least 12 characters."),
            ("acme analytics", "This password is easy to guess"),
            ("ben@acme.example", "This password is easy to guess"),
        ] {
            let page = app.browser().post(&link, &[("password", typed)]).await;
            assert_eq!(page.status, 422, "{typed}");
            page.must_show(words);
            assert_eq!(page.field("password").as_deref(), Some(""));
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
        }
        assert_eq!(app.use_link(&app.browser(), &link, NEW).await.status, 303);
    }

    /// A newer link, a change of the password, a new factor, "sign out everywhere", disabling: each
    /// ends the link (it carries the security epoch).
    async fn it_dies_with_the_epoch_that_it_was_made_under(app) {
        let ada = app.admin("ada").await;
        let old = app.password_link(&ada, "ben").await;
        let link = app.password_link(&ada, "ben").await;
        is_gone(&app, &old).await;
        let ben = app.sign_in("ben").await;
        let changed = ben.post("/settings/security/password", &[("password", NEW)]).await;
        assert_eq!(changed.status, 303);
        is_gone(&app, &link).await;
        assert!(signs_in_with(&app, "ben", NEW).await);

        let link = app.password_link(&ada, "ben").await;
        assert_eq!(app.enrol("ben", &ben).await.status, 303);
        is_gone(&app, &link).await;

        let link = app.password_link(&ada, "ben").await;
        assert_eq!(ben.post("/settings/security/sessions/end-others", &[]).await.status, 303);
        is_gone(&app, &link).await;

        let link = app.password_link(&ada, "ben").await;
        assert_eq!(app.act(&ada, "ben", "/disable").await.status, 303);
        is_gone(&app, &link).await;
        assert_eq!(app.act(&ada, "ben", "/password-link").await.status, 404, "nor a new one");
        assert_eq!(app.act(&ada, "ben", "/enable").await.status, 303);
        is_gone(&app, &link).await;
    }

    /// Each token is good for its own purpose alone (AT-37).
    async fn a_token_opens_its_own_page_alone(app) {
        let ada = app.admin("ada").await;
        let links = [
            app.invite(&ada, "eve", "Member").await,
            app.password_link(&ada, "ben").await,
            app.recover_path("cleo").await,
        ];
        for link in &links {
            let (_, token) = link.rsplit_once('/').unwrap();
            for other in ["setup", "invitation", "password", "recover"] {
                let path = format!("/{other}/{token}");
                if path != *link {
                    is_gone(&app, &path).await;
                }
            }
            let thief = app.browser();
            thief.plant_cookie(token);
            assert_eq!(thief.get("/").await.leads_to(), "/sign-in", "no session's token either");
        }
        for link in &links {
            assert_eq!(app.browser().get(link).await.status, 200, "none of it took the link");
        }
        let (_, token) = links[0].rsplit_once('/').unwrap();
        for (path, session) in [("/invitation", ada.cookie()), ("/password", ada.cookie())] {
            is_gone(&app, &format!("{path}/{}", session.unwrap())).await;
        }
        let cut = &token[..42];
        for near in [cut.to_owned(), format!("{cut}="), format!("{token}="), token.to_lowercase()] {
            is_gone(&app, &format!("/invitation/{near}")).await;
        }
    }

    /// The set-up link before any account exists, at every other page.
    async fn a_set_up_token_opens_its_own_page_alone(empty app) {
        let link = app.setup_path().await;
        let (_, token) = link.rsplit_once('/').unwrap();
        for other in ["invitation", "password", "recover"] {
            is_gone(&app, &format!("/{other}/{token}")).await;
        }
        assert_eq!(app.browser().get(&link).await.status, 200);
    }

    /// Whose password it is stands in the link, and in nothing that comes with the form (AT-79).
    async fn the_user_can_not_be_swapped(app) {
        let ada = app.admin("ada").await;
        let link = app.password_link(&ada, "ben").await;
        let (ada_id, ben) = (app.id("ada").await.to_string(), app.sign_in("ben").await);
        let fields = [
            ("password", NEW),
            ("email", "ada@acme.example"),
            ("user", "ada@acme.example"),
            ("user_id", &ada_id),
            ("id", &ada_id),
            ("known-email", "ada@acme.example"),
        ];
        let path = format!("{link}?email=ada%40acme.example&user_id={ada_id}");
        assert_eq!(ben.post(&path, &fields).await.status, 303);
        assert!(signs_in_with(&app, "ben", NEW).await);
        assert!(!signs_in_with(&app, "ada", NEW).await);
        assert!(signs_in_with(&app, "ada", &password("ada")).await);
    }
}
