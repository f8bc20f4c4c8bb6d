//! Settings → Security: what users change about their own login.

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, TestApp, stories};

const NEW: &str = "an otter sings below the bridge";

pub(crate) fn remove(factor: &str) -> String {
    format!("/settings/security/factors/{factor}/remove")
}

pub(crate) fn rename(factor: &str) -> String {
    format!("/settings/security/factors/{factor}/name")
}

/// Cleo, signed in just now, with a second app that is called "Authenticator app 2".
pub(crate) async fn with_two_apps(app: &TestApp) -> (Client, [String; 2]) {
    let cleo = app.sign_in("cleo").await;
    assert_eq!(app.enrol("cleo's tablet", &cleo).await.leads_to(), "/settings/security");
    let factors = app.factor_ids(&cleo).await;
    (cleo, factors.try_into().unwrap())
}

stories! {
    /// A user turns MFA on for themselves, while nobody asks for it.
    async fn a_user_turns_mfa_on_for_themselves(app) {
        let ben = app.sign_in("ben").await;
        let page = ben.get("/settings/security").await;
        page.must_show("MFA is off for you: your password alone signs you in.");
        page.must_show("Turn MFA on");
        app.scan("ben", &ben.get("/enrolment").await);
        let page = ben.submit("/enrolment", &[("code", &app.code("ben"))]).await;
        let page = app.keep_shown(&ben, &page).await;
        page.must_show("The app is added: from now on its codes let you in.");
        page.must_show("MFA is on for you");
        ben.get("/").await.must_show("Security code from Authenticator app");
        assert_eq!(app.audited("factor.added").await, 1);
        let anew = app.give_password("ben").await;
        assert_eq!(anew.get("/").await.leads_to(), "/sign-in/code");
    }

    /// With two apps, either's code lets in, and the page names both.
    async fn either_of_two_apps_lets_in(app) {
        with_two_apps(&app).await;
        for which in ["cleo", "cleo's tablet"] {
            let anew = app.give_password("cleo").await;
            anew.visit("/").await.must_show("( Authenticator app or Authenticator app 2 )");
            app.clock.next_code();
            assert_eq!(anew.give_code(&app.code(which)).await.leads_to(), "/", "{which}");
        }
        let page = app.sign_in("cleo").await.get("/").await;
        page.must_show("Security code from Authenticator app");
    }

    /// An app is called what its user says, and shown as it was typed.
    async fn an_app_is_renamed(app) {
        let (cleo, [factor, _]) = with_two_apps(&app).await;
        let name = "<b>Cleo's</b> phone & \"key\"";
        let page = cleo.submit(&rename(&factor), &[("name", name)]).await;
        page.must_show("The app is renamed.");
        assert!(!page.body.contains("<b>Cleo"));
        let door = app.give_password("cleo").await.visit("/").await;
        door.must_show(&format!("( {name} or Authenticator app 2 )"));
        assert!(!door.body.contains("<b>Cleo"));
        for (typed, words) in [
            ("  ", "Type a name."),
            (&*"x".repeat(101), "Use at most 100 characters."),
            ("\u{202e}enohp", "This name has a character that cannot be shown."),
        ] {
            let page = cleo.post(&rename(&factor), &[("name", typed)]).await;
            assert_eq!(page.status, 422, "{typed:?}");
            page.must_show(words);
        }
        assert_eq!(app.audited("factor.renamed").await, 1);
    }

    /// With the switch off the last app can go; then the password alone signs in again.
    async fn the_last_app_can_be_removed_while_the_switch_is_off(app) {
        let cleo = app.sign_in("cleo").await;
        let factor = app.factor_ids(&cleo).await.remove(0);
        let other = app.sign_in("cleo").await;
        let page = cleo.submit(&remove(&factor), &[]).await;
        page.must_show("The app is removed: its codes no longer let anyone in.");
        page.must_show("MFA is off for you");
        cleo.get("/").await.must_show("Security code not asked for");
        assert!(!other.is_in().await, "other sessions end");
        assert!(app.give_password("cleo").await.is_in().await);
        assert_eq!(app.audited("factor.removed").await, 1);
    }

    /// The proof that a removed app gave goes with it: the acting session is asked for a code of
    /// the one that is left, at once.
    async fn the_proof_of_a_removed_app_goes_with_it(app) {
        let (cleo, [phone, tablet]) = with_two_apps(&app).await;
        // The tablet's code was the last proof.
        let answer = cleo.post(&remove(&tablet), &[]).await;
        assert_eq!(answer.leads_to(), "/settings/security");
        assert_eq!(cleo.get("/").await.leads_to(), "/sign-in/code");
        app.clock.next_code();
        assert_eq!(cleo.give_code(&app.code("cleo's tablet")).await.status, 401, "it is gone");
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        assert_eq!(app.factor_ids(&cleo).await, [phone]);
    }

    /// Removing the other one keeps it.
    async fn the_proof_of_an_app_that_stays_is_kept(app) {
        let (cleo, [phone, tablet]) = with_two_apps(&app).await;
        assert_eq!(cleo.post(&remove(&phone), &[]).await.leads_to(), "/settings/security");
        assert!(cleo.is_in().await);
        assert_eq!(app.factor_ids(&cleo).await, [tablet]);
        let anew = app.give_password("cleo").await;
        app.clock.next_code();
        assert_eq!(anew.give_code(&app.code("cleo")).await.status, 401);
        assert_eq!(anew.give_code(&app.code("cleo's tablet")).await.leads_to(), "/");
    }

    /// A change of password ends the other sessions, and this one goes on.
    async fn a_change_of_password_ends_every_other_session(app) {
        let (ben, other) = (app.sign_in("ben").await, app.sign_in("ben").await);
        ben.get("/settings/security/password").await.must_show("Your other sessions end; this one goes on.");
        let page = ben.submit("/settings/security/password", &[("password", NEW)]).await;
        page.must_show("Your password is changed. Your other sessions have ended.");
        assert!(ben.is_in().await);
        assert!(!other.is_in().await);
        let stranger = app.browser();
        assert_eq!(stranger.sign_in(&email("ben"), &password("ben")).await.status, 401);
        assert_eq!(stranger.sign_in(&email("ben"), NEW).await.leads_to(), "/");
        assert_eq!(app.audited("password.changed").await, 1);
    }

    /// It ends sign-ins under way as well, and takes no factor.
    async fn a_change_of_password_ends_sign_ins_under_way(app) {
        let cleo = app.sign_in("cleo").await;
        let under_way = app.give_password("cleo").await;
        assert_eq!(cleo.post("/settings/security/password", &[("password", NEW)]).await.status, 303);
        app.clock.next_code();
        assert_eq!(under_way.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
        let anew = app.browser();
        assert_eq!(anew.sign_in(&email("cleo"), NEW).await.leads_to(), "/sign-in/code");
        assert_eq!(anew.give_code(&app.code("cleo")).await.leads_to(), "/");
    }

    /// A password that cannot be used is refused in clear words, and the old one stays.
    async fn a_bad_password_is_refused_in_clear_words(app) {
        let ben = app.sign_in("ben").await;
        let guessable = "This password is easy to guess";
        for (bad, words) in [
            ("", "Use at least 12 characters."),
            ("hf8 q2!zk3v", "Use at least 12 characters."),
            (&*"q7 f".repeat(33), "Use at most 128 characters."),
            (&*password("ben"), "This is the password you have already. Choose another."),
            ("password1234", guessable),
            ("aaaaaaaaaaaaaaaa", guessable),
            ("123456789012345", guessable),
            ("ben@acme.example", guessable),
            ("acmeacmeacme", guessable),
            ("Ben Okafor 1", guessable),
            ("acme.example.ben", guessable),
            ("Analytics2027!", guessable),
            ("BenOkafor@Acme1", guessable),
        ] {
            let page = ben.post("/settings/security/password", &[("password", bad)]).await;
            assert_eq!(page.status, 422, "{bad:?}");
            page.must_show(words);
            let shown = page.between("name=\"password\"", ">");
            assert!(!shown.contains("value="), "{bad:?}");
        }
        assert!(ben.is_in().await);
        app.give_password("ben").await;
        assert_eq!(app.audited("password.changed").await, 0);
    }

    /// Any letters and signs will do, and count as they are.
    async fn a_password_may_be_of_any_letters(app) {
        let ben = app.sign_in("ben").await;
        for new in ["ворона гуляет ночью", " spaces at both ends ", "🦦🌉🎶🪵🌾🐚🧭🪁🫖🧶🪞🛶", "e\u{301}te\u{301} 7+7=%2b&ok"] {
            let answer = ben.post("/settings/security/password", &[("password", new)]).await;
            assert_eq!(answer.status, 303, "{new}: {}", answer.text());
            assert_eq!(app.browser().sign_in(&email("ben"), new).await.leads_to(), "/", "{new}");
        }
        let composed = "\u{e9}t\u{e9} 7+7=%2b&ok";
        assert_eq!(app.browser().sign_in(&email("ben"), composed).await.leads_to(), "/");
        assert_eq!(app.browser().sign_in(&email("ben"), "spaces at both ends").await.status, 401);
    }

    /// A name is shown as it was typed, and does nothing.
    async fn a_hostile_name_is_only_a_name(app) {
        let ben = app.sign_in("ben").await;
        let name = "<script>alert(1)</script> \"onload='x'\" {{7*7}} &amp;";
        let page = ben.submit("/settings/security/name", &[("name", name)]).await;
        page.must_show("Your name is changed.");
        page.must_show(name);
        let ada = app.admin("ada").await;
        let user = format!("/settings/users/{}", app.id("ben").await);
        for page in [ben.get("/").await, ada.get("/settings/users").await, ada.get(&user).await] {
            page.must_show(name);
            assert!(!page.body.contains("<script>alert") && !page.body.contains("\"onload"));
        }
        for (typed, words) in [
            ("", "Type a name."),
            (" \u{3000} ", "Type a name."),
            (&*"é".repeat(101), "Use at most 100 characters."),
            ("Ben\u{202e}rofakO", "This name has a character that cannot be shown."),
            ("Ben\r\nBcc: all", "This name has a character that cannot be shown."),
        ] {
            let page = ben.post("/settings/security/name", &[("name", typed)]).await;
            assert_eq!(page.status, 422, "{typed:?}");
            page.must_show(words);
        }
        ben.get("/").await.must_show(name);
        assert_eq!(app.audited("name.changed").await, 1);
    }
}
