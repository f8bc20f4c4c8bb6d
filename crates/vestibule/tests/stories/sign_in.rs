//! The two doors.

use vestibule_testkit::stories;

stories! {
    /// Neither the switch nor the user's own MFA is on: the password opens the dashboard.
    async fn a_password_is_enough_while_nothing_asks_for_more(app) {
        let ben = app.give_password("ben").await;
        let dashboard = ben.get("/").await;
        assert_eq!(dashboard.status, 200);
        dashboard.must_show("Ben Okafor");
    }

    /// Who has a factor is asked for its code, and then is where they wanted to go.
    async fn a_user_with_a_factor_gives_a_code(app) {
        let cleo = app.give_password("cleo").await;
        let answer = cleo.get("/settings/security").await;
        assert_eq!(answer.leads_to(), "/sign-in/code");
        let page = cleo.visit("/settings/security").await;
        page.must_show("Enter your security code");
        let code = app.code("cleo");
        let fields = [("code", code.as_str()), ("return_to", "/settings/security")];
        let answer = cleo.post("/sign-in/code", &fields).await;
        assert_eq!(answer.leads_to(), "/settings/security");
        cleo.visit("/settings/security").await.must_show("cleo@acme.example");
    }

    /// The switch is on and the user has no factor: enrolment, then the dashboard.
    async fn a_user_without_a_factor_enrols_once_the_switch_is_on(app) {
        let ada = app.admin("ada").await;
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        let ben = app.give_password("ben").await;
        let page = ben.visit("/").await;
        page.must_show("Acme Analytics asks for a second proof");
        let answer = app.enrol("ben", &ben).await;
        assert_eq!(answer.leads_to(), "/");
        ben.visit("/").await.must_show("Ben Okafor");
    }
}
