//! The last Admin who can sign in stays one.

use vestibule_domain::user::Role;
use vestibule_testkit::{Answer, Client, TestApp, race, stories};

const WORDS: &str = "This is the last Admin who can sign in";

/// Everything that would take an Admin away.
async fn unseat(app: &TestApp, admin: &Client, who: &str) -> Vec<(&'static str, u16)> {
    let mut answers = vec![("demote", app.set_role(admin, who, "Member").await)];
    for (name, act) in [("disable", "/disable"), ("remove", "/remove")] {
        answers.push((name, app.act(admin, who, act).await));
    }
    for (name, answer) in &answers {
        let page = answer.text();
        assert!(answer.status == 303 || page.contains(WORDS), "{name}: {page}");
    }
    answers.into_iter().map(|(name, answer)| (name, answer.status.as_u16())).collect()
}

fn all_refused() -> Vec<(&'static str, u16)> {
    vec![("demote", 409), ("disable", 409), ("remove", 409)]
}

async fn two_admins_act_upon_each_other(app: &TestApp, act: &str) {
    let ada = app.admin("ada").await;
    app.set_role(&ada, "cleo", "Admin").await;
    let cleo = app.sign_in("cleo").await;
    let mut asked = Vec::new();
    for (admin, other) in [(&ada, "cleo"), (&cleo, "ada")] {
        let (admin, path) = (admin.clone(), app.user_path(other, act).await);
        asked.push(async move { admin.post(&path, &[("role", "Member")]).await });
    }
    let answers = race(asked).await;
    let done = answers.iter().filter_map(Answer::location);
    assert_eq!(done.filter(|to| to.contains("?done=")).count(), 1, "one of them: {answers:?}");
    let mut left = 0;
    for admin in [&ada, &cleo] {
        left += usize::from(admin.get("/settings/users").await.status == 200);
    }
    assert_eq!(left, 1, "an Admin is left");
}

stories! {
    /// Not even by themselves, and each attempt stands in the audit trail.
    async fn the_only_admin_can_not_be_taken_away(app) {
        let ada = app.admin("ada").await;
        let page = ada.get(&app.user_path("ada", "").await).await;
        page.must_show("You are the only Admin of Acme Analytics who can sign in.");
        assert!(!page.body.contains("/disable\"") && !page.body.contains("/remove\""));
        assert_eq!(unseat(&app, &ada, "ada").await, all_refused());
        assert_eq!(app.audited("refused.last_admin").await, 3);
        assert_eq!(ada.get("/settings/users").await.status, 200);
        let kept = app.set_role(&ada, "ada", "Admin").await;
        assert_eq!(kept.status, 303, "what takes nobody away is no matter of the rule");
    }

    /// Invited and disabled Admins cannot sign in, so they do not count.
    async fn an_admin_who_can_not_sign_in_does_not_count(app) {
        let ada = app.admin("ada").await;
        app.invite(&ada, "eve", "Admin").await;
        app.set_role(&ada, "ben", "Admin").await;
        app.act(&ada, "ben", "/disable").await;
        assert_eq!(unseat(&app, &ada, "ada").await, all_refused());
        assert_eq!(app.act(&ada, "ben", "/enable").await.status, 303);
        assert_eq!(app.set_role(&ada, "ada", "Member").await.status, 303, "now Ben is there");
        assert_eq!(ada.get("/settings/users").await.status, 403);
    }

    /// While MFA is required, an Admin without a factor cannot sign in either.
    async fn an_admin_without_a_factor_does_not_count_while_required(app) {
        let ada = app.admin("ada").await;
        app.set_role(&ada, "ben", "Admin").await;
        app.turn_switch(&ada, true).await;
        assert_eq!(unseat(&app, &ada, "ada").await, all_refused());
        let ben = app.give_password("ben").await;
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/");
        assert_eq!(app.act(&ada, "ada", "/remove").await.status, 303);
        assert_eq!(ben.get("/settings/users").await.status, 200);
        assert_eq!(unseat(&app, &ben, "ben").await, all_refused());
    }

    /// Their factors cannot go either while they are what lets them in.
    async fn the_last_admin_keeps_a_factor_while_required(app) {
        let ada = app.admin("ada").await;
        app.set_role(&ada, "cleo", "Admin").await;
        app.turn_switch(&ada, true).await;
        assert_eq!(app.act(&ada, "cleo", "/factors/reset").await.status, 303, "Ada has one");
        assert_eq!(app.act(&ada, "ada", "/factors/reset").await.status, 409, "and keeps it");
        let page = ada.get("/settings/security").await;
        let id = page.between("/settings/security/factors/", "/name");
        let removed = ada.post(&format!("/settings/security/factors/{id}/remove"), &[]).await;
        assert_eq!(removed.status, 409);
        removed.must_show("This app stays");
        assert_eq!(app.audited("refused.last_factor").await, 1);
    }

    /// Two Admins who demote each other at the same moment: one of them stays.
    async fn two_admins_do_not_demote_each_other(app) {
        two_admins_act_upon_each_other(&app, "/role").await;
    }

    /// The same where they shut each other out.
    async fn two_admins_do_not_disable_each_other(app) {
        two_admins_act_upon_each_other(&app, "/disable").await;
    }

    /// An Admin of another account is no help to this one.
    async fn admins_count_in_their_own_account(app) {
        let other = app.add_account("Globex").await;
        app.add_to(other, "zoe", "Zoe", Role::Admin, true).await;
        let ada = app.admin("ada").await;
        assert_eq!(unseat(&app, &ada, "ada").await, all_refused());
    }
}
