//! Recovery codes: shown until they are kept, each good once, and dead with the last factor.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, RECOVERY_CODES, TestApp, codes_on, stories};

const USED: &str = "/settings/security/recovery-codes/used";
const KEPT: &str = "/settings/security/recovery-codes/kept";
const DOWNLOAD: &str = "/settings/security/recovery-codes/download";

/// Ben, who turned MFA on for himself and kept his codes.
pub(crate) async fn ben_with_codes(app: &TestApp) -> Client {
    app.sign_in_and_enrol("ben").await
}

/// Gives a code, of whatever kind, at the second door, from the form for recovery codes.
pub(crate) async fn give(browser: &Client, code: &str) -> Answer {
    browser.post("/sign-in/code", &[("code", code), ("with", "recovery-code")]).await
}

/// Whether a code opens the second door in a browser that has been nowhere.
pub(crate) async fn opens(app: &TestApp, code: &str) -> bool {
    let browser = app.give_password("ben").await;
    give(&browser, code).await.status == 303 && browser.is_in().await
}

/// Makes the codes anew and keeps them.
async fn renew(app: &TestApp, ben: &Client) -> Answer {
    let answer = ben.post(RECOVERY_CODES, &[]).await;
    app.keep_codes("ben", ben).await;
    answer
}

stories! {
    /// A code that was used before the list was kept is struck off it: each that is shown lets in.
    async fn a_used_code_is_shown_no_more(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let mut codes = codes_on(&ben.visit("/").await);
        while let Some(used) = codes.pop() {
            let browser = app.give_password("ben").await;
            assert_eq!(give(&browser, &used).await.status, 303, "{} left", codes.len());
            let page = browser.visit("/").await;
            if codes.is_empty() {
                assert!(browser.is_in().await, "there is nothing to keep any more");
            } else {
                page.must_show("Keep your recovery codes");
                assert_eq!(codes_on(&page), codes);
            }
        }
        assert_eq!(app.audited("recovery_code.used").await, 10);
    }

    /// With the first factor come ten codes, all different, in groups that can be typed. The page
    /// shows the same ones again until it is told that they are kept, and leads back.
    async fn the_page_does_not_let_go_until_they_are_kept(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let page = ben.visit("/settings/security?done=app-added").await;
        page.must_show("Keep your recovery codes");
        let codes = codes_on(&page);
        let mut unlike = codes.clone();
        unlike.sort();
        unlike.dedup();
        assert_eq!((codes.len(), unlike.len()), (10, 10));
        for code in &codes {
            let groups: Vec<&str> = code.split('-').collect();
            assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{code}");
        }
        for path in ["/", "/settings/security", "/settings/security/password", USED] {
            let answer = ben.get(path).await;
            assert_eq!(answer.leads_to(), RECOVERY_CODES, "{path}");
            assert_eq!(codes_on(&ben.visit(path).await), codes, "the same ones");
        }
        let page = ben.visit("/settings/security?done=app-added").await;
        let fields = [
            ("set", page.field("set").unwrap()),
            ("return_to", page.field("return_to").unwrap()),
        ];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let kept = ben.post(KEPT, &fields).await;
        assert_eq!(kept.location().unwrap(), "/settings/security?done=app-added");
        let security = ben.get(&kept.location().unwrap()).await;
        security.must_show("The app is added");
        security.must_show("10 of 10 left");
        for path in [RECOVERY_CODES, DOWNLOAD] {
            let answer = ben.get(path).await;
            assert_eq!(answer.leads_to(), "/settings/security", "never again");
        }
        for kind in ["recovery_codes.made", "recovery_codes.kept"] {
            assert_eq!(app.audited(kind).await, 1, "{kind}");
        }
    }

    /// Led here by the switch, an Admin comes back to the switch, which is on.
    async fn an_admin_led_through_enrolment_comes_back_to_the_switch(app) {
        let ada = app.sign_in("ada").await;
        let page = ada.submit("/settings/account/mfa", &[("required", "true")]).await;
        app.scan("ada", &page);
        app.clock.next_code();
        let page = ada.submit("/enrolment", &[("code", &app.code("ada")), ("for", "everyone")]).await;
        page.must_show("Keep your recovery codes");
        let (set, return_to) = (page.field("set").unwrap(), page.field("return_to").unwrap());
        let page = ada.submit(KEPT, &[("set", &set), ("return_to", &return_to)]).await;
        page.must_show("Two-factor sign-in is on for everyone.");
    }

    /// Signing out works, and the next sign-in meets the same codes: a lost answer loses nothing.
    async fn signing_out_works_while_they_wait(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let codes = codes_on(&ben.get(RECOVERY_CODES).await);
        assert_eq!(ben.post("/sign-out", &[]).await.leads_to(), "/sign-in");
        let again = app.give_password("ben").await;
        for path in [RECOVERY_CODES, DOWNLOAD] {
            let answer = again.get(path).await;
            assert_eq!(answer.leads_to(), "/sign-in/code", "not before the second door");
        }
        app.clock.next_code();
        again.give_code(&app.code("ben")).await;
        assert_eq!(codes_on(&again.visit("/").await), codes);
        app.keep_codes("ben", &again).await;
        assert_eq!(again.get("/").await.status, 200);
    }

    /// They are as good as a factor: who merely holds a cookie does not read them.
    async fn a_stale_session_does_not_read_them(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        assert_eq!(ben.get(RECOVERY_CODES).await.status, 200);
        app.clock.outlive_proofs();
        for path in [RECOVERY_CODES, DOWNLOAD] {
            let answer = ben.get(path).await;
            assert_eq!(answer.leads_to(), "/proof", "{path}");
        }
        let page = ben.visit("/settings/security").await;
        page.must_show("You are about to see your recovery codes.");
        assert!(codes_on(&page).is_empty());
        page.must_show("Sign out");
        app.clock.next_code();
        let return_to = page.field("return_to").unwrap();
        let fields = [("code", app.code("ben")), ("return_to", return_to)];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(codes_on(&ben.submit("/proof", &fields).await).len(), 10);
    }

    /// The file holds whose they are and all of them, and is a file to every browser.
    async fn they_can_be_downloaded_without_a_script(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let codes = codes_on(&ben.get(RECOVERY_CODES).await);
        let file = ben.get(DOWNLOAD).await;
        assert_eq!(file.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(
            file.headers["content-disposition"],
            "attachment; filename=\"recovery-codes.txt\""
        );
        assert_eq!(file.headers["cache-control"], "no-store");
        assert!(file.body.starts_with("Recovery codes of ben@acme.example at Acme Analytics\r\n"));
        for code in &codes {
            assert!(file.body.contains(&format!("\r\n{code}\r\n")), "{code}");
        }
    }

    /// Password and recovery code, once: in, told what is left, offered a new app. The second time
    /// it says so.
    async fn each_opens_the_second_door_once(app) {
        let old = ben_with_codes(&app).await;
        let code = app.recovery_code("ben", 0);
        let ben = app.give_password("ben").await;
        let page = ben.get("/sign-in/code").await;
        let recovery = ben.get(&page.link("Use a recovery code instead").unwrap()).await;
        recovery.must_show("Enter a recovery code");
        let answer = give(&ben, &code).await;
        assert_eq!(answer.leads_to(), USED);
        let offer = ben.get(USED).await;
        offer.must_show("It does not work again. 9 recovery codes are left.");
        assert_eq!(offer.link("Set up a new app").unwrap(), "/enrolment");
        ben.get("/").await.must_show("Recovery code used");
        ben.get("/settings/security").await.must_show("9 of 10 left");
        assert!(!old.is_in().await, "every other session has ended");

        let again = app.give_password("ben").await;
        let answer = give(&again, &code).await;
        assert_eq!(answer.status, 401);
        answer.must_show("This recovery code was used before.");
        assert!(!again.is_in().await);
        assert_eq!(app.audited("recovery_code.used").await, 1);
        assert_eq!(app.audited("recovery_code.spent").await, 1);
    }

    /// As people type them: small letters, spaces or nothing between the groups, digits for the
    /// letters that they look like; and in the form for security codes too.
    async fn it_may_be_typed_as_people_type(app) {
        ben_with_codes(&app).await;
        let typed: [fn(&str) -> String; 4] = [
            |code| code.to_lowercase(),
            |code| format!("  {} ", code.replace('-', " ")),
            |code| code.replace('-', ""),
            |code| code.replace('O', "0").replace('I', "1").replace('B', "8"),
        ];
        for (index, typed) in typed.iter().enumerate() {
            let code = typed(&app.recovery_code("ben", index));
            assert!(opens(&app, &code).await, "{code}");
        }
        let ben = app.give_password("ben").await;
        assert_eq!(ben.give_code(&app.recovery_code("ben", 5)).await.leads_to(), USED);
        // And six digits are a security code, wherever they are typed.
        let ben = app.give_password("ben").await;
        app.clock.next_code();
        assert_eq!(give(&ben, &app.code("ben")).await.leads_to(), "/");
    }

    /// What is refused is explained, where it is mended; nothing of it is shown again.
    async fn a_refusal_says_why(app) {
        ben_with_codes(&app).await;
        app.sign_in("cleo").await;
        let ben = app.give_password("ben").await;
        for (typed, status, why) in [
            ("", 422, "A recovery code has sixteen letters and digits."),
            ("ABCD-EFGH", 422, "A recovery code has sixteen letters and digits."),
            ("ABCD-EFGH-IJKL-MNO9", 422, "A recovery code has sixteen letters and digits."),
            ("ABCD-EFGH-IJKL-MNOP", 401, "This is not one of your recovery codes."),
        ] {
            let answer = give(&ben, typed).await;
            assert_eq!(answer.status, status, "{typed}");
            answer.must_show(why);
            answer.must_show("Enter a recovery code");
            assert_eq!(answer.field("code").unwrap(), "", "not shown again");
        }
        assert_eq!(app.audited("recovery_code.wrong").await, 1, "the rest was compared with nothing");
        // Cleo, who had MFA on before there were codes, has none.
        let cleo = app.give_password("cleo").await;
        give(&cleo, &app.recovery_code("ben", 0)).await.must_show("You have no recovery codes");
    }

    /// A fresh proof too: the act that was asked for is carried through the other form, and done.
    async fn a_recovery_code_is_a_fresh_proof(app) {
        let ben = ben_with_codes(&app).await;
        let factor = app.factor_ids(&ben).await.remove(0);
        app.clock.outlive_proofs();
        let act = format!("/settings/security/factors/{factor}/name");
        let asked = ben.post(&act, &[("name", "Old phone")]).await;
        let mut fields = asked.carried_fields();
        fields.push(("instead".into(), "recovery-code".into()));
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let form = ben.post("/proof", &fields).await;
        form.must_show("Type one of your recovery codes");
        let mut fields = form.carried_fields();
        fields.push(("code".into(), app.recovery_code("ben", 0)));
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let done = ben.submit("/proof", &fields).await;
        done.must_show("The app is renamed.");
        done.must_show("9 of 10 left");
        // Used before: the same form again, with the act still in it.
        app.clock.outlive_proofs();
        let again = ben.post("/proof", &fields).await;
        again.must_show("This recovery code was used before.");
        assert!(again.carried_fields().contains(&("act".into(), act)));
    }

    /// Making them anew asks for a fresh proof, voids the old ones, ends every other session, and
    /// holds the user until the new ones are kept.
    async fn made_anew_the_old_ones_are_void(app) {
        let ben = ben_with_codes(&app).await;
        let old = app.recovery_code("ben", 0);
        app.clock.outlive_proofs();
        ben.post(RECOVERY_CODES, &[]).await.must_show("You are about to make new recovery codes.");
        app.prove("ben", &ben).await;
        let answer = ben.post(RECOVERY_CODES, &[]).await;
        assert_eq!(answer.leads_to(), RECOVERY_CODES);
        let page = ben.get(&answer.location().unwrap()).await;
        assert_eq!(page.field("return_to").unwrap(), "/settings/security?done=codes-made");
        assert_eq!(ben.get("/").await.leads_to(), RECOVERY_CODES);
        app.keep_codes("ben", &ben).await;
        assert!(ben.is_in().await);
        assert_ne!(app.recovery_code("ben", 0), old);
        assert!(!opens(&app, &old).await);
        assert!(opens(&app, &app.recovery_code("ben", 0)).await);
    }

    /// "Kept" is said of the set that was seen: not of one that took its place meanwhile.
    async fn keeping_an_older_set_keeps_no_newer_one(app) {
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let seen = ben.get(RECOVERY_CODES).await.field("set").unwrap();
        ben.post(RECOVERY_CODES, &[]).await;
        let answer = ben.submit(KEPT, &[("set", &seen)]).await;
        answer.must_show("These are newer.");
        assert_ne!(answer.field("set").unwrap(), seen);
        app.keep_codes("ben", &ben).await;
        assert!(opens(&app, &app.recovery_code("ben", 0)).await);
    }

    /// Another user's identifier of a set keeps nothing.
    async fn nobody_keeps_anothers_set(app) {
        let (ben, dinesh) = (app.sign_in("ben").await, app.sign_in("dinesh").await);
        app.enrol_without_keeping("ben", &ben).await;
        app.enrol_without_keeping("dinesh", &dinesh).await;
        let set = ben.get(RECOVERY_CODES).await.field("set").unwrap();
        dinesh.post(KEPT, &[("set", &set)]).await;
        assert_eq!(ben.get("/").await.leads_to(), RECOVERY_CODES);
        assert_eq!(dinesh.get("/").await.leads_to(), RECOVERY_CODES);
        assert_eq!(dinesh.post(KEPT, &[("set", "no set")]).await.status, 400);
    }

    /// They stand in for a factor and count as none: with the last one they die, and the next
    /// first factor brings new ones.
    async fn they_die_with_the_last_factor(app) {
        let ben = ben_with_codes(&app).await;
        let code = app.recovery_code("ben", 0);
        app.enrol("ben's tablet", &ben).await;
        let [first, second] = app.factor_ids(&ben).await.try_into().unwrap();
        ben.post(&format!("/settings/security/factors/{first}/remove"), &[]).await;
        ben.get("/settings/security").await.must_show("10 of 10 left");
        ben.post(&format!("/settings/security/factors/{second}/remove"), &[]).await;
        let page = ben.get("/settings/security").await;
        assert!(!page.shows("Recovery codes"), "nothing that they could stand in for");
        assert_eq!(ben.post(RECOVERY_CODES, &[]).await.leads_to(), "/sign-in", "nor be made for");
        app.enrol("ben", &app.sign_in("ben").await).await;
        assert!(!opens(&app, &code).await);
        assert!(opens(&app, &app.recovery_code("ben", 0)).await);
    }

    /// An Admin's reset takes them too.
    async fn a_reset_by_an_admin_takes_them(app) {
        ben_with_codes(&app).await;
        let ada = app.admin("ada").await;
        let page = ada.get(&app.user_path("ben", "").await).await;
        page.must_show("Recovery codes 10 left");
        assert_eq!(app.act(&ada, "ben", "/factors/reset").await.status, 303);
        let code = app.recovery_code("ben", 0);
        app.enrol("ben", &app.sign_in("ben").await).await;
        assert!(!opens(&app, &code).await);
    }

    /// A recover link replaces them with the app, and not before the new one is confirmed.
    async fn a_recover_link_replaces_them_with_the_app(app) {
        ben_with_codes(&app).await;
        let code = app.recovery_code("ben", 0);
        let new = "an otter sings in the marble hall";
        let (back, link) = (app.browser(), app.recover_path("ben").await);
        app.use_link(&back, &link, new).await;
        let other = app.browser();
        other.sign_in(&email("ben"), new).await;
        assert_eq!(give(&other, &code).await.leads_to(), USED, "until then they hold");
        // Which ended what the link had begun: whoever makes the next one begins anew.
        assert_eq!(back.get("/enrolment").await.leads_to(), "/sign-in");
        let (back, link) = (app.browser(), app.recover_path("ben").await);
        app.use_link(&back, &link, "another otter sings along").await;
        let answer = app.enrol("ben", &back).await;
        assert_eq!(answer.leads_to(), "/");
        let other = app.browser();
        other.sign_in(&email("ben"), "another otter sings along").await;
        assert_eq!(give(&other, &code).await.status, 401);
        assert_eq!(give(&other, &app.recovery_code("ben", 0)).await.leads_to(), USED);
    }

    /// An app more brings no new codes, and voids none.
    async fn another_app_leaves_them_alone(app) {
        let ben = ben_with_codes(&app).await;
        let answer = app.enrol_without_keeping("ben's tablet", &ben).await;
        assert_eq!(answer.leads_to(), "/settings/security");
        ben.get("/settings/security").await.must_show("10 of 10 left");
        assert!(opens(&app, &app.recovery_code("ben", 0)).await);
    }

    /// Who had MFA on before there were recovery codes notices no change, and is offered them.
    async fn who_enrolled_before_there_were_codes_is_offered_them(app) {
        let cleo = app.sign_in("cleo").await;
        cleo.get("/").await.must_show("You have no recovery codes.");
        cleo.get("/settings/security").await.must_show("Make recovery codes");
        renew(&app, &cleo).await;
        let page = cleo.get("/").await;
        assert!(page.status == 200 && !page.shows("You have no recovery codes."));
        let again = app.give_password("cleo").await;
        assert_eq!(give(&again, &app.recovery_code("ben", 0)).await.leads_to(), USED);
    }

    /// With a recovery code the lost phone is replaced, and the old app removed.
    async fn a_lost_phone_is_replaced(app) {
        ben_with_codes(&app).await;
        let old = app.code_of("ben", app.clock.now().plus(Duration::from_secs(90)));
        let ben = app.give_password("ben").await;
        give(&ben, &app.recovery_code("ben", 0)).await;
        let first = app.factor_ids(&ben).await.remove(0);
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/settings/security");
        let removed = ben.post(&format!("/settings/security/factors/{first}/remove"), &[]).await;
        assert_eq!(removed.leads_to(), "/settings/security");
        ben.get("/settings/security").await.must_show("9 of 10 left");
        app.clock.advance(Duration::from_mins(1));
        let again = app.give_password("ben").await;
        assert_eq!(again.give_code(&old).await.status, 401);
        assert_eq!(again.give_code(&app.code("ben")).await.leads_to(), "/");
    }

    /// A spent budget closes security codes alone: the owner comes in with a recovery code, is led
    /// to the change of password, and codes are open again.
    async fn a_spent_budget_leads_to_them_and_to_a_new_password(app) {
        ben_with_codes(&app).await;
        app.use_up_codes("ben", 99).await;
        let attacker = app.give_password("ben").await;
        assert_eq!(app.guess_codes(&attacker, 1).await.status, 429);
        let ben = app.give_password("ben").await;
        let closed = ben.get("/sign-in/code").await;
        assert_eq!(closed.status, 429);
        let recovery = ben.get(&closed.link("Use a recovery code").unwrap()).await;
        recovery.must_show("Enter a recovery code");
        assert_eq!(give(&ben, &app.recovery_code("ben", 0)).await.leads_to(), USED);
        let offer = ben.get(USED).await;
        offer.must_show("Change your password now.");
        let path = offer.link("Change your password").unwrap();
        assert_eq!(ben.get(&path).await.status, 200, "the code was the fresh proof");
        let new = "an otter sings in the marble hall";
        assert_eq!(ben.post(&path, &[("password", new)]).await.leads_to(), "/settings/security");
        let again = app.browser();
        again.sign_in(&email("ben"), new).await;
        app.clock.next_code();
        assert_eq!(again.give_code(&app.code("ben")).await.leads_to(), "/");
    }

    /// The attempts that someone made at security codes stay counted: a recovery code refunds none.
    async fn it_refunds_no_attempt_at_security_codes(app) {
        ben_with_codes(&app).await;
        app.use_up_codes("ben", 90).await;
        let ben = app.give_password("ben").await;
        app.guess_codes(&ben, 5).await;
        give(&ben, &app.recovery_code("ben", 0)).await;
        let attacker = app.give_password("ben").await;
        app.guess_codes(&attacker, 5).await;
        assert_eq!(attacker.get("/sign-in/code").await.status, 429);
    }

    /// They open nothing by themselves: without the password there is no such form.
    async fn they_open_nothing_without_the_password(app) {
        ben_with_codes(&app).await;
        let stranger = app.browser();
        for path in ["/sign-in/code", "/proof"] {
            let answer = stranger.post(path, &[("code", &app.recovery_code("ben", 0))]).await;
            assert_eq!(answer.leads_to(), "/sign-in");
        }
        let wrong = stranger.sign_in(&email("ben"), &app.recovery_code("ben", 0)).await;
        assert_eq!(wrong.status, 401);
        assert!(opens(&app, &app.recovery_code("ben", 0)).await);
        assert_eq!(password("ben"), "ben walks through a marble garden");
    }

    /// The owner is told of each use, and of new ones.
    async fn the_owner_is_told(app) {
        let ben = ben_with_codes(&app).await;
        renew(&app, &ben).await;
        opens(&app, &app.recovery_code("ben", 0)).await;
        let user = app.id("ben").await;
        let told = app.store.read().await.unwrap().notices(user, 20).await.unwrap();
        let mut told: Vec<_> = told.iter().map(|notice| notice.notice.as_str()).collect();
        told.sort_unstable();
        assert_eq!(told, ["browser.new", "factor.added", "recovery_code.used", "recovery_codes.made"]);
    }
}
