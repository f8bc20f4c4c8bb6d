//! Group J: mistakes and accidents in running it: keys that are too short, forged lines in the log, a
//! switch that locks its Admin out, pages that lead in a circle. Secrets are in `secrets.rs`, upgrades
//! in `upgrade.rs`.

use std::time::Duration;

use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, Method, RECOVERY_CODES, TestApp, stories};

use super::secrets::{Log, letters};
use crate::policy::{is_on, led_to_enrolment_by_the_switch};
use crate::recovery_codes::give;

/// Where somebody stands who wants to change the password, before the first step.
#[derive(Clone, Copy, Debug)]
enum Stands {
    Nowhere,
    Vestibule,
    Inside,
    Stale,
    Expired,
    SignedOut,
    EndedElsewhere,
    BeforeTheEnrolment,
    AtTheHostsLink,
}

use Stands::{
    AtTheHostsLink, BeforeTheEnrolment, EndedElsewhere, Expired, Inside, Nowhere, SignedOut, Stale,
    Vestibule,
};

/// Brings them there.
async fn stand(app: &TestApp, who: &str, stands: Stands) -> Client {
    match stands {
        Nowhere => app.browser(),
        Vestibule => app.give_password(who).await,
        Inside => app.sign_in(who).await,
        Stale | Expired => {
            let browser = app.sign_in(who).await;
            let hours = if matches!(stands, Stale) { 0 } else { 25 };
            app.clock.advance(Duration::from_secs(301) + Duration::from_hours(hours));
            browser
        }
        SignedOut => {
            let browser = app.sign_in(who).await;
            let copy = browser.stolen();
            browser.post("/sign-out", &[]).await;
            copy
        }
        EndedElsewhere => {
            let [first, second] = [app.sign_in(who).await, app.sign_in(who).await];
            second.post("/settings/security/sessions/end-others", &[]).await;
            first
        }
        BeforeTheEnrolment => {
            let browser = app.give_password(who).await;
            browser.visit("/").await;
            app.clock.advance(Duration::from_mins(16));
            browser
        }
        AtTheHostsLink => {
            let (browser, link) = (app.browser(), app.recover_path(who).await);
            let answer = browser.post(&link, &[("password", &*new_password(who))]).await;
            assert_eq!(answer.status, 303, "{}", answer.text());
            browser
        }
    }
}

fn new_password(who: &str) -> String {
    format!("{who} has found another garden")
}

/// Does what each page asks for until the page is there. Answers how many steps it took.
async fn walk_to(
    app: &TestApp,
    who: &str,
    password: &str,
    browser: &Client,
    target: &str,
) -> usize {
    let mut answer = browser.get(target).await;
    let mut at = target.to_owned();
    for step in 0..12 {
        if let Some(next) = answer.location() {
            answer = browser.get(&next).await;
            at = next;
            continue;
        }
        let path = at.split('?').next().unwrap().to_owned();
        if path == target {
            assert_eq!(answer.status, 200, "{}", answer.text());
            return step;
        }
        if path == RECOVERY_CODES {
            app.keep_codes(who, browser).await;
            target.clone_into(&mut at);
            answer = browser.get(target).await;
            continue;
        }
        let form = Form::on(app, who, password, &path, &answer);
        let fields: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (&**name, &**value)).collect();
        answer = browser.post(&path, &fields).await;
    }
    panic!("{who} goes in circles at {at}: {}", answer.text());
}

struct Form;

impl Form {
    /// What the form of the page asks for, filled in.
    fn on(
        app: &TestApp,
        who: &str,
        password: &str,
        path: &str,
        page: &Answer,
    ) -> Vec<(String, String)> {
        let mut fields = page.carried_fields();
        if path == "/enrolment" {
            app.scan(who, page);
        }
        for name in ["email", "password", "code"] {
            let value = match name {
                _ if page.field_for(path, name).is_none() => continue,
                "email" => email(who),
                "password" => password.to_owned(),
                _ => {
                    app.clock.next_code();
                    app.code(who)
                }
            };
            fields.push((name.into(), value));
        }
        assert!(!fields.is_empty(), "{who} is stuck at {path}: {}", page.text());
        fields
    }
}

/// AT-92: secrets are compared by the functions of their own that take their time, and by nothing else:
/// `==` on one of them does not compile, and neither does writing one down.
#[test]
fn at_92_secrets_can_neither_be_compared_nor_shown() {
    /// What a type can be asked: an inherent constant is found first, if its bound is met.
    struct Of<T>(std::marker::PhantomData<T>);
    trait Otherwise {
        const IS_COMPARED: bool = false;
        const IS_SHOWN: bool = false;
        const IS_PRINTED: bool = false;
    }
    impl<T> Otherwise for Of<T> {}
    impl<T: PartialEq> Of<T> {
        const IS_COMPARED: bool = true;
    }
    impl<T: std::fmt::Debug> Of<T> {
        const IS_SHOWN: bool = true;
    }
    impl<T: std::fmt::Display> Of<T> {
        const IS_PRINTED: bool = true;
    }
    macro_rules! asked {
        ($($secret:ty),*) => {
            [$((
                stringify!($secret),
                Of::<$secret>::IS_COMPARED,
                Of::<$secret>::IS_SHOWN,
                Of::<$secret>::IS_PRINTED,
            )),*]
        };
    }
    assert_eq!(asked![String], [("String", true, true, true)], "it would be noticed");
    for (secret, compared, shown, printed) in asked![
        vestibule_domain::totp::Code,
        vestibule_domain::totp::TotpSecret,
        vestibule_domain::token::Token,
        vestibule_domain::recovery_code::RecoveryCode,
        vestibule_domain::password::Password,
        vestibule_domain::password::PasswordHash,
        vestibule_domain::sealing::MasterKey,
        vestibule_domain::sealing::DataKey,
        vestibule_domain::limits::lanes::LaneKey
    ] {
        assert!(!compared && !shown && !printed, "{secret}");
    }
}

stories! {
    /// AT-92: the key of an app has 160 bits, in the picture, in the address and where it is typed, and
    /// is another each time.
    async fn at_92_the_key_of_an_app_has_160_bits(app) {
        let (ben, dinesh) = (app.sign_in("ben").await, app.sign_in("dinesh").await);
        let mut keys = Vec::new();
        for (browser, who) in [(&ben, "ben"), (&dinesh, "dinesh"), (&ben, "ben")] {
            let page = browser.get("/enrolment").await;
            let key = page.between("?secret=", "&");
            let is_base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
            assert!(key.len() == 32 && key.chars().all(is_base32), "five bits a letter: {key}");
            let uri = format!("otpauth://totp/{}", page.between("href=\"otpauth://totp/", "\""));
            let uri = uri.replace("&amp;", "&").replace("&#38;", "&");
            let app_shows = vestibule_testkit::phone::Enrolled::from_uri(&uri);
            assert_eq!(app_shows.secret_base32, key);
            assert_eq!(app_shows.label, email(who));
            assert!(!keys.contains(&key));
            keys.push(key);
            assert!(app.enrol(who, browser).await.status == 303);
        }
        assert_eq!(app.audited("factor.added").await, 3);
    }

    /// AT-93: nothing that a request brings begins a line of its own in the log, and what can be
    /// neither seen nor shown stands in no event.
    async fn at_93_nothing_forges_a_line_of_the_log_or_an_event(https app) {
        let ada = app.admin("ada").await;
        let log = Log::listen();
        let forged = "%0a%0d%0aFORGED%20INFO%20all%20is%20well%1b[2J%00%7f%c2%85%e2%80%a8";
        let text = "\r\nFORGED INFO\u{1b}[2J\u{7f}\u{85}\u{2028}FORGED";
        let stranger = app.browser();
        let mut asked = Vec::new();
        for path in [
            format!("/{forged}"),
            format!("/sign-in?return_to={forged}&{forged}={forged}"),
            format!("/invitation/{forged}"),
            format!("/settings/users/{forged}"),
            format!("/static/{forged}"),
        ] {
            asked.push(stranger.get(&path).await);
            asked.push(
                stranger.post(&path, &[("email", text), ("password", text), (text, text)]).await,
            );
        }
        for (name, value) in [
            ("x-forwarded-for", "198.51.100.7\tFORGED, \u{85}FORGED"),
            ("user-agent", "\u{2028}FORGED\t"),
            ("x-request-id", "\u{85}FORGED"),
            ("referer", "https://a/\u{2028}FORGED"),
            ("forwarded", "for=\"\u{85}FORGED\""),
            ("traceparent", "FORGED"),
            ("host", "FORGED"),
        ] {
            asked.push(stranger.send(Method::GET, "/sign-in", None, &[(name, value)]).await);
            let wrong = [("email", &*email("ben")), ("password", "FORGED in the garden")];
            let headers = [&stranger.own_page()[..], &[(name, value)]].concat();
            asked.push(stranger.send(Method::POST, "/sign-in", Some(&wrong), &headers).await);
        }
        let method = Method::from_bytes(b"FORGED").unwrap();
        asked.push(stranger.send(method, "/sign-in", None, &stranger.own_page()).await);
        let (name, mail) = (format!("Eve{text}"), format!("eve{text}@acme.example"));
        let factor = app.factor_ids(&ada).await.remove(0);
        for (path, fields) in [
            (
                "/settings/users".to_owned(),
                vec![("email", &*mail), ("name", "Eve"), ("role", "Member")],
            ),
            (
                "/settings/users".to_owned(),
                vec![("email", "eve@acme.example"), ("name", &*name), ("role", "Member")],
            ),
            ("/settings/security/name".to_owned(), vec![("name", &*name)]),
            (format!("/settings/security/factors/{factor}/name"), vec![("name", &*name)]),
        ] {
            let answer = ada.post(&path, &fields).await;
            assert_eq!(answer.status, 422, "{path}");
            asked.push(answer);
        }
        let bytes = log.stop();
        let text = letters(&bytes);
        assert!(asked.len() > 28);
        for answer in &asked {
            assert!(!answer.status.is_server_error(), "{answer:?}");
            // What another site could have sent is refused before it has a number.
            let Some(id) = answer.headers.get("x-request-id") else { continue };
            let lines = text
                .lines()
                .filter(|line| line.contains(id.to_str().unwrap()) && line.contains("answered"));
            let lines: Vec<_> = lines.collect();
            assert_eq!(lines.len(), 1, "one line for one request");
            assert!(
                !lines[0].contains("FORGED INFO") && !lines[0].contains(char::is_control),
                "{lines:?}"
            );
        }
        assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")));
        for kind in ["invitation.made", "name.changed", "factor.renamed"] {
            assert_eq!(app.audited(kind).await, 0, "{kind}");
        }
        let dump = letters(&app.database_dump());
        assert!(
            !dump.contains("FORGED"),
            "{:?}",
            dump.find("FORGED").map(|at| &dump[at - 60..at + 60])
        );
        // Each once, and one at the form with a query; two of them came too soon after the others.
        let refused = (app.audited("password.refused").await, app.audited("password.too_soon").await);
        assert_eq!(refused, (6, 2));
    }

    /// AT-94: an Admin without a factor cannot lock herself out: enrolment first, then it is on.
    async fn at_94_an_admin_without_a_factor_enrols_first_and_then_it_is_on(app) {
        let ada = app.sign_in("ada").await;
        ada.get("/settings/account").await.must_show(
            "You have no factor yet: you are led through setting one up first, then it is on.",
        );
        led_to_enrolment_by_the_switch(&app, &ada).await;
        let ben = app.sign_in("ben").await;
        assert_eq!(app.audited("policy.required").await, 0);
        assert_eq!(app.audited("refused.needs_factor").await, 1);
        let code = app.code("ada");
        let page = ada.submit("/enrolment", &[("code", &code), ("for", "everyone")]).await;
        let page = app.keep_shown(&ada, &page).await;
        page.must_show("Two-factor sign-in is on for everyone.");
        assert!(is_on(&ada).await);
        assert_eq!(ben.get("/").await.leads_to(), "/enrolment");
        assert_eq!(app.audited("policy.required").await, 1);
    }

    /// AT-94: whoever gives up on the way has turned nothing on, and a wrong code turns nothing on.
    async fn at_94_an_admin_who_does_not_finish_the_enrolment_has_turned_nothing_on(app) {
        let ada = app.sign_in("ada").await;
        led_to_enrolment_by_the_switch(&app, &ada).await;
        let page = ada.post("/enrolment", &[("code", "000000"), ("for", "everyone")]).await;
        assert_eq!(page.status, 422);
        assert!(page.carried_fields().contains(&("for".into(), "everyone".into())));
        assert!(!is_on(&ada).await);
        assert!(app.sign_in("ben").await.is_in().await);
    }

    /// AT-96: from wherever somebody stands, with a factor or without, while the switch is off or on:
    /// whoever gives what each page asks for reaches the page for a new password, and then the rest of
    /// the settings, in a few steps and never in a circle.
    async fn at_96_the_settings_are_reached_from_everywhere(app) {
        let ada = app.admin("ada").await;
        let mut number = 0;
        for required in [false, true] {
            app.clock.next_code();
            let ada = if required { app.sign_in("ada").await } else { ada.clone() };
            app.turn_switch(&ada, required).await;
            for with_factor in [false, true] {
                for stands in [
                    Nowhere,
                    Vestibule,
                    Inside,
                    Stale,
                    Expired,
                    SignedOut,
                    EndedElsewhere,
                    BeforeTheEnrolment,
                    AtTheHostsLink,
                ] {
                    let needs_enrolment = required && !with_factor;
                    let is_inside =
                        matches!(stands, Inside | Stale | Expired | SignedOut | EndedElsewhere);
                    if needs_enrolment && is_inside {
                        continue; // They cannot be there.
                    }
                    number += 1;
                    let who = format!("user-{number}");
                    app.add(&who, "Somebody", Role::Member, with_factor).await;
                    let browser = stand(&app, &who, stands).await;
                    let password = match stands {
                        AtTheHostsLink => new_password(&who),
                        _ => password(&who),
                    };
                    let what = format!("{stands:?}, factor: {with_factor}, required: {required}");
                    let steps =
                        walk_to(&app, &who, &password, &browser, "/settings/security/password")
                            .await;
                    assert!(steps < 9, "{what}: {steps} steps");
                    let page = browser.get("/settings/security").await;
                    assert_eq!(page.status, 200, "{what}");
                    walk_to(&app, &who, &password, &browser, "/enrolment").await;
                }
            }
        }
        assert_eq!(number, 9 * 4 - 5);
    }

    /// AT-97: the server's clock is five minutes off, either way: the probe and the log say so, whoever
    /// types a code is told how far it is off, and a recovery code still lets in. With the clock set
    /// right again, codes do.
    async fn at_97_a_clock_that_is_off_is_said_and_locks_nobody_out(app) {
        app.sign_in_and_enrol("ben").await;
        app.vestibule.watch_clock().await;
        for (index, ahead) in [true, false].into_iter().enumerate() {
            app.clock.next_code();
            let (right, shown) = (app.clock.now(), app.code("ben"));
            let five = Duration::from_mins(5);
            app.clock.set(if ahead { right.plus(five) } else { right.minus(five) });
            assert!(app.vestibule.watch_clock().await.is_some(), "for the log");
            let ready = app.browser().get("/readyz").await;
            assert_eq!(ready.status, 200, "it serves");
            ready.must_show("warning: the server's clock jumped");
            let ben = app.give_password("ben").await;
            let refused = ben.give_code(&shown).await;
            assert_eq!(refused.status, 401);
            refused.must_show(if ahead {
                "This code is from about 5 minutes ago."
            } else {
                "This code is for about 5 minutes from now."
            });
            assert!(!give(&ben, &app.recovery_code("ben", index)).await.status.is_client_error());
            assert!(ben.is_in().await);
            app.clock.set(right);
            app.vestibule.watch_clock().await;
            app.sign_in("ben").await;
        }
        assert_eq!(app.audited("recovery_code.used").await, 2);
        assert_eq!(app.audited("code.off").await, 2);
    }
}
