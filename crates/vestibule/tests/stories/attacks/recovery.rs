//! Group H: ways back in, links, invitations, names. Whoever wants in pretends to be somebody who has
//! lost something, or asks the pages who there is.

use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, Method, TestApp, stories};

use crate::address_change;

const NEW: &str = "an otter sings in the marble hall";

async fn signs_in_with(app: &TestApp, who: &str, password: &str) -> bool {
    app.browser().sign_in(&email(who), password).await.status == 303
}

async fn accept(app: &TestApp, link: &str, who: &str) -> (Client, Answer) {
    let browser = app.browser();
    let answer = app.use_link(&browser, link, &password(who)).await;
    (browser, answer)
}

/// Headers by which a client might say that the site is another.
const OTHER_HOSTS: [(&str, &str); 8] = [
    ("host", "evil.example"),
    ("host", "evil.example:80"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "444"),
    ("x-original-host", "evil.example"),
    ("forwarded", "host=evil.example;proto=https"),
    ("x-forwarded-prefix", "/evil"),
];

/// Everything in an answer by which it could be told from another: all but the time of day and the
/// request's number. The address that was typed is as long for everybody here.
fn all_of(answer: &Answer, typed: &str) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    headers.remove("x-request-id");
    format!("{} {headers:?} {}", answer.status, answer.body.replace(typed, "(typed)"))
}

stories! {
    /// AT-77: links lead to the configured public address, whatever a request says of the host.
    async fn at_77_a_link_never_leads_to_a_host_that_a_client_named(app) {
        let ada = app.admin("ada").await;
        for (name, value) in OTHER_HOSTS {
            let path = app.user_path("ben", "/password-link").await;
            let headers = [&ada.own_page()[..], &[(name, value)]].concat();
            let page = ada.send(Method::POST, &path, Some(&[]), &headers).await;
            let link = app.link_on(&page);
            assert!(link.starts_with("/password/"), "{name}: {link}");
            assert!(!page.body.contains("evil"), "{name}");
            for path in ["/", "/settings/users", "/sign-in", "/nowhere"] {
                let answer = app.browser().send(Method::GET, path, None, &[(name, value)]).await;
                assert!(!answer.body.contains("evil"), "{name} {path}");
                assert!(
                    answer.location().is_none_or(|to| to.starts_with("/sign-in")),
                    "{name} {path}"
                );
            }
        }
        let made = app.audited("password_link.made").await;
        assert_eq!(usize::try_from(made).unwrap(), OTHER_HOSTS.len());
    }

    /// The same behind a proxy that is trusted: it is believed about addresses, not about hosts.
    async fn at_77_not_even_behind_a_trusted_proxy(https app) {
        let ada = app.admin("ada").await;
        for (name, value) in OTHER_HOSTS {
            let path = app.user_path("ben", "/password-link").await;
            let headers = [&ada.own_page()[..], &[(name, value)]].concat();
            let page = ada.send(Method::POST, &path, Some(&[]), &headers).await;
            assert!(page.shows("The new-password link is ready"), "{name}: {}", page.text());
            assert!(page.body.contains("value=\"https://login.acme.example/password/"), "{name}");
            assert!(!page.body.contains("evil"), "{name}");
        }
    }

    /// AT-79: whose password it is stands in the link, and in nothing that comes with the form.
    async fn at_79_the_user_of_a_link_can_not_be_swapped(app) {
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
        assert_eq!(app.audited("password_link.used").await, 1);
    }

    /// AT-79: the same of a mailed link, when it is asked for, looked at and sent in, in a browser where
    /// somebody else is signed in; of a link of the host's; and of one that confirms an address.
    async fn at_79_nor_of_a_mailed_link_or_one_of_the_hosts_at_any_stage(mailing app) {
        let (victim, id) = (email("ada"), app.id("ada").await.to_string());
        let others = [
            ("user", victim.as_str()),
            ("user_id", &id),
            ("id", &id),
            ("for", &victim),
            ("to", &victim),
            ("known-email", &victim),
        ];
        let query: Vec<_> = others.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = query.join("&");
        let browser = app.sign_in("dinesh").await;

        let asked = format!("/sign-in/forgotten?email={victim}&{query}");
        let mine = email("ben");
        let twice = [("email", mine.as_str()), ("email", &victim)];
        assert_eq!(browser.post(&asked, &twice).await.status, 400, "one address, or none");
        let fields = [&[("email", mine.as_str())], &others[..]].concat();
        assert_eq!(browser.post(&asked, &fields).await.status, 303);
        let mails = app.deliver().await;
        assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [&mine]);
        let mailed = app.path_of_link(&mails[0].link());
        for new in [NEW, "another otter sings along"] {
            let link = if new == NEW { mailed.clone() } else { app.recover_path("ben").await };
            let shown = browser.get(&format!("{link}?{query}")).await;
            assert!(!shown.body.contains(&victim) && !shown.body.contains("Ada"), "{link}");
            let fields = [&[("password", new), ("email", &victim)], &others[..]].concat();
            let sent = browser.post(&format!("{link}?{query}&email={victim}"), &fields).await;
            assert_eq!(sent.status, 303, "{link}: {}", sent.text());
            assert!(signs_in_with(&app, "ben", new).await, "{link}");
            assert!(!signs_in_with(&app, "ada", new).await, "{link}");
            assert!(!signs_in_with(&app, "dinesh", new).await, "{link}");
            app.clock.outlive_waits();
        }

        let dinesh = app.sign_in("dinesh").await;
        let token = address_change::ask(&app, &dinesh, "dinesh@new.example").await.unwrap();
        let fields = [&[("token", token.as_str()), ("email", &victim)], &others[..]].concat();
        let confirm = format!("/settings/security/email/confirm?{query}");
        assert_eq!(dinesh.post(&confirm, &fields).await.status, 303);
        dinesh.get("/settings/security").await.must_show("dinesh@new.example");
        assert!(signs_in_with(&app, "ada", &password("ada")).await);
        for (kind, times) in
            [("password_link.used", 1), ("recover_link.used", 1), ("email.changed", 1)]
        {
            assert_eq!(app.audited(kind).await, times, "{kind}");
        }
    }

    /// AT-80: the role of an invited user is the Admin's word, whatever is sent with the form.
    async fn at_80_the_role_does_not_come_from_the_form(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let (eve, password) = (app.browser(), password("eve"));
        let fields = [
            ("name", "Eve"),
            ("password", &password),
            ("role", "Admin"),
            ("state", "active"),
            ("email", "ada@acme.example"),
            ("user_id", "1"),
            ("account_id", "1"),
        ];
        assert_eq!(eve.post(&link, &fields).await.leads_to(), "/");
        assert_eq!(eve.get("/settings/users").await.status, 403);
        let row = ada.get("/settings/users").await.row("eve@acme.example").unwrap();
        assert!(row.contains("Member Not set up"), "{row}");
    }

    /// AT-80: an invitation is good once, for its own purpose, and made by Admins alone; that it was
    /// tried again is no way to be somebody else.
    async fn at_80_an_invitation_is_good_once_and_for_nothing_else(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let token = link.rsplit_once('/').unwrap().1;
        let fields =
            [("name", "Eve"), ("password", NEW), ("role", "Admin"), ("purpose", "recover")];
        for other in ["password", "recover", "setup"] {
            let answer =
                app.browser().post(&format!("/{other}/{token}?purpose={other}"), &fields).await;
            assert_eq!(answer.status, 410, "{other}");
        }
        let (eve, answer) = accept(&app, &link, "eve").await;
        assert_eq!(answer.leads_to(), "/");
        for browser in [app.browser(), eve.clone(), app.sign_in("ben").await] {
            assert_eq!(browser.post(&link, &fields).await.status, 410);
        }
        assert!(!signs_in_with(&app, "eve", NEW).await);
        let invite = [("email", "mallory@acme.example"), ("name", "Mallory"), ("role", "Admin")];
        assert_eq!(eve.post("/settings/users", &invite).await.status, 403, "no Member invites");
        assert_eq!(app.audited("invitation.made").await, 1);
        assert_eq!(app.audited("invitation.accepted").await, 1);
    }

    /// AT-81: an invited address is claimed by the link alone.
    async fn at_81_an_invitation_is_not_claimed_by_its_address(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Admin").await;
        let (email, password) = (email("eve"), password("eve"));
        for typed in [password.as_str(), "", "null"] {
            let answer =
                app.browser().post("/sign-in", &[("email", &email), ("password", typed)]).await;
            assert!(answer.status == 401 || answer.status == 422, "{typed:?}");
        }
        for token in
            ["A".repeat(43), "eve@acme.example".into(), "null".into(), "%00".into(), " ".into()]
        {
            let fields = [("email", email.as_str()), ("name", "Eve"), ("password", &password)];
            let answer = app.browser().post(&format!("/invitation/{token}"), &fields).await;
            assert!(answer.status.is_client_error(), "{token}: {}", answer.status);
        }
        let ben = app.sign_in("ben").await;
        let add = [("email", email.as_str()), ("name", "Eve"), ("role", "Admin")];
        assert_eq!(ben.post("/settings/users", &add).await.status, 403);
        assert_eq!(app.audited("invitation.accepted").await, 0);
        assert_eq!(accept(&app, &link, "eve").await.1.status, 303);
        assert_eq!(app.audited("invitation.accepted").await, 1);
    }

    /// AT-83: wrong, disabled, unknown. One person in all three states, so that not even the
    /// length of the address differs.
    async fn at_83_nobody_learns_why_a_sign_in_was_refused(app) {
        let ada = app.admin("ada").await;
        let (stranger, ben, right) = (app.browser(), email("ben"), password("ben"));
        let wrong = stranger.sign_in(&ben, "not the password of ben").await;
        assert_eq!(app.act(&ada, "ben", "/disable").await.status, 303);
        let disabled = stranger.sign_in(&ben, &right).await;
        assert_eq!(app.act(&ada, "ben", "/remove").await.status, 303);
        let unknown = stranger.sign_in(&ben, &right).await;

        assert_eq!(wrong.status, 401);
        wrong.must_show("The email or the password is not right.");
        assert_eq!(all_of(&wrong, &ben), all_of(&disabled, &ben));
        assert_eq!(all_of(&wrong, &ben), all_of(&unknown, &ben));
        assert_eq!(stranger.cookie(), None);
        assert_eq!(app.audited("password.refused").await, 3);
    }

    /// AT-83: unknown, known, with a factor, without a password yet, disabled, removed: a refusal is
    /// the same to the byte, whichever password is typed. (`scripts/prove enumeration` measures that it
    /// takes the same time, `sign_in.rs` that it costs the same hash.)
    async fn at_83_every_refusal_at_the_first_door_is_the_same_to_the_byte(app) {
        let ada = app.admin("ada").await;
        for (who, name) in [("hal", "Hal Hooper"), ("ivy", "Ivy Irons"), ("jim", "Jim Jones")] {
            app.add(who, name, Role::Member, who != "ivy").await;
        }
        app.invite(&ada, "eve", "Admin").await;
        assert_eq!(app.act(&ada, "ivy", "/disable").await.status, 303);
        let jims = password("jim");
        assert_eq!(app.act(&ada, "jim", "/remove").await.status, 303);
        let wrong = "a long walk through marble";
        let unknown = app.browser().sign_in(&email("zoe"), wrong).await;
        assert_eq!(unknown.status, 401);
        let unknown = all_of(&unknown, &email("zoe"));
        for (who, typed) in [
            ("zoe", wrong),
            ("zoe", &*password("zoe")),
            ("ben", wrong),
            ("hal", wrong),
            ("ada", wrong),
            ("eve", wrong),
            ("ivy", wrong),
            ("ivy", &*password("ivy")),
            ("jim", &*jims),
        ] {
            let browser = app.browser();
            let answer = browser.sign_in(&email(who), typed).await;
            assert_eq!(all_of(&answer, &email(who)), unknown, "{who}");
            assert_eq!(browser.cookie(), None, "{who}");
            // What comes next tells no more: neither the page again, nor the second door.
            assert_eq!(browser.get("/sign-in/code").await.leads_to(), "/sign-in", "{who}");
            assert_eq!(browser.give_code("000000").await.leads_to(), "/sign-in", "{who}");
        }
        assert_eq!(app.audited("password.refused").await, 10);
    }

    /// AT-83: nor do links that open nothing tell whether they ever did, or for whom.
    async fn at_83_every_dead_link_is_the_same_to_the_byte(app) {
        let ada = app.admin("ada").await;
        let taken = app.password_link(&ada, "ben").await;
        assert_eq!(app.use_link(&app.browser(), &taken, NEW).await.status, 303);
        let replaced = app.password_link(&ada, "cleo").await;
        app.password_link(&ada, "cleo").await;
        let of_disabled = app.password_link(&ada, "dinesh").await;
        app.act(&ada, "dinesh", "/disable").await;
        let never = format!("/password/{}", "A".repeat(43));
        // Nothing that was sent in is on the page.
        let all = |answer: Answer| all_of(&answer, NEW);
        let fields = [("password", NEW)];
        let shown = all(app.browser().get(&never).await);
        let sent = all(app.browser().post(&never, &fields).await);
        assert!(shown.starts_with("410") && sent.starts_with("410"));
        for link in [taken, replaced, of_disabled, "/password/x".into(), "/password/null".into()] {
            assert_eq!(all(app.browser().get(&link).await), shown, "{link}");
            assert_eq!(all(app.browser().post(&link, &fields).await), sent, "{link}");
        }
    }
}
