//! What users are told: on the dashboard until they dismiss it, and by mail.

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, TestApp, stories};

const NEW: &str = "an otter sings in the marble hall";

/// The paths that dismiss what stands on the dashboard.
async fn told(browser: &Client) -> Vec<String> {
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    let forms = page.body.split("action=\"/notices/").skip(1);
    forms.map(|rest| format!("/notices/{}", rest.split('"').next().unwrap())).collect()
}

async fn subjects(app: &TestApp) -> Vec<(String, String)> {
    let mails = app.deliver().await.into_iter();
    mails
        .map(|mail| {
            let (account, subject) = mail.subject.split_once(": ").unwrap();
            assert_eq!(account, "Acme Analytics");
            (mail.to.split('@').next().unwrap().to_owned(), subject.to_owned())
        })
        .collect()
}

stories! {
    /// It stands until it is dismissed, with when and from where, in every browser of the user but
    /// the one that did it just now.
    async fn it_stands_until_it_is_dismissed(app) {
        let ben = app.browser().calling_itself("curl/8.0 (Linux)");
        ben.sign_in(&email("ben"), &password("ben")).await;
        assert!(told(&ben).await.is_empty(), "an ordinary first sign-in is not told of");
        let changed = ben.post("/settings/security/password", &[("password", NEW)]).await;
        assert_eq!(changed.status, 303);
        assert!(told(&ben).await.is_empty(), "who did it knows");
        ben.post("/sign-out", &[]).await;
        app.clock.next_code();
        ben.sign_in(&email("ben"), NEW).await;
        let page = ben.get("/").await;
        page.must_show("Your password was changed.");
        page.must_show("curl on Linux, 127.0.0.1");
        page.must_show("UTC");
        page.must_show("If it was not you: ask an Admin");
        let [dismiss] = &told(&ben).await[..] else { panic!("one notice") };
        assert_eq!(app.sign_in("dinesh").await.post(dismiss, &[]).await.status, 404, "not theirs");
        assert_eq!(ben.get(dismiss).await.status, 405, "not by looking");
        assert_eq!(ben.post(dismiss, &[]).await.leads_to(), "/");
        assert!(told(&ben).await.is_empty());
        assert_eq!(ben.post(dismiss, &[]).await.status, 404, "once");
        let stranger = app.browser();
        stranger.sign_in(&email("ben"), NEW).await;
        assert!(told(&stranger).await.is_empty(), "not in the new browser itself");
        ben.get("/").await.must_show("Your login was used in a browser that is new to us.");
    }

    /// An Admin's reset, a new app, a removed one, a recover link: each is told to whom it concerns,
    /// on the dashboard and by mail.
    async fn each_is_told_to_whom_it_concerns(mailing app) {
        let of = |who: &str, subject: &str| (who.to_owned(), subject.to_owned());
        let ada = app.admin("ada").await;
        assert_eq!(subjects(&app).await, [of("ada", "The app was added to your login")]);
        let cleo = app.sign_in("cleo").await;
        let [factor] = &app.factor_ids(&cleo).await[..] else { panic!("one app") };
        let path = format!("/settings/security/factors/{factor}/remove");
        assert_eq!(cleo.post(&path, &[]).await.status, 303);
        assert_eq!(subjects(&app).await, [of("cleo", "The app was removed from your login")]);
        app.enrol("cleo", &cleo).await;
        app.deliver().await;
        app.prove("ada", &ada).await;
        assert_eq!(app.act(&ada, "cleo", "/factors/reset").await.status, 303);
        assert_eq!(subjects(&app).await, [of("cleo", "An Admin removed all your apps")]);
        app.sign_in("cleo").await.get("/").await.must_show("Ada Lovelace removed all your apps.");
        app.deliver().await;
        let link = app.recover_path("ben").await;
        let page = ada.get("/").await;
        page.must_show("`vestibule recover` made a link for ben@acme.example.");
        page.must_show("on the host");
        assert_eq!(subjects(&app).await.len(), 1);
        app.use_link(&app.browser(), &link, NEW).await;
        ada.get("/").await.must_show("The link of `vestibule recover` for ben@acme.example was used.");
        let mut all = subjects(&app).await;
        all.sort();
        assert_eq!(all[0].0, "ada");
        assert_eq!(all[1], of("ben", "Your password was changed"));
    }

    /// A name that tries to be markup is shown as the name that it is.
    async fn hostile_details_are_shown_as_they_are(mailing app) {
        let ben = app.sign_in_and_enrol("ben").await;
        let [factor] = &app.factor_ids(&ben).await[..] else { panic!("one app") };
        let path = format!("/settings/security/factors/{factor}");
        let name = "<img src=x onerror=alert(1)>";
        assert_eq!(ben.post(&format!("{path}/name"), &[("name", name)]).await.status, 303);
        assert_eq!(ben.post(&format!("{path}/remove"), &[]).await.status, 303);
        let page = app.sign_in("ben").await.calling_itself("<script>").get("/").await;
        page.must_show(&format!("The app “{name}” was removed"));
        assert!(!page.body.contains("<img"));
        let mails = app.deliver().await;
        let mail = mails.iter().find(|mail| mail.subject.contains("removed")).unwrap();
        assert!(mail.text.contains(name) && !mail.html.contains("<img"), "{}", mail.html);
        assert!(mail.text.contains("Browser: Firefox on Linux"), "{}", mail.text);
        assert!(mail.text.contains("Network address: 127.0.0.1"), "{}", mail.text);
        assert!(mail.text.contains("January 2027"), "{}", mail.text);
    }
}
