//! Another address for oneself: proven by a link that comes to it.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, Received, TestApp, stories};

const NEW: &str = "benjamin@acme.example";

/// Asks for another address, and answers the token of the link that comes to it.
pub(crate) async fn ask(app: &TestApp, browser: &Client, new: &str) -> Option<String> {
    let answer = browser.post("/settings/security/email", &[("email", new)]).await;
    answer.must_show("A link is on its way to");
    let mails = app.deliver().await;
    let told = mails.iter().find(|mail| mail.subject.contains("asked to change"));
    assert_ne!(told.unwrap().to, new, "the old address is told");
    let confirm = mails.iter().find(|mail| mail.subject.ends_with("Confirm your new address"));
    confirm.map(|mail: &Received| {
        assert_eq!(mail.to, new);
        let path = app.path_of_link(&mail.link());
        path.strip_prefix("/address/").unwrap().to_owned()
    })
}

pub(crate) async fn confirm(browser: &Client, token: &str) -> vestibule_testkit::Answer {
    browser.post("/settings/security/email/confirm", &[("token", token)]).await
}

stories! {
    /// Asked for, confirmed by the link, both addresses told, every other session ended.
    async fn it_changes_when_the_new_address_is_proven(mailing app) {
        let (ben, elsewhere) = (app.sign_in("ben").await, app.sign_in("ben").await);
        let token = ask(&app, &ben, NEW).await.unwrap();
        assert_eq!(app.browser().sign_in(NEW, &password("ben")).await.status, 401, "not yet");
        let path = format!("/address/{token}");
        let stranger = app.browser().get(&path).await;
        stranger.must_show("Sign in first");
        assert!(!stranger.body.contains(NEW));
        app.sign_in("dinesh").await.get(&path).await.must_show("Sign in first");
        let page = ben.get(&path).await;
        page.must_show(NEW);
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(page.field("token").as_deref(), Some(token.as_str()));
        // That page is nobody's origin to a browser.
        let headers = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        let fields = [("token", token.as_str())];
        let act = "/settings/security/email/confirm";
        let done = ben.send(vestibule_testkit::Method::POST, act, Some(&fields), &headers).await;
        assert_eq!(done.location().as_deref(), Some("/settings/security?done=email-changed"));
        ben.get("/settings/security").await.must_show(NEW);
        assert_eq!(elsewhere.get("/").await.leads_to(), "/sign-in");
        let mut readers: Vec<String> =
            app.deliver().await.into_iter().map(|mail| mail.to).collect();
        readers.sort();
        assert_eq!(readers, [email("ben"), NEW.to_owned()]);
        assert_eq!(app.browser().sign_in(NEW, &password("ben")).await.status, 303);
        assert_eq!(app.browser().sign_in(&email("ben"), &password("ben")).await.status, 401);
        let ada = app.admin("ada").await;
        ada.get("/settings/users?search=benjamin").await.must_show(NEW);
        assert_eq!(app.audited("email.change_asked").await, 1);
        assert_eq!(app.audited("email.changed").await, 1);
        assert_eq!(confirm(&ben, &token).await.status, 410, "once");
    }

    /// It takes a fresh proof, when it is asked for and when it is confirmed; what was typed is
    /// carried through it.
    async fn it_takes_a_fresh_proof(mailing app) {
        let cleo = app.sign_in("cleo").await;
        app.clock.outlive_proofs();
        let asked = cleo.post("/settings/security/email", &[("email", "c@acme.example")]).await;
        asked.must_show("change your email address");
        app.prove_as_asked("cleo", &cleo, &asked).await.must_show("A link is on its way");
        let mails = app.deliver().await;
        let mail = mails.iter().find(|mail| mail.to == "c@acme.example").unwrap();
        let link = app.path_of_link(&mail.link());
        app.clock.outlive_proofs();
        let token = cleo.get(&link).await.field("token").unwrap();
        let asked = confirm(&cleo, &token).await;
        let done = app.prove_as_asked("cleo", &cleo, &asked).await;
        done.must_show("c@acme.example");
        assert_eq!(app.audited("email.changed").await, 1);
    }

    /// An old link after a later one, after any change of the login, after an hour, and of another
    /// user: it changes nothing (AT-82).
    async fn at_82_an_old_link_is_dead(mailing app) {
        let ben = app.sign_in("ben").await;
        let first = ask(&app, &ben, "first@acme.example").await.unwrap();
        let second = ask(&app, &ben, "second@acme.example").await.unwrap();
        assert_eq!(confirm(&ben, &first).await.status, 410, "replaced");
        assert_eq!(confirm(&app.sign_in("dinesh").await, &second).await.status, 410, "not theirs");
        assert_eq!(confirm(&ben, &second).await.status, 303);
        assert_eq!(confirm(&ben, &first).await.status, 410, "after a later change");
        let third = ask(&app, &ben, "third@acme.example").await.unwrap();
        assert_eq!(ben.post("/settings/security/sessions/end-others", &[]).await.status, 303);
        assert_eq!(confirm(&ben, &third).await.status, 410, "another epoch");
        let fourth = ask(&app, &ben, "fourth@acme.example").await.unwrap();
        app.clock.advance(Duration::from_secs(3599));
        ben.get("/").await;
        app.clock.advance(Duration::from_secs(1));
        let page = ben.get(&format!("/address/{fourth}")).await;
        assert!(!page.shows("fourth@acme.example"));
        ben.get("/settings/security").await.must_show("second@acme.example");
    }

    /// An address of somebody else's: who asks learns nothing, no mail goes there, and if it is
    /// taken between asking and confirming, it stays theirs (AT-82).
    async fn at_82_an_address_of_somebody_else_stays_theirs(mailing app) {
        let ben = app.sign_in("ben").await;
        assert_eq!(ask(&app, &ben, &email("dinesh")).await, None);
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe", vestibule_domain::user::Role::Admin, false).await;
        assert_eq!(ask(&app, &ben, "ZOE@acme.example").await, None, "in no account");
        // Cyrillic letters that look like Latin ones.
        app.add("coco", "Coco", vestibule_domain::user::Role::Member, false).await;
        assert_eq!(ask(&app, &ben, "сосо@acme.example").await, None, "nor a look-alike");
        let token = ask(&app, &ben, "eve@acme.example").await.unwrap();
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Member").await;
        let refused = confirm(&ben, &token).await;
        refused.must_show("This address cannot be yours");
        assert_eq!(app.audited("refused.address_taken").await, 1);
        ben.get("/settings/security").await.must_show(&email("ben"));
        assert_eq!(ben.get("/").await.status, 200, "and nothing has ended");
    }

    /// What is no address, and the own one, are refused where they were typed.
    async fn mistakes_are_said_at_the_field(mailing app) {
        let ben = app.sign_in("ben").await;
        for (typed, words) in [
            ("ben@", "Type an email address"),
            ("BEN@acme.example", "This is your address already."),
        ] {
            let page = ben.post("/settings/security/email", &[("email", typed)]).await;
            assert_eq!(page.status, 422);
            page.must_show(words);
            assert_eq!(page.field("email").as_deref(), Some(typed));
        }
        for number in 0..5 {
            ask(&app, &ben, &format!("b{number}@acme.example")).await;
        }
        let page = ben.post("/settings/security/email", &[("email", NEW)]).await;
        page.must_show("You asked for many links just now.");
    }

    /// Without a mail server nobody can show that an address is theirs, so it is not offered.
    async fn without_mail_it_is_not_offered(app) {
        let ben = app.sign_in("ben").await;
        let page = ben.get("/settings/security").await;
        page.must_show("For another address, ask an Admin to invite you under it.");
        assert_eq!(page.link("Change email"), None);
        let answer = ben.post("/settings/security/email", &[("email", NEW)]).await;
        answer.must_show("This address stays");
        ben.get("/settings/security").await.must_show(&email("ben"));
    }
}
