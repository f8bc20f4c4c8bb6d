//! Two accounts on one installation.

use vestibule_domain::user::Role;
use vestibule_testkit::{Client, TestApp, stories};

/// A second account, with Zoe as its Admin and Yan as a Member.
async fn globex(app: &TestApp) {
    let account = app.add_account("Globex").await;
    app.add_to(account, "zoe", "Zoe Zimmer", Role::Admin, true).await;
    app.add_to(account, "yan", "Yan Young", Role::Member, false).await;
}

async fn brand(app: &TestApp) -> String {
    app.browser().get("/sign-in").await.between("<header class=\"brand\">", "</header>")
}

async fn turn_on(app: &TestApp, admin: &Client) {
    assert_eq!(app.turn_switch(admin, true).await.status, 303);
    admin.get("/settings/account").await.must_show("Turn off");
}

stories! {
    /// The sign-in page bears the name of the one account; where there are several, nobody is told
    /// which.
    async fn the_sign_in_page_bears_the_name_of_the_one_account(app) {
        assert!(brand(&app).await.contains("<span>Acme Analytics</span>"));
        globex(&app).await;
        let brand = brand(&app).await;
        assert!(brand.contains("<span>Vestibule</span>"), "{brand}");
        for path in ["/sign-in", "/no-such-page", "/invitation/x"] {
            let page = app.browser().get(path).await;
            assert!(!page.shows("Acme Analytics") && !page.shows("Globex"), "{path}");
        }
    }

    /// Once it is known who stands there, the page bears the name of that user's account.
    async fn everybody_sees_the_own_account(app) {
        globex(&app).await;
        let zoe = app.give_password("zoe").await;
        zoe.get("/sign-in/code").await.must_show("Globex");
        let zoe = app.sign_in("zoe").await;
        zoe.get("/").await.must_show("as Zoe Zimmer at Globex.");
        let list = zoe.get("/settings/users").await;
        list.must_show("2 users · 1 with MFA");
        assert!(list.row("Ada Lovelace").is_none());
        let link = app.invite(&zoe, "eve", "Member").await;
        app.browser().get(&link).await.must_show("Join Globex");
        app.browser().get(&app.recover_path("ada").await).await.must_show("Acme Analytics");
    }

    /// The switch of one account does not touch the other.
    async fn each_account_has_its_own_switch(app) {
        globex(&app).await;
        let (ada, zoe) = (app.admin("ada").await, app.sign_in("zoe").await);
        let (ben, yan) = (app.sign_in("ben").await, app.sign_in("yan").await);
        turn_on(&app, &zoe).await;
        assert_eq!(yan.get("/").await.leads_to(), "/enrolment");
        assert_eq!(ben.get("/").await.status, 200);
        ada.get("/settings/account").await.must_show("Turn on for everyone");
        turn_on(&app, &ada).await;
        assert_eq!(ben.get("/").await.leads_to(), "/enrolment");
        assert_eq!(app.turn_switch(&zoe, false).await.status, 303);
        assert_eq!(yan.get("/").await.status, 200);
        assert_eq!(ben.get("/").await.leads_to(), "/enrolment");
        assert_eq!(app.audited("policy.required").await, 2);
    }

    /// The numbers beside the switch are those of the own account.
    async fn the_preview_counts_the_own_account(app) {
        globex(&app).await;
        app.sign_in("ben").await;
        let zoe = app.sign_in("zoe").await;
        let page = zoe.get("/settings/account").await;
        page.must_show("1 user has a factor and notices nothing");
        page.must_show("1 is led through the set-up at the next click");
        page.must_show("1 open session follows the rule at once");
    }

    /// Whom one Admin searches for is not found in the other's account.
    async fn search_stays_in_the_account(app) {
        globex(&app).await;
        let zoe = app.sign_in("zoe").await;
        for (search, found) in [("", true), ("yan", true), ("ada", false), ("ben@acme", false)] {
            let list = zoe.get(&format!("/settings/users?search={search}")).await;
            assert_eq!(list.row("Yan").is_some(), found, "{search}");
            assert!(list.row("Ada").is_none() && list.row("Ben").is_none(), "{search}");
        }
        let ben = app.id("ben").await;
        let list = zoe.get(&format!("/settings/users?after={ben}.")).await;
        assert!(list.row("Ada").is_none() && list.row("Ben").is_none());
    }
}
