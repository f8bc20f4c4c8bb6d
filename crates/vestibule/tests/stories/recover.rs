//! The way back that is made on the host: `vestibule recover`.

use std::time::Duration;

use vestibule_domain::email::Email;
use vestibule_domain::link::Recovers;
use vestibule_flows::recover::Recover;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, TestApp, race, stories};

const NEW: &str = "an otter sings in the marble hall";

async fn give_password(app: &TestApp, who: &str, password: &str) -> (Client, u16) {
    let (browser, email) = (app.browser(), email(who));
    let answer = browser.post("/sign-in", &[("email", &email), ("password", password)]).await;
    (browser, answer.status.as_u16())
}

fn address(who: &str) -> Email {
    Email::parse(&email(who)).unwrap()
}

async fn is_gone(app: &TestApp, link: &str) {
    assert_eq!(app.browser().get(link).await.status, 410);
    assert_eq!(app.browser().post(link, &[("password", NEW)]).await.status, 410);
}

/// A browser that used the link and stands before the enrolment.
async fn recovering(app: &TestApp, who: &str) -> Client {
    let (browser, link) = (app.browser(), app.recover_path(who).await);
    let answer = app.use_link(&browser, &link, NEW).await;
    assert_eq!(answer.leads_to(), "/enrolment", "{}", answer.text());
    browser
}

/// Takes a new app into a recovering browser, while the old one is still known to the kit.
async fn new_app(app: &TestApp, who: &str, browser: &Client) -> (String, String) {
    let page = browser.get("/enrolment").await;
    page.must_show("Set up your new app");
    app.clock.next_code();
    let old = app.code(who);
    app.scan(who, &page);
    (old, app.code(who))
}

stories! {
    /// New password first, then a new app in place of the old one, and then the dashboard.
    async fn a_locked_out_admin_comes_back(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let link = app.recover_path("ada").await;
        assert_eq!(ada.get("/").await.status, 200, "making it ends nothing");
        let back = app.browser();
        let page = back.get(&link).await;
        page.must_show("Find your way back in");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(app.use_link(&back, &link, NEW).await.leads_to(), "/enrolment");
        assert_eq!(ada.get("/").await.leads_to(), "/sign-in", "every session ended");
        assert_eq!(give_password(&app, "ada", &password("ada")).await.1, 401);
        let (old, new) = new_app(&app, "ada", &back).await;
        assert_ne!(old, new);
        assert_eq!(back.post("/enrolment", &[("code", &new)]).await.leads_to(), "/");
        app.keep_codes("ada", &back).await;
        assert_eq!(back.get("/settings/users").await.status, 200);
        for kind in ["recover_link.made", "recover_link.used", "factors.replaced"] {
            assert_eq!(app.audited(kind).await, 1, "{kind}");
        }
    }

    /// Until then the session opens nothing else, and its one way on is the enrolment.
    async fn nothing_else_opens_before_the_new_app(app) {
        app.admin("ada").await;
        let back = recovering(&app, "ada").await;
        for path in [
            "/",
            "/settings/security",
            "/settings/security/password",
            "/settings/account",
            "/settings/users",
            "/settings/users/new",
            "/sign-in",
            "/sign-in/code",
            "/proof",
        ] {
            assert_eq!(back.get(path).await.leads_to(), "/enrolment", "{path}");
        }
        let add = [("email", "eve@acme.example"), ("name", "Eve"), ("role", "Admin")];
        for (path, fields) in [
            ("/settings/users", &add[..]),
            ("/settings/security/password", &[("password", NEW)]),
            ("/settings/account/mfa", &[("required", "false")]),
            ("/settings/security/name", &[("name", "X")]),
            ("/settings/security/sessions/end-others", &[]),
        ] {
            assert_eq!(back.post(path, fields).await.leads_to(), "/enrolment", "{path}");
        }
        let code = back.post("/sign-in/code", &[("code", &app.code("ada"))]).await;
        assert_eq!(code.leads_to(), "/enrolment");
        assert_eq!(back.get("/").await.leads_to(), "/enrolment");
    }

    /// The old app is asked for in every other browser, and works, until the new one is confirmed;
    /// from then on it is dead.
    async fn the_old_app_holds_until_the_new_one_is_confirmed(app) {
        let back = recovering(&app, "cleo").await;
        let (other, status) = give_password(&app, "cleo", NEW).await;
        assert_eq!(status, 303);
        assert_eq!(other.get("/").await.leads_to(), "/sign-in/code");
        assert_eq!(
            other.get("/enrolment").await.leads_to(),
            "/sign-in/code",
            "the link's session alone"
        );
        let (old, new) = new_app(&app, "cleo", &back).await;
        assert_eq!(other.post("/sign-in/code", &[("code", &old)]).await.leads_to(), "/");
        other.get("/settings/security").await.must_show("Authenticator app");
        let wrong = back.post("/enrolment", &[("code", &old)]).await;
        assert_eq!(wrong.status, 422, "the old app confirms nothing");
        assert_eq!(back.post("/enrolment", &[("code", &new)]).await.leads_to(), "/");
        assert_eq!(other.get("/").await.leads_to(), "/sign-in", "its session is over");
        let old_step = app.clock.now().plus(Duration::from_secs(30));
        app.clock.next_code();
        let (other, _) = give_password(&app, "cleo", NEW).await;
        assert_eq!(other.post("/sign-in/code", &[("code", &old)]).await.status, 401);
        let new = app.code_of("cleo", old_step);
        assert_eq!(other.post("/sign-in/code", &[("code", &new)]).await.leads_to(), "/");
        app.keep_codes("cleo", &other).await;
        let page = other.get("/settings/security").await;
        assert_eq!(
            page.body.matches("/settings/security/factors/").count(),
            2,
            "one app: rename, remove"
        );
    }

    /// Who leaves between the two steps is where everybody is: at the old app.
    async fn a_recovery_that_is_given_up_changes_the_password_alone(app) {
        let back = recovering(&app, "cleo").await;
        back.get("/enrolment").await;
        back.post("/sign-out", &[]).await;
        let (again, _) = give_password(&app, "cleo", NEW).await;
        assert_eq!(again.get("/").await.leads_to(), "/sign-in/code");
        app.clock.next_code();
        let answer = again.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert_eq!(answer.leads_to(), "/");
    }

    /// Whoever waits gives the password again before a key is shown, and still gets in.
    async fn a_slow_recovery_asks_for_the_password_again(app) {
        let back = recovering(&app, "cleo").await;
        app.clock.outlive_proofs();
        let asked = back.visit("/enrolment").await;
        asked.must_show("Confirm that it is you");
        let return_to = asked.field("return_to").unwrap();
        let wrong = [("password", password("cleo")), ("return_to", return_to.clone())];
        let wrong: Vec<_> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(back.post("/proof", &wrong).await.status, 403, "the old password");
        let right = back.post("/proof", &[("password", NEW), ("return_to", &return_to)]).await;
        assert_eq!(right.leads_to(), "/enrolment");
        let (_, new) = new_app(&app, "cleo", &back).await;
        assert_eq!(back.post("/enrolment", &[("code", &new)]).await.leads_to(), "/");
    }

    /// For 15 minutes to the second.
    async fn it_expires_after_15_minutes(app) {
        let link = app.recover_path("ada").await;
        app.clock.advance(Duration::from_secs(15 * 60 - 1));
        assert_eq!(app.browser().get(&link).await.status, 200);
        app.clock.advance(Duration::from_secs(1));
        is_gone(&app, &link).await;
        assert_eq!(give_password(&app, "ada", &password("ada")).await.1, 303);
    }

    /// Once, even for 64 at the same moment; and a newer link voids the old.
    async fn one_of_many_takes_it(app) {
        let old = app.recover_path("cleo").await;
        let link = app.recover_path("cleo").await;
        is_gone(&app, &old).await;
        let taking = (0..64).map(|n| {
            let (browser, link) = (app.browser(), link.clone());
            async move {
                let password = format!("{n} otters sing in a marble hall");
                let answer = browser.post(&link, &[("password", &password)]).await;
                (answer.status.as_u16(), browser.get("/enrolment").await.status.as_u16())
            }
        });
        let answers = race(taking).await;
        assert_eq!(answers.iter().filter(|answer| **answer == (303, 200)).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == (410, 303)).count(), 63);
        is_gone(&app, &link).await;
    }

    /// A password that is refused takes nothing.
    async fn a_refused_password_does_not_take_it(app) {
        let link = app.recover_path("ada").await;
        for typed in ["", "short", "ada@acme.example", "password1234"] {
            let page = app.browser().post(&link, &[("password", typed)]).await;
            assert_eq!((page.status.as_u16(), page.field("password")), (422, Some(String::new())));
        }
        assert_eq!(app.use_link(&app.browser(), &link, NEW).await.status, 303);
    }

    /// The first Admin of an account whose invitation is lost is brought in by it.
    async fn an_invited_last_admin_is_brought_in(app) {
        let name = vestibule_domain::name::Name::parse("Globex").unwrap();
        let eve = Email::parse(&email("eve")).unwrap();
        let made = app.vestibule.create_account(&name, &eve).await.unwrap();
        let invitation = format!("/invitation/{}", made.unwrap().token.expose());
        let (eve, link) = (app.browser(), app.recover_path("eve").await);
        assert_eq!(app.browser().get(&invitation).await.status, 200);
        assert_eq!(app.use_link(&eve, &link, NEW).await.leads_to(), "/");
        assert_eq!(eve.get("/settings/users").await.status, 200);
        assert_eq!(app.browser().get(&invitation).await.status, 410, "one way in is enough");
        assert_eq!(give_password(&app, "eve", NEW).await.1, 303);
    }

    /// Whom an Admin has shut out stays out: no link is made, and one made before is dead.
    async fn a_disabled_user_is_refused(app) {
        let ada = app.admin("ada").await;
        let link = app.recover_path("ben").await;
        let half = app.recover_path("cleo").await;
        let cleo = app.browser();
        assert_eq!(app.use_link(&cleo, &half, NEW).await.leads_to(), "/enrolment");
        for who in ["ben", "cleo"] {
            assert_eq!(app.act(&ada, who, "/disable").await.status, 303);
            let made = app.vestibule.make_recover_link(&Email::parse(&email(who)).unwrap(), Recovers::Everything).await;
            assert!(matches!(made, Ok(Recover::Disabled)), "{who}");
        }
        is_gone(&app, &link).await;
        assert_eq!(cleo.get("/enrolment").await.leads_to(), "/sign-in");
        app.act(&ada, "ben", "/enable").await;
        is_gone(&app, &link).await;
        let nobody =
            app.vestibule.make_recover_link(&Email::parse("nobody@a.example").unwrap(), Recovers::Everything).await;
        assert!(matches!(nobody, Ok(Recover::Unknown)));
    }

    /// Only the session of the link may enrol: not one of the same user with the same password,
    /// and not the same session once the new app is confirmed.
    async fn the_right_to_enrol_is_used_up(app) {
        let back = recovering(&app, "cleo").await;
        let stolen = back.stolen();
        let (_, new) = new_app(&app, "cleo", &back).await;
        assert_eq!(back.post("/enrolment", &[("code", &new)]).await.leads_to(), "/");
        assert_eq!(stolen.get("/enrolment").await.leads_to(), "/sign-in", "the token was replaced");
        app.clock.outlive_proofs();
        assert_eq!(back.get("/enrolment").await.leads_to(), "/proof", "as for everybody");
    }

    /// `--password`: a new password and nothing else. It signs nobody in, and the app is asked for
    /// as ever; the budget of attempts is renewed with the password.
    async fn a_link_for_the_password_alone_keeps_the_factors(app) {
        let cleo = app.sign_in("cleo").await;
        let link = app.recover_path_for(&address("cleo"), Recovers::Password).await;
        let back = app.browser();
        back.get(&link).await.must_show("Your factors stay as they are.");
        assert_eq!(app.use_link(&back, &link, NEW).await.leads_to(), "/sign-in");
        assert_eq!(back.get("/").await.leads_to(), "/sign-in", "nobody is signed in");
        assert!(!cleo.is_in().await, "every session has ended");
        let (again, status) = give_password(&app, "cleo", NEW).await;
        assert_eq!(status, 303);
        assert_eq!(again.get("/enrolment").await.leads_to(), "/sign-in/code");
        app.clock.next_code();
        assert_eq!(again.give_code(&app.code("cleo")).await.leads_to(), "/");
        assert_eq!(app.audited("factors.replaced").await, 0);
        is_gone(&app, &link).await;
    }

    /// `--factors`: a new app in place of the old one, for who gives the password that there is.
    /// The link alone lets nobody in, and a wrong password does not take it.
    async fn a_link_for_the_factors_alone_asks_for_the_password(app) {
        let link = app.recover_path_for(&address("cleo"), Recovers::Factors).await;
        let back = app.browser();
        back.get(&link).await.must_show("Give your password.");
        for wrong in ["", NEW, "cleo walks through a marble gardem"] {
            let answer = back.post(&link, &[("password", wrong)]).await;
            assert_eq!(answer.status, 401, "{wrong}");
            answer.must_show("This password is not right.");
            assert_eq!(back.get("/").await.leads_to(), "/sign-in");
        }
        assert_eq!(app.audited("password.refused").await, 3);
        let answer = app.use_link(&back, &link, &password("cleo")).await;
        assert_eq!(answer.leads_to(), "/enrolment");
        is_gone(&app, &link).await;
        let (other, _) = give_password(&app, "cleo", &password("cleo")).await;
        assert_eq!(other.get("/").await.leads_to(), "/sign-in/code", "until then the old app holds");
        let (_, new) = new_app(&app, "cleo", &back).await;
        assert_eq!(back.post("/enrolment", &[("code", &new)]).await.leads_to(), "/");
        app.keep_codes("cleo", &back).await;
        assert_eq!(app.factor_ids(&back).await.len(), 1);
        assert_eq!(give_password(&app, "cleo", &password("cleo")).await.1, 303, "the same password");
        assert_eq!(app.audited("factors.replaced").await, 1);
    }

    /// Who has no password yet has none to give.
    async fn a_link_for_the_factors_of_an_invited_user_is_not_made(app) {
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Member").await;
        let made = app.vestibule.make_recover_link(&address("eve"), Recovers::Factors).await;
        assert!(matches!(made, Ok(Recover::NoPassword)));
        let link = app.recover_path_for(&address("eve"), Recovers::Password).await;
        assert_eq!(app.use_link(&app.browser(), &link, NEW).await.leads_to(), "/sign-in");
        assert_eq!(give_password(&app, "eve", NEW).await.1, 303);
    }

    /// Whatever a link may do, a newer one voids it; and every active Admin of the account is told
    /// that it was made, and that it was used.
    async fn the_admins_are_told_of_each_link(app) {
        let old = app.recover_path_for(&address("cleo"), Recovers::Everything).await;
        let link = app.recover_path_for(&address("cleo"), Recovers::Password).await;
        is_gone(&app, &old).await;
        app.use_link(&app.browser(), &link, NEW).await;
        let told = async |who: &str| {
            let id = app.id(who).await;
            let told = app.store.read().await.unwrap().notices(id, 20).await.unwrap();
            let told = told.iter().map(|notice| (notice.notice.as_str(), notice.detail.clone()));
            let mut told: Vec<_> = told.collect();
            told.sort_unstable();
            told
        };
        let (made, used) = ("recover_link.made", "recover_link.used");
        let cleo = || email("cleo");
        assert_eq!(told("ada").await, [(made, cleo()), (made, cleo()), (used, cleo())]);
        assert_eq!(told("cleo").await, [("password.changed", String::new())]);
        assert_eq!(told("ben").await, []);
    }
}
