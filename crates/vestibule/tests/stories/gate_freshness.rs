//! What the gate remembers is never older than it may be: at once on the node that made a change,
//! within a second on every other.

use std::time::Duration;

use vestibule_testkit::protected::Protected;
use vestibule_testkit::{Client, TestApp, stories};

const HOST: &str = "reports.acme.example";

/// Ben and Cleo at the gate, Ada with a fresh proof.
async fn at_the_gate(app: &TestApp) -> (Client, Protected, Protected) {
    app.protect(HOST).await;
    let ben = app.at(HOST);
    ben.enter(app, &app.sign_in("ben").await).await;
    let cleo = app.at(HOST);
    cleo.enter(app, &app.sign_in("cleo").await).await;
    let ada = app.sign_in("ada").await;
    app.enrol("ada", &ada).await;
    (ada, ben, cleo)
}

stories! {
    async fn the_switch_is_felt_by_the_next_request(https app) {
        let (ada, ben, cleo) = at_the_gate(&app).await;
        for _ in 0..3 {
            ada.post("/settings/account/mfa", &[("required", "true")]).await;
            assert_eq!(ben.fetch("/").await.status, 401, "Ben has no factor");
            assert!(!ben.is_open().await);
            assert!(cleo.is_open().await, "Cleo is enrolled and proven");
            ada.post("/settings/account/mfa", &[("required", "false")]).await;
            assert!(ben.is_open().await, "off is as immediate");
        }
    }

    async fn the_switch_is_felt_on_another_node_and_in_another_process(https app) {
        let (ada, ben, cleo) = at_the_gate(&app).await;
        let node = app.another_node().await;
        let (there, also_there) = (ben.on(&node), cleo.on(&node));
        assert!(there.is_open().await && also_there.is_open().await);
        ada.post("/settings/account/mfa", &[("required", "true")]).await;
        assert_eq!(there.until_not(200).await.status, 302);
        assert!(also_there.is_open().await);
        ada.post("/settings/account/mfa", &[("required", "false")]).await;
        assert!(there.is_open().await, "a yes is never refused from memory");
    }

    async fn what_an_admin_does_to_a_user_is_felt_by_the_next_request(https app) {
        let (ada, ben, cleo) = at_the_gate(&app).await;
        app.act(&ada, "ben", "/disable").await;
        assert!(!ben.is_open().await);
        app.act(&ada, "ben", "/enable").await;
        app.act(&ada, "cleo", "/factors/reset").await;
        assert!(!cleo.is_open().await, "a reset ends her sessions");
    }

    async fn a_role_is_read_at_each_request(https app) {
        let (ada, ben, _) = at_the_gate(&app).await;
        let role = async || ben.load("/").await.headers["remote-role"].to_str().unwrap().to_owned();
        assert_eq!(role().await, "Member");
        app.set_role(&ada, "ben", "Admin").await;
        assert_eq!(role().await, "Admin");
    }

    async fn what_the_host_does_beside_the_server_is_felt(https app) {
        let (_, _, cleo) = at_the_gate(&app).await;
        assert!(cleo.is_open().await);
        // As `vestibule recover` and an edit by hand do: past this process.
        let node = app.another_node().await;
        node.bump("cleo").await;
        assert_eq!(cleo.until_not(200).await.status, 302);
    }

    async fn while_nothing_is_heard_nothing_is_remembered(https app) {
        let (_, ben, _) = at_the_gate(&app).await;
        let node = app.another_node().await;
        node.stop_hearing();
        let there = ben.on(&node);
        assert!(there.is_open().await, "the database knows");
        app.bump("ben").await;
        assert!(!there.is_open().await, "and is asked each time");
    }

    async fn time_passes_for_what_is_remembered_too(https app) {
        let (_, ben, _) = at_the_gate(&app).await;
        for _ in 0..5 {
            app.clock.advance(Duration::from_millis(999));
            assert!(ben.is_open().await);
        }
        app.clock.advance(Duration::from_hours(1));
        assert!(!ben.is_open().await);
    }
}
