//! The day after: a database is put back from yesterday's backup, and nobody gets back what they
//! had lost since.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Executor as _};
use vestibule_domain::application::{Enter, Rules};
use vestibule_domain::audit_verify::ExportedHead;
use vestibule_domain::user::Role;
use vestibule_flows::after_restore::{AccountChange, AfterRestore, Change, Part, Replaced};
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, RECOVERY_CODES, TestApp, stories};

const NEW: &str = "an otter sings in the marble hall";

/// What is said of a user.
fn said<'a>(done: &'a AfterRestore, who: &str) -> Vec<&'a Change> {
    let email = email(who);
    let changes = done.changes.iter().filter(|change| change.email == email);
    changes.map(|change| &change.change).collect()
}

async fn give(app: &TestApp, who: &str, password: &str) -> (Client, u16) {
    let browser = app.browser();
    let status = browser.sign_in(&email(who), password).await.status.as_u16();
    (browser, status)
}

/// A browser of `there` that brings the cookie of another.
fn with_cookie_of(there: &TestApp, browser: &Client) -> Client {
    let again = there.browser();
    again.plant_cookie(&browser.cookie().unwrap());
    again
}

/// Whether a recovery code opens the second door.
async fn opens(app: &TestApp, who: &str, code: &str) -> bool {
    let browser = app.give_password(who).await;
    browser.post("/sign-in/code", &[("code", code), ("with", "recovery-code")]).await;
    browser.is_in().await
}

fn lost() -> Replaced<'static> {
    Replaced::Away("the disk is gone".to_owned())
}

/// Changes the database from outside, as a broken disk would.
async fn spoil(app: &TestApp, statement: &'static str) {
    if let Some(path) = app.database_url().strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        options.connect().await.unwrap().execute(statement).await.unwrap();
    } else {
        let options: sqlx::postgres::PgConnectOptions = app.database_url().parse().unwrap();
        options.connect().await.unwrap().execute(statement).await.unwrap();
    }
}

stories! {
    /// Everything that an Admin and the users did since yesterday to be safer holds.
    async fn what_came_after_the_backup_is_carried_over(app) {
        for (who, name, role, factor) in [
            ("zoe", "Zoe Zimmer", Role::Admin, true),
            ("hal", "Hal Hooper", Role::Member, false),
            ("ida", "Ida Iversen", Role::Member, true),
        ] {
            app.add(who, name, role, factor).await;
        }
        app.admin("ada").await;
        let backup = app.back_up().await;

        app.clock.advance(Duration::from_hours(20));
        let ada = app.admin("ada").await;
        app.act(&ada, "dinesh", "/disable").await;
        app.act(&ada, "hal", "/remove").await;
        app.set_role(&ada, "zoe", "Member").await;
        let ben = app.sign_in_and_enrol("ben").await;
        let changed = ben.post("/settings/security/password", &[("password", NEW)]).await;
        assert_eq!(changed.status, 303, "{}", changed.text());
        let ida = app.sign_in("ida").await;
        let factor = app.factor_ids(&ida).await.remove(0);
        let removed = ida.post(&format!("/settings/security/factors/{factor}/remove"), &[]).await;
        assert_eq!(removed.status, 303, "{}", removed.text());
        app.prove("ada", &ada).await;
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        let used = app.code("ada");

        let (again, done) = app.restore_with_all(backup).await;
        assert!(done.unknown.is_empty() && done.ways_in.is_empty(), "{:?}", done.unknown);
        assert_eq!(done.codes_from, None);
        assert_eq!(done.accounts, [AccountChange::Required("Acme Analytics".into())]);
        assert_eq!(said(&done, "dinesh"), [&Change::Disabled]);
        assert_eq!(said(&done, "hal"), [&Change::Removed]);
        assert_eq!(said(&done, "zoe"), [&Change::Demoted]);
        let of_ben = [&Change::Password, &Change::FactorAdded, &Change::RecoveryCodesMade];
        assert_eq!(said(&done, "ben"), of_ben);
        assert_eq!(said(&done, "ida"), [&Change::FactorRemoved]);

        for who in ["dinesh", "hal"] {
            assert_eq!(give(&again, who, &password(who)).await.1, 401, "{who} stays out");
        }
        assert_eq!(give(&again, "ben", &password("ben")).await.1, 401, "yesterday's password");
        let (ben, status) = give(&again, "ben", NEW).await;
        assert_eq!((status, ben.get("/").await.leads_to().as_str()), (303, "/sign-in/code"));
        again.clock.next_code();
        assert_eq!(ben.give_code(&again.code("ben")).await.leads_to(), "/", "the app of since");
        let ida = again.give_password("ida").await;
        assert_eq!(ida.get("/").await.leads_to(), "/enrolment", "the switch is on, the app gone");
        let zoe = again.sign_in("zoe").await;
        assert_ne!(zoe.get("/settings/users").await.status, 200, "a Member");

        let ada = again.give_password("ada").await;
        assert_eq!(ada.give_code(&used).await.status, 401, "used before the restore");
        let ada = again.sign_in("ada").await;
        ada.get("/settings/users").await.must_show("Dinesh Rao");
        assert_eq!(again.audited("database.restored").await, 1);
    }

    /// No cookie and no link of either time opens anything, whatever is known.
    async fn cookies_and_links_of_both_times_are_dead(app) {
        for known in [true, false] {
            let ada = app.admin("ada").await;
            let earlier = [app.invite(&ada, "eve", "Member").await, app.recover_path("ben").await];
            let ben = app.sign_in("ben").await;
            ben.get("/enrolment").await;
            let backup = app.back_up().await;
            let cleo = app.sign_in("cleo").await;
            let later = [app.password_link(&ada, "dinesh").await, app.recover_path("cleo").await];

            let (again, _) = if known {
                app.restore_with_all(backup).await
            } else {
                app.restore(backup, &lost()).await
            };
            for browser in [&ada, &ben, &cleo] {
                let browser = with_cookie_of(&again, browser);
                assert_eq!(browser.get("/").await.leads_to(), "/sign-in");
                assert_ne!(browser.get("/enrolment").await.status, 200);
            }
            for link in earlier.iter().chain(&later) {
                assert_eq!(again.browser().get(link).await.status, 410, "{link}");
            }
            assert!(cleo.is_in().await, "nothing was done to the replaced one");
            app.act(&ada, "eve", "/invitation/cancel").await;
            app.clock.next_code();
        }
    }

    /// Without the replaced database no code that may have been seen is taken, and it is said when
    /// the next one is, and what nobody knows.
    async fn where_nothing_is_known_codes_near_now_are_spent_and_all_is_said(app) {
        app.admin("ada").await;
        let backup = app.back_up().await;
        app.sign_in("cleo").await;
        let used = app.code("cleo");
        let (again, done) = app.restore(backup, &lost()).await;
        for part in [Part::Policies, Part::Users, Part::DataKeys, Part::Factors, Part::SpentCodes] {
            assert!(!done.knows(part), "{part:?}");
        }
        assert!(done.unknown.iter().all(|unknown| unknown.why == "the disk is gone"));
        let from = done.codes_from.unwrap();
        let cleo = again.give_password("cleo").await;
        assert_eq!(cleo.give_code(&used).await.status, 401);
        app.clock.next_code();
        assert_eq!(cleo.give_code(&again.code("cleo")).await.status, 401, "nobody knows");
        assert!(from > app.clock.now(), "it lies ahead");
        while app.clock.now() < from {
            app.clock.next_code();
        }
        let cleo = again.give_password("cleo").await;
        assert_eq!(cleo.give_code(&again.code("cleo")).await.leads_to(), "/");
    }

    /// A table that cannot be read keeps no other from being carried over.
    async fn what_can_be_read_is_carried_over_table_by_table(app) {
        let ada = app.admin("ada").await;
        let backup = app.back_up().await;
        app.act(&ada, "dinesh", "/disable").await;
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        spoil(&app, "DROP TABLE spent_codes").await;
        let (again, done) = app.restore_with_all(backup).await;
        let unknown: Vec<Part> = done.unknown.iter().map(|unknown| unknown.part).collect();
        assert_eq!(unknown, [Part::SpentCodes]);
        assert!(done.codes_from.is_some());
        assert_eq!(said(&done, "dinesh"), [&Change::Disabled]);
        assert_eq!(give(&again, "dinesh", &password("dinesh")).await.1, 401);
        let ben = again.give_password("ben").await;
        assert_eq!(ben.get("/").await.leads_to(), "/enrolment");
    }

    /// A recovery code that was used is used; codes that were made anew void those of the backup.
    async fn used_and_voided_recovery_codes_stay_so(app) {
        let ben = app.sign_in_and_enrol("ben").await;
        let old = [0, 1].map(|index| app.recovery_code("ben", index));
        let backup = app.back_up().await;
        assert!(opens(&app, "ben", &old[0]).await);
        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(said(&done, "ben"), [&Change::RecoveryCodesUsed]);
        assert!(!opens(&again, "ben", &old[0]).await, "used");
        assert!(opens(&again, "ben", &old[1]).await, "not used");

        let backup = app.back_up().await;
        let ben_again = app.sign_in("ben").await;
        assert_eq!(ben.get("/").await.leads_to(), "/sign-in", "a code was used");
        ben_again.post(RECOVERY_CODES, &[]).await;
        app.keep_codes("ben", &ben_again).await;
        let new = app.recovery_code("ben", 0);
        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(said(&done, "ben"), [&Change::RecoveryCodesMade]);
        assert!(!opens(&again, "ben", &old[1]).await, "void");
        assert!(opens(&again, "ben", &new).await, "of the later set");
    }

    /// Whoever gave up MFA has no recovery codes either.
    async fn with_the_last_app_go_the_codes(app) {
        let ben = app.sign_in_and_enrol("ben").await;
        let code = app.recovery_code("ben", 0);
        let backup = app.back_up().await;
        let factor = app.factor_ids(&ben).await.remove(0);
        ben.post(&format!("/settings/security/factors/{factor}/remove"), &[]).await;
        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(said(&done, "ben"), [&Change::FactorRemoved]);
        let ben = again.sign_in("ben").await;
        ben.get("/settings/security").await.must_show("MFA is off for you");
        again.sign_in_and_enrol("ben").await;
        assert!(!opens(&again, "ben", &code).await);
    }

    /// Where nobody knows which were used, none is.
    async fn unknown_recovery_codes_are_void(app) {
        app.sign_in_and_enrol("ben").await;
        let codes = [0, 1].map(|index| app.recovery_code("ben", index));
        let backup = app.back_up().await;
        assert!(opens(&app, "ben", &codes[0]).await);
        let (again, done) = app.restore(backup, &lost()).await;
        assert!(!done.knows(Part::RecoveryCodes));
        for code in &codes {
            assert!(!opens(&again, "ben", code).await);
        }
    }

    /// The audit log goes on from the backup and names where the replaced one ended: what an auditor
    /// exported in between is explained to who knows of the restore, and to nobody else.
    async fn the_audit_log_names_what_it_replaced(app) {
        for known in [true, false] {
            app.sign_in("ben").await;
            app.vestibule.seal_audit_at_end().await.unwrap();
            let (backup, early) = (app.back_up().await, app.vestibule.audit_head().await.unwrap());
            app.admin("ada").await;
            app.vestibule.seal_audit_at_end().await.unwrap();
            let late = app.vestibule.audit_head().await.unwrap();
            assert!(late.position > early.position);
            let heads = [early, late].map(|head| ExportedHead { head, place: "a file".into() });
            let (again, done) = if known {
                app.restore_with_all(backup).await
            } else {
                app.restore(backup, &lost()).await
            };
            assert_eq!(done.knows(Part::AuditHead), known);
            again.sign_in("ben").await;
            again.vestibule.seal_audit_at_end().await.unwrap();
            let found = again.vestibule.verify_audit(&heads, false).await.unwrap();
            assert!(found.is_err(), "the late head is not in it");
            let found = again.vestibule.verify_audit(&heads, true).await.unwrap().unwrap().chain;
            assert_eq!((found.agreed, found.replaced, found.restores.len()), (1, 1, 1));
        }
    }

    /// An app that was added under a data key of since comes over with that key, and those of before
    /// are sealed anew with it.
    async fn apps_of_a_newer_data_key_come_over(app) {
        let backup = app.back_up().await;
        app.vestibule.rotate_keys().await.unwrap();
        app.sign_in_and_enrol("ben").await;
        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(said(&done, "ben"), [&Change::FactorAdded, &Change::RecoveryCodesMade]);
        for who in ["ben", "cleo"] {
            again.sign_in(who).await;
        }
        let states = again.vestibule.data_key_states().await.unwrap();
        assert_eq!(states.iter().map(|key| key.number).collect::<Vec<_>>(), [1, 2]);
    }

    /// What was made laxer since yesterday is strict again, and said.
    async fn the_stricter_side_holds(app) {
        let ada = app.admin("ada").await;
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        app.act(&ada, "dinesh", "/disable").await;
        let backup = app.back_up().await;
        app.act(&ada, "dinesh", "/enable").await;
        app.set_role(&ada, "ben", "Admin").await;
        app.add("eve", "Eve Ernst", Role::Member, false).await;
        assert_eq!(app.turn_switch(&ada, false).await.status, 303);
        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(done.accounts, [AccountChange::StaysRequired("Acme Analytics".into())]);
        assert_eq!(said(&done, "dinesh"), [&Change::StaysDisabled]);
        assert_eq!(said(&done, "ben"), [&Change::StaysMember]);
        assert_eq!(said(&done, "eve"), [&Change::NotThere]);
        assert!(done.changes.iter().all(|change| change.change.needs_attention()));
        let ben = again.give_password("ben").await;
        assert_eq!(ben.get("/").await.leads_to(), "/enrolment", "the switch is on");
        for who in ["dinesh", "eve"] {
            assert_eq!(give(&again, who, &password(who)).await.1, 401, "{who}");
        }
    }

    /// What was closed since stays closed, and what was opened since is not open yet.
    async fn applications_admit_whom_both_times_admit(app) {
        let account = app.account.unwrap();
        let rules = |enter, always_mfa| Rules { account, enter, always_mfa, max_age: None };
        let hosts = ["left.localhost", "narrowed.localhost", "widened.localhost", "named.localhost"];
        let [left, narrowed, widened, named] = hosts;
        app.protect_with(left, rules(Enter::Everyone, false)).await;
        app.protect_with(narrowed, rules(Enter::Everyone, false)).await;
        app.protect_with(widened, rules(Enter::Admins, true)).await;
        app.protect_with(named, rules(Enter::Named, false)).await;
        let (ben, cleo) = (app.id("ben").await, app.id("cleo").await);
        let of = async |app: &TestApp, host: &str| {
            app.store.read().await.unwrap().application_of_host(host).await.unwrap()
        };
        let id = async |host: &str| of(&app, host).await.unwrap().id;
        let mut tx = app.store.write().await.unwrap();
        for user in [ben, cleo] {
            assert!(tx.name_user(id(named).await, user).await.unwrap());
        }
        tx.commit().await.unwrap();
        let backup = app.back_up().await;

        let mut tx = app.store.write().await.unwrap();
        assert!(tx.remove_application(account, id(left).await).await.unwrap());
        tx.set_rules(id(narrowed).await, &rules(Enter::Named, false)).await.unwrap();
        assert!(tx.name_user(id(narrowed).await, cleo).await.unwrap());
        tx.set_rules(id(widened).await, &rules(Enter::Everyone, false)).await.unwrap();
        assert!(tx.unname_user(id(named).await, ben).await.unwrap());
        tx.commit().await.unwrap();
        app.protect("later.localhost").await;

        let (again, done) = app.restore_with_all(backup).await;
        let stricter = |host: &str| AccountChange::ApplicationStricter(host.into());
        assert_eq!(done.accounts.len(), 4, "{:?}", done.accounts);
        for change in [
            AccountChange::ApplicationClosed(left.into()),
            stricter(narrowed),
            stricter(named),
            AccountChange::ApplicationNotThere("later.localhost".into()),
        ] {
            assert!(done.accounts.contains(&change), "{change:?} in {:?}", done.accounts);
        }
        assert!(of(&again, "later.localhost").await.is_none());
        let now = async |host: &str| of(&again, host).await.unwrap();
        let closed = now(left).await;
        assert_eq!(closed.rules, rules(Enter::Named, false));
        assert_eq!(again.store.read().await.unwrap().all_named(closed.id).await.unwrap(), []);
        assert_eq!(now(narrowed).await.rules, rules(Enter::Named, false));
        assert_eq!(now(widened).await.rules, rules(Enter::Admins, true));
        for host in [narrowed, named] {
            let names = again.store.read().await.unwrap().all_named(now(host).await.id).await;
            assert_eq!(names.unwrap(), [cleo], "{host}");
        }
    }

    /// The Admin of yesterday lost the role to someone who is not in the backup: nobody is left, so
    /// the host's link, and nothing else, leads in.
    async fn an_account_without_an_admin_gets_a_link(app) {
        let ada = app.admin("ada").await;
        let backup = app.back_up().await;
        app.add("zoe", "Zoe Zimmer", Role::Admin, true).await;
        let zoe = app.admin("zoe").await;
        assert_eq!(app.set_role(&zoe, "ada", "Member").await.status, 303);
        assert!(ada.is_in().await);

        let (again, done) = app.restore_with_all(backup).await;
        assert_eq!(said(&done, "ada"), [&Change::Demoted]);
        let [way_in] = &done.ways_in[..] else { panic!("{}", done.ways_in.len()) };
        assert_eq!((way_in.link.email.as_str(), way_in.brought_back), ("ada@acme.example", true));
        assert_eq!(give(&again, "ada", &password("ada")).await.1, 401, "the link alone");
        let (back, link) = (again.browser(), format!("/recover/{}", way_in.link.token.expose()));
        assert_eq!(again.use_link(&back, &link, NEW).await.leads_to(), "/enrolment");
        again.enrol("ada", &back).await;
        assert_eq!(back.get("/settings/users").await.status, 200);
    }

    /// The budget of attempts is not renewed by a restore.
    async fn attempts_stay_counted(app) {
        let backup = app.back_up().await;
        let cleo = app.give_password("cleo").await;
        let wrong = app.wrong_code();
        for _ in 0..3 {
            cleo.give_code(&wrong).await;
        }
        let cleo = app.id("cleo").await;
        let counted = app.store.read().await.unwrap().code_attempts(cleo).await.unwrap();
        let (again, _) = app.restore_with_all(backup).await;
        let now = again.store.read().await.unwrap().code_attempts(cleo).await.unwrap();
        assert!(counted >= 3);
        assert_eq!(now, counted);
        let tries = [&app, &again].map(|app| app.store.clone());
        let [there, here] = tries.map(|store| async move {
            store.read().await.unwrap().code_tries(cleo).await.unwrap()
        });
        let (there, here) = (there.await, here.await);
        assert!(here.count >= 3);
        assert_eq!((here.count, here.latest), (there.count, there.latest), "the wait goes on");
    }

    /// Doing it twice signs everybody out once more, and that is all.
    async fn twice_is_harmless(app) {
        let ada = app.admin("ada").await;
        let backup = app.back_up().await;
        app.act(&ada, "dinesh", "/disable").await;
        let (again, _) = app.restore_with_all(backup).await;
        let in_between = again.sign_in("ada").await;
        let once_more = again.back_up().await;
        let (third, done) = app.restore_with_all(once_more).await;
        assert_eq!(done.changes, []);
        assert_eq!(with_cookie_of(&third, &in_between).get("/").await.leads_to(), "/sign-in");
        third.sign_in("ada").await;
        assert_eq!(give(&third, "dinesh", &password("dinesh")).await.1, 401);
    }
}
