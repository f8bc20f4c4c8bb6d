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
}
