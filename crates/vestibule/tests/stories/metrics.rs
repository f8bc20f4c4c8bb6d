//! What is counted: each thing that happens once, whoever did it, and nothing that tells who.

use std::time::Duration;

use vestibule_testkit::app::email;
use vestibule_testkit::{TestApp, stories};

use crate::limits::fail_until_waiting;
use crate::recovery_codes::{ben_with_codes, give};

const CODES: &str = "vestibule_codes_total";

async fn codes(app: &TestApp, code: &str, outcome: &str) -> i64 {
    app.counted(&format!("{CODES}{{code=\"{code}\",outcome=\"{outcome}\"}}")).await
}

async fn sign_ins(app: &TestApp) -> [i64; 3] {
    let by = async |second: &str| {
        app.counted(&format!("vestibule_sign_ins_total{{second_proof=\"{second}\"}}")).await
    };
    [by("none").await, by("totp").await, by("recovery_code").await]
}

stories! {
    /// Giving the password opens nothing yet where a code follows: the sign-in counts when it is
    /// complete.
    async fn a_sign_in_counts_once_it_is_complete_and_by_what_made_it_so(app) {
        app.sign_in("ben").await;
        assert_eq!(sign_ins(&app).await, [1, 0, 0]);
        let cleo = app.give_password("cleo").await;
        assert_eq!(sign_ins(&app).await, [1, 0, 0]);
        assert_eq!(cleo.give_code(&app.wrong_code()).await.status, 401);
        let right = app.code("cleo");
        assert_eq!(cleo.give_code(&right).await.status, 303);
        assert_eq!(sign_ins(&app).await, [1, 1, 0]);
        let again = app.give_password("cleo").await;
        assert_eq!(again.give_code(&right).await.status, 401);
        for (outcome, count) in [("wrong", 1), ("accepted", 1), ("spent", 1), ("too_soon", 0)] {
            assert_eq!(codes(&app, "security_code", outcome).await, count, "{outcome}");
        }
        assert_eq!(app.counted("vestibule_passwords_total{outcome=\"accepted\"}").await, 3);
        assert_eq!(app.counted("vestibule_audit_events_total{kind=\"code.spent\"}").await, 1);
    }

    /// A recovery code counts as what it is.
    async fn a_recovery_code_counts_for_itself(app) {
        ben_with_codes(&app).await;
        let before = sign_ins(&app).await;
        let code = app.recovery_code("ben", 0);
        let browser = app.give_password("ben").await;
        assert_eq!(give(&browser, &code).await.status, 303);
        let browser = app.give_password("ben").await;
        assert_eq!(give(&browser, &code).await.status, 401);
        assert_eq!(codes(&app, "recovery_code", "accepted").await, 1);
        assert_eq!(codes(&app, "recovery_code", "spent").await, 1);
        assert_eq!(codes(&app, "security_code", "spent").await, 0);
        assert_eq!(sign_ins(&app).await, [before[0], before[1], before[2] + 1]);
    }

    /// An attempt that has to wait is compared with nothing, and counts as that.
    async fn who_has_to_wait_is_counted_apart_from_who_is_wrong(app) {
        fail_until_waiting(&app.browser(), &email("ben")).await;
        fail_until_waiting(&app.browser(), "nobody@elsewhere.example").await;
        assert_eq!(app.counted("vestibule_passwords_total{outcome=\"refused\"}").await, 10);
        assert_eq!(app.counted("vestibule_passwords_total{outcome=\"too_soon\"}").await, 2);
        assert_eq!(
            app.counted("vestibule_attempts_refused_total{reason=\"password_wait\"}").await,
            2
        );
    }

    /// What is in the database is counted anew after a minute, and no sooner.
    async fn the_enrolled_share_is_at_most_a_minute_old(app) {
        let share = async || {
            let active = app.counted("vestibule_users{state=\"active\"}").await;
            (active, app.counted("vestibule_users_with_factor").await)
        };
        let ada = app.admin("ada").await;
        assert_eq!(share().await, (4, 2));
        assert_eq!(app.act(&ada, "dinesh", "/disable").await.status, 303);
        app.turn_switch(&ada, true).await;
        assert_eq!(share().await, (4, 2));
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(share().await, (3, 2));
        assert_eq!(app.counted("vestibule_users{state=\"disabled\"}").await, 1);
        assert_eq!(app.counted("vestibule_accounts{mfa=\"required\"}").await, 1);
        assert_eq!(app.counted("vestibule_accounts{mfa=\"optional\"}").await, 0);
    }

    /// Neither who signs in nor from where, neither which path nor which token.
    async fn no_number_tells_who(https app) {
        let ada = app.browser().coming_from("198.51.100.7");
        ada.sign_in(&email("ada"), "a guess at the password").await;
        ada.sign_in(&email("cleo"), &vestibule_testkit::app::password("cleo")).await;
        ada.give_code(&app.wrong_code()).await;
        ada.get("/invitation/a-token-that-is-secret").await;
        ada.get("/somewhere/else?email=cleo@acme.example").await;
        app.recover_path("cleo").await;
        let scrape = app.scrape().await.to_lowercase();
        assert!(scrape.contains("route=\"/invitation/{token}\""), "{scrape}");
        for told in
            ["ada", "cleo", "acme", "198.51", "127.0.0.1", "firefox", "a-token", "somewhere", "else"]
        {
            assert!(!scrape.contains(told), "{told}: {scrape}");
        }
    }

    /// A yes counts by whether it was remembered, a no by what it was known from.
    async fn the_gate_counts_each_decision_once(https app) {
        let host = "reports.acme.example";
        app.protect(host).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(host);
        at.enter(&app, &cleo).await;
        let counted = async |outcome: &str, source: &str| {
            let labels = format!("{{outcome=\"{outcome}\",source=\"{source}\"}}");
            app.counted(&format!("vestibule_gate_seconds_count{labels}")).await
        };
        let passed = 1 + at.until_remembered(&app).await;
        assert_eq!(counted("granted", "memory").await, 1);
        assert_eq!(counted("granted", "database").await, passed - 1);
        app.at("unknown.acme.example").load("/").await;
        at.ask("GET", "no path", &[]).await;
        assert_eq!(counted("sign_in_needed", "database").await, 1);
        assert_eq!(counted("refused", "database").await, 1);
        assert_eq!(counted("refused", "request").await, 1);
        assert_eq!(counted("unavailable", "database").await, 0);
        assert_eq!(app.counted("vestibule_gate_remembered").await, 1);
        assert!(!app.scrape().await.contains("reports"));
    }

    /// An old number would lie.
    async fn while_the_database_is_away_its_numbers_are_missing(app) {
        assert_eq!(app.counted("vestibule_users{state=\"active\"}").await, 4);
        app.vestibule.close().await;
        let scrape = app.scrape().await;
        assert!(scrape.contains("\nvestibule_database_up 0\n"), "{scrape}");
        assert!(!scrape.contains("\nvestibule_users"), "{scrape}");
        assert!(app.counted("vestibule_database_unavailable_total").await >= 1);
    }

    /// It is not among the pages.
    async fn the_public_listener_has_no_metrics(app) {
        let ada = app.sign_in("ada").await;
        for path in ["/metrics", "/metrics/", "/settings/metrics"] {
            assert_eq!(ada.get(path).await.status, 404, "{path}");
        }
    }
}
