//! Group F, as far as it exists: the session's cookie, and what a planted, stolen or computed value
//! is worth, step by step. There are no remembered devices.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::stories;

stories! {
    /// AT-69: a value that no session has never becomes one.
    async fn at_69_a_planted_value_never_becomes_a_session(app) {
        let planted = "A".repeat(43);
        let (ben, attacker) = (app.browser(), app.browser());
        ben.plant_cookie(&planted);
        attacker.plant_cookie(&planted);
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
        assert_ne!(ben.cookie().unwrap(), planted);
        assert!(ben.is_in().await);
        assert!(!attacker.is_in().await);
    }

    /// AT-69: a sign-in does not take over the session that came with it, which ends.
    async fn at_69_a_sign_in_never_takes_over_the_session_that_came_with_it(app) {
        let attacker = app.sign_in("dinesh").await;
        let planted = attacker.cookie().unwrap();
        let ben = app.browser();
        ben.plant_cookie(&planted);
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
        assert_ne!(ben.cookie().unwrap(), planted);
        ben.get("/").await.must_show("Ben Okafor");
        assert!(!attacker.is_in().await, "the planted session ended");
    }

    /// AT-69: the same before the code. The attacker knows the password and plants a session that
    /// waits for the code of the very same user: the owner gets in, the attacker's copy does not.
    async fn at_69_a_session_planted_before_the_code_opens_for_the_owner_alone(app) {
        let attacker = app.give_password("cleo").await;
        let cleo = app.give_password("cleo").await;
        cleo.plant_cookie(&attacker.cookie().unwrap());
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        assert!(cleo.is_in().await);
        assert!(!attacker.is_in().await);
        assert_eq!(attacker.get("/sign-in/code").await.leads_to(), "/sign-in");
    }

    /// AT-69: the same before an enrolment.
    async fn at_69_a_session_planted_before_an_enrolment_opens_for_who_confirms_it(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let attacker = app.give_password("ben").await;
        let ben = app.give_password("ben").await;
        ben.plant_cookie(&attacker.cookie().unwrap());
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/");
        assert!(ben.is_in().await);
        assert!(!attacker.is_in().await);
    }

    /// The code raises the assurance: another value, and the old one is dead in the same moment.
    async fn at_69_a_copy_taken_before_the_code_is_dead_after_it(app) {
        let cleo = app.give_password("cleo").await;
        let copy = cleo.stolen();
        cleo.give_code(&app.code("cleo")).await;
        assert_ne!(cleo.cookie(), copy.cookie());
        assert!(cleo.is_in().await);
        assert!(!copy.is_in().await);
        app.clock.next_code();
        assert_eq!(copy.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
        assert_eq!(app.audited("code.accepted").await, 1);
    }

    /// So does an enrolment …
    async fn a_copy_taken_before_an_enrolment_is_dead_after_it(app) {
        let ben = app.sign_in("ben").await;
        let copy = ben.stolen();
        app.enrol("ben", &ben).await;
        assert_ne!(ben.cookie(), copy.cookie());
        assert!(ben.is_in().await);
        assert!(!copy.is_in().await);
    }

    /// … and a fresh proof, by code or by password.
    async fn a_copy_taken_before_a_fresh_proof_is_dead_after_it(app) {
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        let (bens_copy, cleos_copy) = (ben.stolen(), cleo.stolen());
        app.prove("cleo", &cleo).await;
        assert_eq!(ben.post("/proof", &[("password", &password("ben"))]).await.leads_to(), "/");
        assert_ne!(ben.cookie(), bens_copy.cookie());
        assert_ne!(cleo.cookie(), cleos_copy.cookie());
        assert!(ben.is_in().await && cleo.is_in().await);
        assert!(!bens_copy.is_in().await && !cleos_copy.is_in().await);
        assert_eq!(app.audited("proof.given").await, 2);
    }

    /// Nothing else that ends sessions leaves the old value alive.
    async fn a_copy_is_dead_after_every_act_that_ends_other_sessions(app) {
        let cleo = app.sign_in("cleo").await;
        let copy = cleo.stolen();
        cleo.post("/settings/security/sessions/end-others", &[]).await;
        assert!(cleo.is_in().await && !copy.is_in().await, "ending the others");

        let copy = cleo.stolen();
        let new = [("password", "an otter sings below the bridge")];
        let answer = cleo.post("/settings/security/password", &new).await;
        assert_eq!(answer.leads_to(), "/settings/security", "{}", answer.text());
        assert!(cleo.is_in().await && !copy.is_in().await, "a change of password");

        let copy = cleo.stolen();
        let factor = app.factor_ids(&cleo).await.remove(0);
        let answer = cleo.post(&format!("/settings/security/factors/{factor}/remove"), &[]).await;
        assert_eq!(answer.leads_to(), "/settings/security", "{}", answer.text());
        assert!(cleo.is_in().await && !copy.is_in().await, "the removal of a factor");
    }

    /// A new sign-in in the same browser ends the session that was there, a failed one does not.
    async fn a_new_sign_in_ends_the_session_that_was_there(app) {
        let ben = app.sign_in("ben").await;
        let copy = ben.stolen();
        assert_eq!(ben.sign_in(&email("ben"), "not the password").await.status, 401);
        assert!(ben.is_in().await && copy.is_in().await);
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
        assert!(ben.is_in().await);
        assert!(!copy.is_in().await);
    }

    /// The cookie can be read by no script and goes to no other site, and a lost session takes it
    /// away.
    async fn the_cookie_belongs_to_this_site_alone(app) {
        let ben = app.browser();
        let answer = ben.sign_in(&email("ben"), &password("ben")).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Lax"]);
        let stale = app.browser();
        stale.plant_cookie(&"B".repeat(43));
        assert_eq!(stale.visit("/").await.status, 200);
        assert_eq!(stale.cookie(), None);
    }

    /// AT-69: a cookie that somebody planted before an invitation is accepted becomes nothing by it.
    async fn at_69_a_cookie_planted_before_an_invitation_does_not_become_the_session(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        let planted = app.give_password("ben").await;
        let eve = planted.stolen();
        assert_eq!(app.use_link(&eve, &link, &password("eve")).await.leads_to(), "/");
        assert_ne!(eve.cookie(), planted.cookie());
        assert!(!planted.get("/").await.shows("eve"), "whoever planted it sees the own session");
    }

    /// AT-70: a session's value is computed from nothing that anybody knows: not two are alike in any
    /// part, and neither names, numbers nor times, nor a value with one bit changed, open anything.
    async fn at_70_a_sessions_value_can_not_be_computed(app) {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for _ in 0..60 {
            let value = app.give_password("ben").await.cookie().unwrap();
            seen.push(URL_SAFE_NO_PAD.decode(value).unwrap());
        }
        assert!(seen.iter().all(|value| value.len() == 32), "256 bits");
        for at in (0..32).step_by(4) {
            let parts: BTreeSet<_> = seen.iter().map(|value| &value[at..at + 4]).collect();
            assert_eq!(parts.len(), seen.len(), "bytes {at} to {}", at + 4);
        }

        let ben = app.sign_in("ben").await;
        let (user, real) = (app.id("ben").await.to_string(), ben.cookie().unwrap());
        let session = app.other_session_ids(&ben).await.remove(0);
        let now = app.clock.now().millis();
        let mut known = vec![
            user.clone(),
            session,
            email("ben"),
            "ben".into(),
            now.to_string(),
            (now / 1000).to_string(),
            format!("{user}:{now}"),
            format!("{}:{now}", email("ben")),
        ];
        known.extend((0..4).map(|n| n.to_string()));
        let mut tries = BTreeSet::new();
        for text in &known {
            let padded: Vec<u8> = text.bytes().chain(std::iter::repeat(0)).take(32).collect();
            let bare = text.replace('-', "");
            tries.extend([
                text.clone(),
                URL_SAFE_NO_PAD.encode(text),
                URL_SAFE_NO_PAD.encode(&padded),
            ]);
            tries.insert(
                URL_SAFE_NO_PAD.encode(bare.repeat(32).as_bytes().get(..32).unwrap_or_default()),
            );
        }
        let bytes = URL_SAFE_NO_PAD.decode(&real).unwrap();
        for bit in 0..256 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            tries.insert(URL_SAFE_NO_PAD.encode(other));
        }
        assert!(!tries.contains(&real));
        for value in tries {
            let forger = app.browser();
            forger.plant_cookie(&value);
            assert_eq!(forger.get("/").await.leads_to(), "/sign-in", "{value}");
        }
        assert!(ben.is_in().await);
    }
}
