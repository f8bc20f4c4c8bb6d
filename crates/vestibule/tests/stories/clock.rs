//! A server whose clock is wrong says so, and serves.

use std::time::Duration;

use vestibule_domain::time::Timestamp;
use vestibule_testkit::{TestApp, stories};

/// What `/readyz` says after "ready".
async fn warnings(app: &TestApp) -> String {
    let answer = app.browser().get("/readyz").await;
    assert_eq!(answer.status, 200);
    answer.text().strip_prefix("ready").unwrap().trim().to_owned()
}

/// Sets the clock to the database's, where that has one.
async fn set_right(app: &TestApp) {
    if let Some(time) = app.store.database_time().await.unwrap() {
        app.clock.set(time);
    }
}

stories! {
    async fn a_jump_of_the_clock_is_told_for_a_quarter_of_an_hour(app) {
        set_right(&app).await;
        let ada = app.admin("ada").await;
        set_right(&app).await;
        assert_eq!(app.vestibule.watch_clock().await, None);
        assert!(warnings(&app).await.is_empty());
        let page = ada.get("/settings/account").await;
        assert!(!page.text().contains("clock"), "{}", page.text());

        app.clock.set_back(Duration::from_mins(3));
        assert!(app.vestibule.watch_clock().await.is_some());
        assert_eq!(app.vestibule.watch_clock().await, None, "the log says it once");
        let jumped = "the server's clock jumped back by 3 minutes";
        assert!(warnings(&app).await.contains(&format!("warning: {jumped}")));
        // Her proof is of a time that has not come yet.
        let page = app.sign_in("ada").await.get("/settings/account").await.text();
        assert!(page.contains("The server’s clock jumped back by 3 minutes."), "{page}");
        assert!(page.contains("codes that phones show may be refused"), "{page}");
        assert!(page.contains("vestibule doctor"), "{page}");

        app.clock.advance(Duration::from_mins(14));
        app.vestibule.watch_clock().await;
        assert!(warnings(&app).await.contains(jumped));
        app.clock.advance(Duration::from_mins(1));
        app.vestibule.watch_clock().await;
        assert!(!warnings(&app).await.contains(jumped));
    }

    async fn a_clock_that_differs_from_the_databases_is_told_while_it_does(app) {
        set_right(&app).await;
        app.vestibule.watch_clock().await;
        let differs = async || warnings(&app).await.contains("the database's");
        assert!(!differs().await);
        app.clock.advance(Duration::from_secs(9 * 60 + 30));
        let told = app.vestibule.watch_clock().await;
        let has_a_clock = app.store.database_time().await.unwrap().is_some();
        assert_eq!(told.is_some(), has_a_clock, "SQLite's clock is the machine's own");
        assert_eq!(differs().await, has_a_clock);
        if has_a_clock {
            let line = "warning: the server's clock is 9 minutes ahead of the database's";
            assert!(warnings(&app).await.contains(line), "{}", warnings(&app).await);
        }
        set_right(&app).await;
        app.vestibule.watch_clock().await;
        assert!(!differs().await);
    }

    async fn a_clock_of_1970_is_told_and_locks_nobody_out(app) {
        app.sign_in("cleo").await;
        app.clock.set(Timestamp::from_millis(5_000));
        app.vestibule.watch_clock().await;
        let lines = warnings(&app).await;
        assert!(lines.contains("is not set"), "{lines}");
        assert!(lines.contains("behind the newest entry in the database"), "{lines}");
        app.give_password("ben").await;
        assert_eq!(app.browser().get("/sign-in").await.status, 200);
    }
}
