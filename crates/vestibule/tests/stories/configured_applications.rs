//! Applications of the configuration: what is brought in when, and what pages may not do to them.

use vestibule_domain::application::{Enter, Host};
use vestibule_domain::email::Email;
use vestibule_domain::name::Name;
use vestibule_domain::user::Role;
use vestibule_flows::applications::Application;
use vestibule_flows::configured_applications::{ConfiguredApplication, Occasion};
use vestibule_testkit::app::email;
use vestibule_testkit::{Client, TestApp, applications_on, stories};

const LIST: &str = "/settings/applications";

/// Grafana, for Admins and who is named.
fn grafana(users: &[&str]) -> ConfiguredApplication {
    ConfiguredApplication {
        application: Application {
            name: Name::parse("Grafana").unwrap(),
            host: Host::parse("grafana.localhost:8081", false).unwrap(),
            enter: Enter::Admins,
            always_mfa: true,
            max_age: None,
        },
        account: None,
        users: users.iter().map(|who| Email::parse(&email(who)).unwrap()).collect(),
    }
}

fn wiki() -> ConfiguredApplication {
    let mut wiki = grafana(&[]);
    wiki.application.name = Name::parse("Wiki").unwrap();
    wiki.application.host = Host::parse("wiki.localhost", false).unwrap();
    wiki
}

fn of(account: &str, one: ConfiguredApplication) -> ConfiguredApplication {
    ConfiguredApplication { account: Some(Name::parse(account).unwrap()), ..one }
}

async fn start(app: &TestApp, wanted: &[ConfiguredApplication]) -> Vec<String> {
    app.vestibule.configure_applications(wanted, Occasion::Start).await.unwrap()
}

async fn go_on(app: &TestApp, wanted: &[ConfiguredApplication]) -> Vec<String> {
    app.vestibule.configure_applications(wanted, Occasion::Serving).await.unwrap()
}

/// How many events there are of applications being added, changed and removed.
async fn events(app: &TestApp) -> [i64; 3] {
    let kinds = ["application.added", "application.changed", "application.removed"];
    let [added, changed, removed] = kinds.map(|kind| app.audited(kind));
    [added.await, changed.await, removed.await]
}

/// The one application's page.
async fn page(admin: &Client) -> String {
    let mut pages = applications_on(&admin.get(LIST).await);
    assert_eq!(pages.len(), 1, "{pages:?}");
    pages.remove(0)
}

const NOTHING: Vec<String> = vec![];

stories! {
    /// It is there after the start, the log says who did it, and what is equal is not written.
    async fn a_start_brings_them_in(app) {
        let ada = app.admin("ada").await;
        let wanted = [grafana(&["ben"])];
        assert_eq!(start(&app, &wanted).await, NOTHING);
        let row = ada.get(LIST).await.row("Grafana").unwrap();
        for words in ["Configured", "grafana.localhost:8081", "Admins and 1 named user", "a security code, always"] {
            assert!(row.contains(words), "{row}");
        }
        assert_eq!(events(&app).await, [1, 1, 0]);
        let log = ada.get("/settings/audit?about=policy").await;
        log.must_show("added the application Grafana (grafana.localhost:8081): admins, MFA always");
        log.must_show("Grafana (grafana.localhost:8081): ben@acme.example may enter by name");
        assert!(!log.row("added the application").unwrap().contains("ada@"), "nobody's act");
        for _ in 0..3 {
            assert_eq!(start(&app, &wanted).await, NOTHING);
            assert_eq!(go_on(&app, &wanted).await, NOTHING);
        }
        assert_eq!(events(&app).await, [1, 1, 0]);
    }

    /// Pages show it, and change nothing of it: they say where it is changed.
    async fn pages_show_them_and_change_nothing(app) {
        let ada = app.admin("ada").await;
        start(&app, &[grafana(&["ben"])]).await;
        let page = page(&ada).await;
        let shown = ada.get(&page).await;
        shown.must_show("It comes from the configuration file.");
        shown.must_show("Ben Okafor ben@acme.example");
        assert!(!shown.body.contains(&format!("action=\"{page}")), "no form");
        let ben = app.id("ben").await.to_string();
        let before = app.picture(&ada).await;
        let change = [("name", "Mine"), ("host", "mine.localhost"), ("enter", "everyone")];
        for (act, fields) in [
            ("", &change[..]),
            ("/named", &[("email", "cleo@acme.example")]),
            ("/named", &[("email", "nonsense")]),
            ("/named/remove", &[("user", &ben)]),
            ("/remove", &[]),
        ] {
            let answer = ada.post(&format!("{page}{act}"), fields).await;
            assert_eq!(answer.status, 409, "{act}");
            answer.must_show("This application comes from the configuration file");
            answer.must_show("Change it in the file, and restart Vestibule.");
            assert_eq!(answer.link("Back to the application").as_deref(), Some(page.as_str()));
        }
        assert_eq!(app.picture(&ada).await, before);
    }

    /// What differs is made as the file says, at a start alone: another node may still have the old
    /// file, and neither undoes the other's work for ever.
    async fn what_differs_is_changed_at_a_start_alone(app) {
        let ada = app.admin("ada").await;
        start(&app, &[grafana(&["ben"])]).await;
        let mut newer = grafana(&["cleo"]);
        newer.application.name = Name::parse("Dashboards").unwrap();
        newer.application.host = Host::parse("grafana.localhost:9", false).unwrap();
        newer.application.enter = Enter::Named;
        let old = [grafana(&["ben"])];
        assert_eq!(start(&app, &[newer.clone()]).await, NOTHING);
        let shown = ada.get(&page(&ada).await).await;
        for words in ["Dashboards", "grafana.localhost:9", "1 named user", "Cleo Marín"] {
            shown.must_show(words);
        }
        assert!(!shown.shows("Ben Okafor"));
        assert_eq!(events(&app).await, [1, 4, 0]);
        for _ in 0..3 {
            assert_eq!(go_on(&app, &old).await, NOTHING);
            assert_eq!(go_on(&app, &[newer.clone()]).await, NOTHING);
        }
        let shown = ada.get(&page(&ada).await).await;
        shown.must_show("Dashboards");
        assert_eq!(events(&app).await, [1, 5, 0], "the old file's user was added, once");
        start(&app, &[newer]).await;
        assert!(!ada.get(&page(&ada).await).await.shows("Ben Okafor"));
    }

    /// What is configured no more goes at the next start, and not before; another node that still
    /// has it adds it once.
    async fn what_is_configured_no_more_goes_at_a_start(app) {
        let ada = app.admin("ada").await;
        let both = [grafana(&[]), wiki()];
        start(&app, &both).await;
        let made = [("name", "Made"), ("host", "made.localhost"), ("enter", "everyone")];
        ada.post(LIST, &made).await;
        assert_eq!(go_on(&app, &both[..1]).await, NOTHING);
        assert_eq!(applications_on(&ada.get(LIST).await).len(), 3);
        start(&app, &both[..1]).await;
        let list = ada.get(LIST).await;
        assert!(list.row("Wiki").is_none() && list.row("Grafana").is_some());
        assert!(list.row("Made").is_some(), "what a page made is not the configuration's");
        ada.get("/settings/audit?about=policy").await.must_show("removed the application Wiki (wiki.localhost)");
        go_on(&app, &both).await;
        go_on(&app, &both[..1]).await;
        assert!(ada.get(LIST).await.row("Wiki").is_some());
        start(&app, &[]).await;
        assert_eq!(applications_on(&ada.get(LIST).await).len(), 1);
    }

    /// Before there is an account it waits, and says so; then it is found.
    async fn it_waits_for_its_account(empty app) {
        let wanted = [of("Acme Analytics", grafana(&["ada"]))];
        let waits = "the application grafana.localhost:8081 waits: there is no account Acme Analytics \
                 yet; it follows within a minute of one";
        assert_eq!(start(&app, &wanted).await, [waits]);
        assert_eq!(go_on(&app, &wanted).await, [waits]);
        assert_eq!(go_on(&app, &[grafana(&[])]).await.len(), 1);
        let account = app.add_account("Acme Analytics").await;
        let nobody_yet =
            "ada@acme.example cannot enter grafana.localhost:8081 yet: there is no such user in its account";
        assert_eq!(go_on(&app, &wanted).await, [nobody_yet]);
        app.add_to(account, "ada", "Ada Lovelace", Role::Admin, true).await;
        assert_eq!(go_on(&app, &wanted).await, NOTHING);
        let ada = app.sign_in("ada").await;
        ada.get(&page(&ada).await).await.must_show("Ada Lovelace ada@acme.example");
        assert_eq!(events(&app).await, [1, 1, 0]);
    }

    /// Where it is not clear which account is meant nothing is added, and nothing taken away.
    async fn an_account_must_be_clear(app) {
        let ada = app.admin("ada").await;
        start(&app, &[grafana(&[])]).await;
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let several = "the application grafana.localhost:8081 waits: there are several accounts, so it must name its own";
        assert_eq!(start(&app, &[grafana(&[])]).await, [several]);
        page(&ada).await;
        app.add_account("Globex").await;
        let doubled = "the application grafana.localhost:8081 waits: there are several accounts of the name Globex";
        assert_eq!(start(&app, &[of("Globex", grafana(&[]))]).await, [doubled]);
        page(&ada).await;
        assert_eq!(start(&app, &[of("Acme Analytics", grafana(&[]))]).await, NOTHING);
        assert_eq!(events(&app).await, [1, 0, 0]);
    }

    /// A user of another account is not named, however the file has it.
    async fn nobody_of_another_account_is_named(app) {
        let ada = app.admin("ada").await;
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let trouble = start(&app, &[of("Acme Analytics", grafana(&["zoe", "ben"]))]).await;
        assert_eq!(trouble.len(), 1);
        assert!(trouble[0].starts_with("zoe@acme.example cannot enter"), "{trouble:?}");
        let shown = ada.get(&page(&ada).await).await;
        assert!(shown.shows("Ben Okafor") && !shown.shows("Zoe"));
    }

    /// An Admin's application of the same host becomes the configuration's.
    async fn what_a_page_made_is_taken_over(app) {
        let ada = app.admin("ada").await;
        let made = [("name", "Mine"), ("host", "grafana.localhost"), ("enter", "everyone")];
        let own = ada.post(LIST, &made).await.leads_to();
        ada.post(&format!("{own}/named"), &[("email", "cleo@acme.example")]).await;
        assert_eq!(go_on(&app, &[grafana(&["ben"])]).await, NOTHING);
        assert_eq!(page(&ada).await, own);
        let shown = ada.get(&own).await;
        shown.must_show("It comes from the configuration file.");
        shown.must_show("Admins and 1 named user");
        assert!(shown.shows("Ben Okafor") && !shown.shows("Cleo"));
    }

    /// The host is the operator's to give: an Admin of another account who took it on a page, before
    /// or after, loses it.
    async fn a_host_that_another_account_took_is_given_as_the_file_says(app) {
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let zoe = app.sign_in("zoe").await;
        let made = [("name", "Mine"), ("host", "grafana.localhost"), ("enter", "everyone")];
        zoe.post(LIST, &made).await;
        let wanted = [of("Acme Analytics", grafana(&[])), of("Acme Analytics", wiki())];
        zoe.get(LIST).await.must_show("Mine");
        assert_eq!(go_on(&app, &wanted).await, NOTHING);
        assert!(!zoe.get(LIST).await.shows("Mine"));
        assert_eq!(app.audited("application.removed").await, 1);
        let ada = app.admin("ada").await;
        let list = ada.get(LIST).await;
        list.must_show("Wiki");
        list.must_show("Grafana");
    }

    /// The file may give it to another account: it moves at the start.
    async fn it_moves_to_another_account(app) {
        let ada = app.admin("ada").await;
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let zoe = app.sign_in("zoe").await;
        start(&app, &[of("Acme Analytics", grafana(&["ben"]))]).await;
        let there = [of("Globex", grafana(&["zoe"]))];
        assert_eq!(go_on(&app, &there).await.len(), 1, "not while serving");
        assert_eq!(start(&app, &there).await, NOTHING);
        assert_eq!(applications_on(&ada.get(LIST).await), NOTHING);
        zoe.get(&page(&zoe).await).await.must_show("Zoe Zimmer zoe@acme.example");
    }
}
