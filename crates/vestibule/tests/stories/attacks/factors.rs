//! Group E: changing factors. Whoever has the password, or a browser that was left open, or an id of
//! another user, wants to take a factor away or put one of their own beside it.

use std::time::Duration;

use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{race, stories, users_on};

use crate::house::House;
use crate::routes::{Door, ROUTES, behind_the_second_door, knock};
use crate::security_settings::{remove, rename, with_two_apps};

const NEW: &str = "an otter sings below the bridge";

stories! {
    /// AT-56, AT-55, AT-62: neither an open session that is stale nor a password alone changes a
    /// factor or the password. 403, and nothing has changed.
    async fn at_56_at_62_a_stale_session_changes_no_factor_and_no_password(app) {
        let (cleo, [phone, tablet]) = with_two_apps(&app).await;
        app.clock.outlive_proofs();
        let forms = [
            (remove(&phone), ("x", "y"), "remove an app from your factors"),
            (rename(&tablet), ("name", "Mine now"), "rename an app"),
            ("/settings/security/password".into(), ("password", NEW), "change your password"),
        ];
        for (path, field, words) in &forms {
            let page = cleo.post(path, &[*field]).await;
            assert_eq!(page.status, 403, "{path}");
            page.must_show(&format!("You are about to {words}."));
        }
        for path in ["/enrolment", "/settings/security/password"] {
            assert_eq!(cleo.get(path).await.leads_to(), "/proof", "{path}");
        }
        let password_alone = app.give_password("cleo").await;
        for (path, field, _) in &forms {
            assert_eq!(password_alone.post(path, &[*field]).await.leads_to(), "/sign-in/code");
        }
        assert_eq!(app.factor_ids(&cleo).await, [phone, tablet]);
        cleo.get("/settings/security").await.must_show("Authenticator app 2");
        for kind in ["factor.removed", "factor.renamed", "password.changed"] {
            assert_eq!(app.audited(kind).await, 0, "{kind}");
        }
        app.give_password("cleo").await;
    }

    /// AT-56: the password is no substitute for the code, and no proof of another kind is either; with
    /// the code the act goes through, and it is told.
    async fn at_56_a_factor_goes_by_a_second_proof_alone(app) {
        let cleo = app.sign_in("cleo").await;
        let factor = app.factor_ids(&cleo).await.remove(0);
        app.clock.outlive_proofs();
        let (right, wrong) = (password("cleo"), app.wrong_code());
        for proof in [
            &[][..],
            &[("password", &*right)],
            &[("password", &*right), ("code", "")],
            &[("code", &*wrong), ("password", &*right)],
            &[("code", &*right)],
            &[("proof", "true"), ("fresh", "1"), ("confirmed", "true")],
        ] {
            let asked = cleo.post(&remove(&factor), proof).await;
            assert_eq!(asked.status, 403, "{proof:?}");
            let act = remove(&factor);
            let fields = [&[("act", act.as_str())], proof].concat();
            assert_eq!(cleo.post("/proof", &fields).await.status, 403, "{proof:?}");
            // A wrong code may be followed by a wait.
            app.clock.advance(Duration::from_mins(15));
            assert!(cleo.is_in().await);
        }
        assert_eq!(app.factor_ids(&cleo).await, [factor.as_str()]);
        assert_eq!(app.audited("factor.removed").await, 0);
        let asked = cleo.post(&remove(&factor), &[]).await;
        let done = app.prove_as_asked("cleo", &cleo, &asked).await;
        done.must_show("The app is removed");
        assert_eq!(app.audited("factor.removed").await, 1);
    }

    /// AT-59: what belongs to another account, or to another user, is not there.
    async fn at_59_what_belongs_to_others_is_not_there(app) {
        let house = House::of(&app).await;
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let (zoe, hal) = (app.sign_in("zoe").await, app.sign_in("hal").await);
        let before = app.picture(&house.ada).await;
        for route in behind_the_second_door().filter(|route| route.path.contains("{id}")) {
            let path = house.path(route);
            for answer in knock(&zoe, &path, route, &[]).await {
                assert_eq!(answer.status, 404, "{path}");
                assert!(answer.body.is_empty() || answer.shows("There is no page here"), "{path}");
            }
            if route.door == Door::SignedIn {
                for answer in knock(&hal, &path, route, &[]).await {
                    assert_eq!(answer.status, 404, "{path}");
                }
            }
        }
        assert_eq!(app.picture(&house.ada).await, before);
    }

    /// AT-59: another user's factor is none that I could change.
    async fn at_59_another_users_factor_cannot_be_changed(app) {
        let cleo = app.sign_in("cleo").await;
        let factor = app.factor_ids(&cleo).await.remove(0);
        let dinesh = app.sign_in_and_enrol("dinesh").await;
        let ada = app.admin("ada").await;
        for other in [&dinesh, &ada] {
            let user = app.id("cleo").await.to_string();
            for path in [remove(&factor), rename(&factor), remove("0"), rename("../../x")] {
                let fields = [("name", "Mine now"), ("user", &*user), ("user_id", &*user)];
                let answer = other.post(&path, &fields).await;
                assert_eq!(answer.status, 404, "{path}");
            }
        }
        assert_eq!(app.factor_ids(&cleo).await, [factor]);
        cleo.get("/settings/security").await.must_show("Authenticator app");
        assert_eq!(app.audited("factor.removed").await + app.audited("factor.renamed").await, 0);
    }

    /// AT-59: another user's session is none that I could end, not even as an Admin.
    async fn at_59_another_users_session_cannot_be_ended(app) {
        let [ben, seen_by] = [app.sign_in("ben").await, app.sign_in("ben").await];
        let id = app.other_session_ids(&seen_by).await.remove(0);
        let ada = app.admin("ada").await;
        let dinesh = app.sign_in("dinesh").await;
        for other in [&ada, &dinesh] {
            for id in [&*id, &id.to_uppercase(), "0", "end-others-of-ben", "%00", "../sessions"] {
                let answer =
                    other.post(&format!("/settings/security/sessions/{id}/end"), &[]).await;
                assert!(matches!(answer.status.as_u16(), 400 | 404), "{id}: {}", answer.status);
            }
        }
        let sneaky = [("user", &*app.id("ben").await.to_string()), ("id", &*id)];
        dinesh.post("/settings/security/sessions/end-others", &sneaky).await;
        assert!(ben.is_in().await && seen_by.is_in().await);
        assert!(dinesh.is_in().await);
        assert_eq!(app.audited("session.ended").await, 0);
    }

    /// AT-59: nor does an id of somebody else, in the query or in the form, turn an act upon oneself
    /// into one upon them.
    async fn at_59_an_id_beside_the_form_names_nobody_else(app) {
        app.add("hal", "Hal Hooper", Role::Member, true).await;
        app.add("ivy", "Ivy Irons", Role::Member, true).await;
        let (victim, ivy) = (app.sign_in("hal").await, app.sign_in("ivy").await);
        let (id, mail) = (app.id("hal").await.to_string(), email("hal"));
        let factor = app.factor_ids(&victim).await.remove(0);
        let before = victim.get("/settings/security").await.text();
        let others: [(&str, &str); 9] = [
            ("user", &id),
            ("user_id", &id),
            ("userId", &id),
            ("id", &id),
            ("uid", &id),
            ("email", &mail),
            ("factor_id", &factor),
            ("session_id", &id),
            ("as", &mail),
        ];
        let query: Vec<_> = others.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = query.join("&");
        for route in ROUTES.iter().filter(|route| route.door == Door::SignedIn) {
            let Some(form) = route.form else { continue };
            let mine = app.factor_ids(&ivy).await;
            let path = route.path.replace("{id}", mine.first().map_or("0", |id| id));
            let known: Vec<_> = form.iter().map(|(name, _)| *name).collect();
            let beside = others.iter().filter(|(name, _)| !known.contains(name)).copied();
            let fields: Vec<_> = form.iter().copied().chain(beside).collect();
            let answer = ivy.post(&format!("{path}?{query}"), &fields).await;
            assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
            assert!(!answer.body.contains("hal@") && !answer.shows("Hal Hooper"), "{path}");
        }
        assert_eq!(victim.get("/settings/security").await.text(), before);
        assert_eq!(app.factor_ids(&victim).await, [factor]);
        app.sign_in("hal").await;
    }

    /// AT-61: while it is on nobody opts out; one of two apps can go.
    async fn at_61_nobody_opts_out_while_it_is_on(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let cleo = app.sign_in("cleo").await;
        let only = app.factor_ids(&cleo).await.remove(0);
        let remove = |id: &str| format!("/settings/security/factors/{id}/remove");
        let page = cleo.get("/settings/security").await;
        page.must_show(
            "It cannot be removed: Acme Analytics requires a factor, and this is your only one.",
        );
        assert!(!page.body.contains(&remove(&only)));
        let answer = cleo.post(&remove(&only), &[]).await;
        assert_eq!(answer.status, 409);
        answer.must_show("your account requires a security code of everyone");
        assert_eq!(app.audited("refused.last_factor").await, 1);

        app.enrol("cleo's tablet", &cleo).await;
        assert_eq!(cleo.post(&remove(&only), &[]).await.leads_to(), "/settings/security");
        let last = app.factor_ids(&cleo).await;
        assert_eq!(last.len(), 1);
        assert_eq!(cleo.post(&remove(&last[0]), &[]).await.status, 409);
        assert_eq!(app.factor_ids(&cleo).await, last);
        let anew = app.give_password("cleo").await;
        assert_eq!(anew.get("/").await.leads_to(), "/sign-in/code");
    }

    /// AT-61: nor by removing both of two apps at the same moment, in two browsers.
    async fn at_61_two_removals_at_once_leave_an_app(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let first = app.sign_in("cleo").await;
        app.enrol("cleo's tablet", &first).await;
        let second = app.sign_in("cleo").await;
        let factors = app.factor_ids(&first).await;
        assert_eq!(factors.len(), 2);
        let removals = (0..16).map(|at| {
            let browser = if at % 2 == 0 { first.stolen() } else { second.stolen() };
            let path = format!("/settings/security/factors/{}/remove", factors[at % 2]);
            async move { browser.post(&path, &[]).await }
        });
        let (done, refused): (Vec<_>, Vec<_>) = race(removals)
            .await
            .into_iter()
            .partition(|answer| answer.location().is_some_and(|to| to.contains("app-removed")));
        assert_eq!(done.len(), 1);
        assert!(refused.iter().all(|answer| matches!(answer.status.as_u16(), 303 | 404 | 409)));
        assert_eq!(app.audited("factor.removed").await, 1);
        let anew = app.give_password("cleo").await;
        assert_eq!(anew.get("/").await.leads_to(), "/sign-in/code");
    }

    /// AT-62: a key that has expired is confirmed by no code, a link that has expired opens no
    /// enrolment, and a new key is shown to nobody whose proof is not fresh.
    async fn at_62_what_has_expired_enrols_nothing(app) {
        let cleo = app.sign_in("cleo").await;
        app.scan("attacker", &cleo.get("/enrolment").await);
        app.clock.advance(Duration::from_mins(15));
        let late = cleo.post("/enrolment", &[("code", &app.code("attacker"))]).await;
        assert_eq!(late.leads_to(), "/proof");
        assert_eq!(cleo.get("/enrolment").await.leads_to(), "/proof");
        app.prove("cleo", &cleo).await;
        let late = cleo.post("/enrolment", &[("code", &app.code("attacker"))]).await;
        assert_eq!(late.status, 422, "{}", late.text());

        let link = app.recover_path("cleo").await;
        app.clock.advance(Duration::from_mins(15));
        let stranger = app.browser();
        assert_eq!(stranger.get(&link).await.status, 410);
        assert_eq!(stranger.post(&link, &[("password", NEW)]).await.status, 410);
        for (browser, way) in
            [(stranger, "/sign-in"), (app.give_password("cleo").await, "/sign-in/code")]
        {
            assert_eq!(browser.get("/enrolment").await.leads_to(), way);
        }
        assert_eq!(app.audited("factor.added").await + app.audited("factors.replaced").await, 0);
        app.sign_in("cleo").await;
    }

    /// AT-63: fields that a form does not have change nothing.
    async fn at_63_no_form_takes_a_field_that_it_does_not_have(app) {
        let ben = app.sign_in("ben").await;
        let fields = [
            ("name", "Benjamin"),
            ("role", "Admin"),
            ("state", "active"),
            ("email", "ada@acme.example"),
            ("epoch", "0"),
            ("code_attempts", "0"),
            ("account_id", "1"),
            ("required", "true"),
            ("act", "/x"),
        ];
        assert_eq!(ben.post("/settings/security/name", &fields).await.status, 303);
        let page = ben.get("/").await;
        page.must_show("Benjamin");
        page.must_show("Email ben@acme.example Role Member");
        assert_eq!(ben.get("/settings/users").await.status, 403);
    }

    /// What else is sent with an act changes nothing (AT-63).
    async fn at_63_an_act_changes_what_it_says_and_nothing_else(app) {
        let ada = app.admin("ada").await;
        let before = app.picture(&ada).await;
        let extra = [
            ("id", "1"),
            ("user_id", "1"),
            ("account_id", "1"),
            ("email", "eve@acme.example"),
            ("name", "Eve"),
            ("state", "disabled"),
            ("epoch", "9"),
            ("has_factor", "true"),
            ("mfa_required", "true"),
            ("code_attempts", "0"),
            ("last_sign_in_at", "0"),
        ];
        let with_role = |role| [&extra[..], &[("role", role)]].concat();
        let path = app.user_path("ben", "/role").await;
        assert_eq!(ada.post(&path, &with_role("Admin")).await.status, 303);
        assert_eq!(ada.post(&path, &with_role("Member")).await.status, 303);
        let same_name = [&[("name", "Ben Okafor"), ("role", "Admin")], &extra[..4]].concat();
        let ben = app.sign_in("ben").await;
        assert_eq!(ben.post("/settings/security/name", &same_name).await.status, 303);
        ben.post("/sign-out", &[]).await;
        let after = app.picture(&ada).await;
        let less_sign_in = |picture: &[String]| {
            let never = |page: &String| page.replace("15 Jan 2027, 08:00 UTC", "never");
            picture.iter().map(never).collect::<Vec<_>>()
        };
        assert_eq!(less_sign_in(&after), less_sign_in(&before));
        assert_eq!(users_on(&ada.get("/settings/users").await).len(), 4);
    }

    /// AT-63: the same of every form there is: the columns of the database beside its own fields, and
    /// in the query, change what the form alone would change. A Member stays one, without a factor.
    async fn at_63_no_form_writes_a_column(app) {
        let ada = app.admin("ada").await;
        let ben = app.sign_in("ben").await;
        let columns = [
            ("role", "Admin"),
            ("state", "invited"),
            ("epoch", "999"),
            ("code_attempts", "-100"),
            ("mfa_required", "false"),
            ("password_hash", "x"),
            ("has_factor", "true"),
            ("verified", "true"),
            ("second_at", "1"),
            ("second_factor_id", "x"),
            ("recovering", "true"),
            ("account_id", "1"),
            ("last_sign_in_at", "1"),
            ("created_at", "1"),
            ("position", "9"),
            ("is_admin", "true"),
            ("mfa", "true"),
            ("email", "root@acme.example"),
        ];
        let query: Vec<_> = columns.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (path, own) in [
            ("/settings/security/name", &[("name", "Ben Okafor")][..]),
            ("/settings/security/sessions/end-others", &[]),
            ("/settings/security/password", &[("password", NEW)]),
        ] {
            let fields = [own, &columns[..]].concat();
            let answer = ben.post(&format!("{path}?{}", query.join("&")), &fields).await;
            assert_eq!(answer.leads_to(), "/settings/security", "{path}: {}", answer.text());
        }
        let page = ben.get("/").await;
        page.must_show("Email ben@acme.example Role Member");
        page.must_show("Security code not asked for");
        ben.get("/settings/security").await.must_show("MFA is off for you");
        assert_eq!(ben.get("/settings/users").await.status, 403);
        let row = ada.get("/settings/users").await.row("Ben Okafor").unwrap();
        assert!(row.contains("ben@acme.example Member Not set up"), "{row}");
        // Nor at the doors themselves.
        let cleo = app.browser();
        let right = [("email", &*email("cleo")), ("password", &*password("cleo"))];
        let fields = [&right[..], &columns[..17]].concat();
        assert_eq!(cleo.post("/sign-in", &fields).await.leads_to(), "/sign-in/code");
        let answer = cleo.post("/sign-in/code", &[&[("code", "")], &columns[..]].concat()).await;
        assert_eq!(answer.status, 422);
        assert!(!cleo.is_in().await);
        assert_eq!(
            app.audited("user.role_changed").await + app.audited("policy.optional").await,
            0
        );
    }
}
