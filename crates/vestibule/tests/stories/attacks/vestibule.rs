//! Group C: what somebody reaches who gave the password and nothing more. They stand in the
//! vestibule with a session of their own; every row tries to make more of it.

use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{TestApp, stories};

use crate::address_change;
use crate::forgotten::mailed_link;
use crate::house::House;
use crate::routes::{behind_the_second_door, knock};

const NEW: &str = "an otter sings in the marble hall";

async fn is_gone(app: &TestApp, link: &str) {
    let (browser, fields) = (app.browser(), [("name", "Eve"), ("password", NEW)]);
    assert_eq!(browser.get(link).await.status, 410, "{link}");
    let answer = browser.post(link, &fields).await;
    assert_eq!((answer.status.as_u16(), browser.cookie()), (410, None), "{link}");
    answer.must_show("This link opens nothing any more");
}

/// Pages tell how many sessions are open; who knocks may have opened one.
fn without_sessions(picture: Vec<String>) -> Vec<String> {
    let less = |page: String| {
        page.split(' ')
            .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    picture.into_iter().map(less).collect()
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Everywhere a token could stand but in its own cookie: a header, or a query.
fn positions(token: &str, who: &str) -> (Vec<(&'static str, String)>, Vec<String>) {
    let basic = |pair: String| ("authorization", format!("Basic {}", base64_of(&pair)));
    let mut headers = vec![
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("bearer {token}")),
        ("authorization", format!("Token {token}")),
        ("authorization", format!("vestibule {token}")),
        ("authorization", token.to_owned()),
        ("proxy-authorization", format!("Bearer {token}")),
        basic(format!("{}:{token}", email(who))),
        basic(format!("{token}:")),
        basic(format!(":{token}")),
        ("x-auth-token", token.to_owned()),
        ("x-session", token.to_owned()),
        ("x-vestibule", token.to_owned()),
        ("x-forwarded-user", email(who)),
        ("remote-user", email(who)),
        ("cookie", format!("vestibule=\"{token}\"")),
        ("cookie", format!("vestibule={token}=")),
        ("cookie", format!("vestibule={}", token.to_uppercase())),
        ("cookie", format!("vestibule={token}; vestibule={token}")),
        ("cookie", format!("vestibule=; vestibule={token}")),
    ];
    for name in
        ["Vestibule", "__Host-vestibule", "__Secure-vestibule", "session", "vestibule2", "token"]
    {
        headers.push(("cookie", format!("{name}={token}")));
    }
    let names = ["token", "access_token", "vestibule", "session", "key"];
    (headers, names.iter().map(|name| format!("?{name}={token}")).collect())
}

stories! {
    /// AT-32, AT-47: a session's token opens nothing but as that one cookie, neither of who is in the
    /// vestibule nor of who is behind the second door. As the cookie the former leads to the code.
    async fn at_32_a_token_is_a_cookie_and_nothing_else(app) {
        let house = House::of(&app).await;
        let cleo = app.give_password("cleo").await;
        let before = app.picture(&house.ada).await;
        for (owner, who) in [(&house.ada, "ada"), (&cleo, "cleo")] {
            let (headers, queries) = positions(&owner.cookie().unwrap(), who);
            for route in behind_the_second_door() {
                let path = house.path(route);
                for (name, value) in &headers {
                    for answer in knock(&app.browser(), &path, route, &[(name, value)]).await {
                        assert_eq!(answer.leads_to(), "/sign-in", "{path} with {name}: {value}");
                    }
                }
                for query in &queries {
                    for answer in knock(&app.browser(), &format!("{path}{query}"), route, &[]).await
                    {
                        assert_eq!(answer.leads_to(), "/sign-in", "{path}{query}");
                    }
                }
            }
        }
        assert_eq!(app.picture(&house.ada).await, before);
    }

    /// AT-34, AT-35: with the password of who has a factor, no page opens although the switch is
    /// off; every one leads to the code.
    async fn at_34_the_password_alone_opens_nothing_although_the_switch_is_off(app) {
        let cleo = app.give_password("cleo").await;
        for page in [
            "/",
            "/settings/security",
            "/settings/security/password",
            "/settings/account",
            "/settings/users",
            "/settings/users?search=a",
            "/enrolment",
            "/proof",
        ] {
            let answer = cleo.get(page).await;
            assert_eq!(answer.leads_to(), "/sign-in/code", "{page}");
            assert!(!answer.body.contains("Cleo"), "{page}");
        }
        assert_eq!(app.audited("password.accepted").await, 1);
        assert_eq!(app.audited("code.accepted").await, 0);
    }

    /// AT-35, AT-54: before the second door no route behind it opens, neither to a stranger nor to
    /// who gave the password alone; each leads to what is missing, and nothing changes.
    async fn at_35_at_54_nothing_opens_before_the_second_door(app) {
        let house = House::of(&app).await;
        let disabled = app.sign_in("ben").await;
        let signed_out = app.sign_in("ben").await.stolen();
        signed_out.stolen().post("/sign-out", &[]).await;
        app.act(&house.ada, "ben", "/disable").await;
        app.add("ida", "Ida", Role::Admin, false).await;
        app.turn_switch(&house.ada, true).await;
        let before = app.picture(&house.ada).await;
        for (caller, way, name) in [
            (app.browser(), "/sign-in", "anonymous"),
            (app.give_password("cleo").await, "/sign-in/code", "with a factor"),
            (app.give_password("ida").await, "/enrolment", "without a factor, while required"),
            (disabled, "/sign-in", "disabled meanwhile"),
            (signed_out, "/sign-in", "signed out"),
        ] {
            for route in behind_the_second_door() {
                let path = house.path(route);
                for answer in knock(&caller, &path, route, &[]).await {
                    assert_eq!(answer.status, 303, "{name} at {path}");
                    assert_eq!(answer.leads_to(), way, "{name} at {path}");
                    assert!(!answer.shows("Acme"), "{name} at {path}");
                }
            }
            // What stands in the vestibule is open to the one who has to go through it.
            for other in ["/sign-in/code", "/enrolment", "/proof"] {
                let answer = caller.get(other).await;
                assert!(answer.status == 303 || way == other, "{name} at {other}");
            }
        }
        assert_eq!(app.picture(&house.ada).await.len(), before.len());
        assert_eq!(without_sessions(app.picture(&house.ada).await), without_sessions(before));
    }

    /// No spelling of a path comes past the door of its page.
    async fn at_35_no_spelling_of_a_path_opens_it(app) {
        let cleo = app.give_password("cleo").await;
        for caller in [app.browser(), cleo] {
            for path in [
                "/settings/users/",
                "//settings/users",
                "/settings//users",
                "/SETTINGS/users",
                "/settings/%75sers",
                "/settings%2fusers",
                "/%2e/settings/users",
                "/settings/users;x",
                "/settings/users%00",
                "/settings/users.html",
                "/static/../settings/users",
                "/static/..%2fsettings/users",
                "/healthz/../settings/users",
                "/settings/users?",
                "/settings/users#",
                "/.",
                "/index.html",
                "/?",
                "/api/v1/users",
                "/gate",
                "/metrics",
                "/debug",
                "/.git/config",
                "/static/",
                "/static/..%2f..%2fCargo.toml",
            ] {
                let answer = caller.get(path).await;
                assert!(
                    answer.status != 200 && !answer.status.is_server_error(),
                    "{path}: {answer:?}"
                );
                assert!(!answer.shows("Ada"), "{path}");
            }
        }
    }

    /// AT-36, AT-55: from the vestibule nobody lists, enrols, renames or removes anything once a
    /// factor exists, whether the switch is on or off.
    async fn at_36_at_55_the_vestibule_changes_no_factor_of_who_has_one(app) {
        let cleo = app.sign_in("cleo").await;
        let factor = app.factor_ids(&cleo).await.remove(0);
        let ada = app.admin("ada").await;
        for required in [false, true] {
            app.turn_switch(&ada, required).await;
            let attacker = app.give_password("cleo").await;
            for path in ["/enrolment", "/enrolment?for=everyone", "/proof?return_to=%2Fenrolment"] {
                assert_eq!(attacker.get(path).await.leads_to(), "/sign-in/code", "{path}");
            }
            let remove = format!("/settings/security/factors/{factor}/remove");
            let rename = format!("/settings/security/factors/{factor}/name");
            for path in ["/enrolment", &remove, &rename, "/settings/security/password"] {
                let fields =
                    [("code", "000000"), ("name", "Mine"), ("password", "a fine new password")];
                let answer = attacker.post(path, &fields).await;
                assert_eq!(answer.leads_to(), "/sign-in/code", "{path}");
            }
            assert!(!attacker.is_in().await);
        }
        assert_eq!(app.factor_ids(&cleo).await, [factor]);
        cleo.get("/settings/security").await.must_show("Authenticator app");
        assert_eq!(app.audited("enrolment.started").await, 1, "Ada's own");
    }

    /// Each token is good for its own purpose alone (AT-37).
    async fn at_37_a_token_opens_its_own_page_alone(mailing app) {
        let mailed = mailed_link(&app, "ben").await;
        let dinesh = app.sign_in("dinesh").await;
        let confirm = address_change::ask(&app, &dinesh, "dinesh@new.example").await;
        let ada = app.admin("ada").await;
        let links = [
            app.invite(&ada, "eve", "Member").await,
            app.password_link(&ada, "ben").await,
            app.recover_path("cleo").await,
            mailed,
            format!("/address/{}", confirm.unwrap()),
        ];
        for link in &links {
            let (_, token) = link.rsplit_once('/').unwrap();
            for other in ["setup", "invitation", "password", "recover", "forgotten"] {
                let path = format!("/{other}/{token}");
                if path != *link {
                    is_gone(&app, &path).await;
                }
            }
            // A new address is confirmed in a session of its user's, by a form of its own.
            if !link.starts_with("/address/") {
                assert_eq!(app.browser().get(&format!("/address/{token}")).await.status, 410);
                assert_eq!(address_change::confirm(&dinesh, token).await.status, 410);
            }
            let thief = app.browser();
            thief.plant_cookie(token);
            assert_eq!(thief.get("/").await.leads_to(), "/sign-in", "no session's token either");
        }
        for link in &links {
            assert_eq!(app.browser().get(link).await.status, 200, "none of it took the link");
        }
        for kind in
            ["invitation.accepted", "password_link.used", "recover_link.used", "email.changed"]
        {
            assert_eq!(app.audited(kind).await, 0, "{kind}");
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
    async fn at_37_a_set_up_token_opens_its_own_page_alone(empty app) {
        let link = app.setup_path().await;
        let (_, token) = link.rsplit_once('/').unwrap();
        for other in ["invitation", "password", "recover", "forgotten"] {
            is_gone(&app, &format!("/{other}/{token}")).await;
        }
        assert_eq!(app.browser().get(&link).await.status, 200);
    }

    /// AT-43: while MFA is required, an accepted invitation leads to the enrolment and nowhere else.
    async fn at_43_an_invitation_is_no_way_around_the_enrolment(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let link = app.invite(&ada, "eve", "Admin").await;
        let eve = app.browser();
        let answer = app.use_link(&eve, &link, &password("eve")).await;
        assert_eq!(answer.leads_to(), "/enrolment");
        let again = app.give_password("eve").await;
        for path in ["/", "/settings/security", "/settings/account", "/settings/users", "/sign-in"]
        {
            assert_eq!(eve.get(path).await.leads_to(), "/enrolment", "{path}");
            assert_eq!(again.get(path).await.leads_to(), "/enrolment", "{path}");
        }
        let refused = app.turn_switch(&eve, false).await;
        assert_eq!(refused.leads_to(), "/enrolment");
        assert_eq!(app.enrol("eve", &eve).await.leads_to(), "/");
        assert_eq!(eve.get("/settings/users").await.status, 200);
    }

    /// AT-43: nor is a link for a new password, or one of the host's, a way around it, whether a factor
    /// has been lost or was never there.
    async fn at_43_a_link_is_no_way_around_the_enrolment(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        assert_eq!(app.act(&ada, "cleo", "/factors/reset").await.status, 303);
        for who in ["ben", "cleo"] {
            let browser = app.browser();
            for new in [NEW, "another otter sings along"] {
                let link = match new {
                    NEW => app.password_link(&ada, who).await,
                    _ => app.recover_path(who).await,
                };
                let answer = app.use_link(&browser, &link, new).await;
                assert_eq!(answer.status, 303, "{}", answer.text());
                if browser.cookie().is_none() {
                    assert_eq!(browser.sign_in(&email(who), new).await.leads_to(), "/enrolment");
                }
                for path in ["/", "/settings/security", "/settings/security/password", "/sign-in"] {
                    assert_eq!(browser.get(path).await.leads_to(), "/enrolment", "{who} at {path}");
                }
                for code in ["", "000000", "null"] {
                    let answer = browser.post("/enrolment", &[("code", code)]).await;
                    assert_eq!(answer.status, 422, "{who}");
                }
                assert!(!browser.is_in().await, "{who}");
            }
        }
        assert_eq!(app.audited("factor.added").await, 1, "Ada's");
    }
}
