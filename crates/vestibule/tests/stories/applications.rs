//! Settings → Applications, and what the dashboard shows of them.

use vestibule_domain::user::Role;
use vestibule_testkit::client::escape;
use vestibule_testkit::{Answer, Client, applications_on, stories};

const LIST: &str = "/settings/applications";

const WIKI: [(&str, &str); 3] =
    [("name", "Wiki"), ("host", "wiki.localhost:8081"), ("enter", "everyone")];

/// Adds an application, and answers the path of its page.
async fn add(admin: &Client, fields: &[(&str, &str)]) -> String {
    let answer = admin.post(LIST, fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.leads_to()
}

/// The same, by name and host.
async fn add_for(admin: &Client, name: &str, host: &str, enter: &str) -> String {
    add(admin, &[("name", name), ("host", host), ("enter", enter)]).await
}

async fn name(admin: &Client, page: &str, email: &str) -> Answer {
    admin.post(&format!("{page}/named"), &[("email", email)]).await
}

/// What the dashboard leads to, as its links say it.
async fn dashboard(browser: &Client) -> Vec<String> {
    let page = browser.get("/").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let links = page.body.split("class=\"to-application\" href=\"").skip(1);
    links.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The sentences of the audit log about what was set, the newest first.
async fn log(admin: &Client) -> String {
    admin.get("/settings/audit?about=policy").await.text()
}

stories! {
    /// Nobody knows what belongs there before there is any: the page says so.
    async fn the_empty_list_says_what_it_is_for(app) {
        let ada = app.admin("ada").await;
        let list = ada.get(LIST).await;
        assert_eq!(list.status, 200);
        list.must_show("No application yet.");
        assert_eq!(list.link("Add an application").as_deref(), Some("/settings/applications/new"));
        assert_eq!(dashboard(&ada).await, Vec::<String>::new());
        assert!(!ada.get("/").await.body.contains("id=\"applications\""));
    }

    /// After adding, the page says what comes next; the list tells what was set.
    async fn an_application_is_added(app) {
        let ada = app.admin("ada").await;
        let new = ada.get("/settings/applications/new").await;
        assert_eq!(new.field_for(LIST, "enter").as_deref(), Some("everyone"));
        let fields = [
            ("name", "  Payroll & Co  "),
            ("host", " Payroll.LOCALHOST:8081 "),
            ("enter", "admins"),
            ("always_mfa", "true"),
            ("max_age_minutes", "15"),
        ];
        let page = ada.submit(LIST, &fields).await;
        page.must_show("The application is added.");
        page.must_show("What comes next: your reverse proxy");
        page.must_show("http://payroll.localhost:8081/.vestibule/callback leads to Vestibule.");
        page.must_show("none is trusted yet");
        assert_eq!(page.field("name").as_deref(), Some("Payroll & Co"));
        assert_eq!(page.field("host").as_deref(), Some("payroll.localhost:8081"));
        assert_eq!(page.field("max_age_minutes").as_deref(), Some("15"));
        let row = ada.get(LIST).await.row("Payroll & Co").unwrap();
        for words in ["payroll.localhost:8081", " Admins ", "a security code, always, again after 15 minutes"] {
            assert!(row.contains(words), "{row}");
        }
        assert_eq!(app.audited("application.added").await, 1);
        let told = "added the application Payroll & Co (payroll.localhost:8081): admins, MFA always, proof within 15 min";
        assert!(log(&ada).await.contains(told), "{}", log(&ada).await);
        let again = ada.get(&applications_on(&ada.get(LIST).await)[0]).await;
        assert!(!again.shows("What comes next"), "once");
        again.must_show("How the reverse proxy asks");
    }

    /// Behind https any host but Vestibule's own may be one, and its links are https.
    async fn under_https_hosts_are_names_of_the_network(https app) {
        let ada = app.admin("ada").await;
        for (host, words) in [
            ("login.acme.example", "Vestibule’s own host"),
            ("LOGIN.acme.example:8443", "Vestibule’s own host"),
            ("localhost", "each visitor’s own machine"),
        ] {
            let fields = [("name", "Wiki"), ("host", host), ("enter", "everyone")];
            let page = ada.post(LIST, &fields).await;
            assert_eq!(page.status, 422);
            page.must_show(words);
        }
        let page = add_for(&ada, "Wiki", "wiki.acme.example:443", "everyone").await;
        let page = ada.get(&page).await;
        assert!(!page.shows("none is trusted yet"));
        assert_eq!(page.link("wiki.acme.example").as_deref(), Some("https://wiki.acme.example/"));
        assert_eq!(dashboard(&ada).await, ["https://wiki.acme.example/"]);
    }

    /// Each mistake is said at its field, and nothing that was typed is lost.
    async fn a_mistake_keeps_what_was_typed(app) {
        let ada = app.admin("ada").await;
        let page = add(&ada, &WIKI).await;
        let long = "x".repeat(101);
        for path in [LIST, page.as_str()] {
            for (field, typed, words) in [
                ("name", " ", "Type a name."),
                ("name", &long, "Use at most 100 characters."),
                ("name", "Zoë\u{202e}", "a character that cannot be shown"),
                ("host", "", "Type the host under which people open it."),
                ("host", "http://grafana.localhost/", "without https:// and without a path"),
                ("host", "gräfana.localhost", "it begins with xn--"),
                ("host", "grafana localhost", "This is no host"),
                ("host", "grafana.localhost:x", "This is no host"),
                ("host", "localhost:8081", "Vestibule’s own host"),
                ("host", "grafana.acme.example", "end in .localhost"),
                ("host", "127.0.0.1:8081", "end in .localhost"),
                ("max_age_minutes", "0", "from 1 to 1440"),
                ("max_age_minutes", "1441", "from 1 to 1440"),
                ("max_age_minutes", "-5", "from 1 to 1440"),
                ("max_age_minutes", "1.5", "from 1 to 1440"),
                ("max_age_minutes", "an hour", "from 1 to 1440"),
                ("max_age_minutes", "99999999999999999999", "from 1 to 1440"),
            ] {
                let mut fields = vec![
                    ("name", "Grafana <b>"),
                    ("host", "grafana.localhost"),
                    ("enter", "named"),
                    ("always_mfa", "true"),
                    ("max_age_minutes", "30"),
                ];
                fields.retain(|(name, _)| *name != field);
                fields.push((field, typed));
                let answer = ada.post(path, &fields).await;
                assert_eq!(answer.status, 422, "{field} {typed}");
                answer.must_show(words);
                assert!(answer.body.contains(&format!("id=\"{field}-mend\" role=\"alert\"")));
                for (name, typed) in fields.iter().filter(|(name, _)| !matches!(*name, "enter" | "always_mfa")) {
                    assert_eq!(answer.field_for(path, name).as_deref(), Some(*typed), "{name}");
                }
                assert!(answer.body.contains("value=\"named\" checked"));
                assert!(answer.body.contains("name=\"always_mfa\" value=\"true\" checked"));
            }
        }
        assert_eq!(applications_on(&ada.get(LIST).await), [page]);
        assert_eq!(app.audited("application.changed").await, 0);
    }

    /// What no form of ours sends is refused.
    async fn another_word_is_none_of_the_choices(app) {
        let ada = app.admin("ada").await;
        for more in [("enter", "nobody"), ("enter", ""), ("enter", "Everyone")] {
            let fields = [("name", "Wiki"), ("host", "wiki.localhost"), more];
            assert_eq!(ada.post(LIST, &fields).await.status, 400, "{more:?}");
        }
        let fields = [&WIKI[..], &[("always_mfa", "yes")]].concat();
        assert_eq!(ada.post(LIST, &fields).await.status, 400);
        assert_eq!(applications_on(&ada.get(LIST).await), Vec::<String>::new());
    }

    /// Name, host and rules can be changed; what is so already is no change.
    async fn an_application_is_changed(app) {
        let ada = app.admin("ada").await;
        let page = add(&ada, &WIKI).await;
        assert_eq!(ada.post(&page, &WIKI).await.status, 303);
        assert_eq!(app.audited("application.changed").await, 0, "it was so already");
        let fields = [
            ("name", "Handbook"),
            ("host", "handbook.localhost"),
            ("enter", "named"),
            ("always_mfa", "true"),
            ("max_age_minutes", "1440"),
        ];
        ada.submit(&page, &fields).await.must_show("The changes are saved.");
        let row = ada.get(LIST).await.row("Handbook").unwrap();
        assert!(row.contains("Nobody yet") && row.contains("after 1,440 minutes"), "{row}");
        let told = "changed the application Wiki (wiki.localhost:8081), now Handbook (handbook.localhost): \
                    named, MFA always, proof within 1440 min";
        assert!(log(&ada).await.contains(told), "{}", log(&ada).await);
        assert_eq!(dashboard(&ada).await, Vec::<String>::new());
        // The old host is free again, and back again.
        add(&ada, &WIKI).await;
        let fields = [("name", "Handbook"), ("host", "handbook.localhost"), ("enter", "everyone")];
        ada.submit(&page, &fields).await.must_show("The changes are saved.");
        let shown = ada.get(&page).await;
        assert!(!shown.body.contains("value=\"true\" checked"));
        assert_eq!(shown.field("max_age_minutes").as_deref(), Some(""));
    }

    /// A host is one application's, whatever the port, and nobody is told whose.
    async fn a_host_is_taken_once(app) {
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let (ada, zoe) = (app.admin("ada").await, app.sign_in("zoe").await);
        let page = add(&ada, &WIKI).await;
        let other = add_for(&ada, "Grafana", "grafana.localhost", "everyone").await;
        let mut answers = vec![];
        for admin in [&ada, &zoe] {
            for host in ["wiki.localhost:8081", "wiki.localhost", "WIKI.localhost:9"] {
                let fields = [("name", "Mine"), ("host", host), ("enter", "everyone")];
                let answer = admin.post(LIST, &fields).await;
                assert_eq!(answer.status, 422);
                answer.must_show("This host is taken");
                assert_eq!(answer.field("host").as_deref(), Some(host));
                assert!(!answer.shows("Wiki"), "{}", answer.text());
                answers.push(answer);
            }
        }
        assert!(!answers[3].shows("Acme"), "not even the account");
        let fields = [("name", "Grafana"), ("host", "wiki.localhost"), ("enter", "everyone")];
        let answer = ada.post(&other, &fields).await;
        assert_eq!(answer.status, 422);
        answer.must_show("This host is taken");
        // Another port of one's own name is no other host.
        let fields = [("name", "Wiki"), ("host", "wiki.localhost:9"), ("enter", "everyone")];
        assert_eq!(ada.post(&page, &fields).await.status, 303);
        assert_eq!(applications_on(&zoe.get(LIST).await), Vec::<String>::new());
    }

    /// Users are named by email, and taken off the list; only those of this account.
    async fn users_are_named(app) {
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let ada = app.admin("ada").await;
        let page = add_for(&ada, "Payroll", "payroll.localhost", "named").await;
        ada.get(&page).await.must_show("Nobody is named yet, so nobody may enter.");
        for (typed, words) in [
            ("zoe@acme.example", "No user of this account has this email."),
            ("nobody@acme.example", "No user of this account has this email."),
            ("ben", "Type an email address"),
            ("", "Type an email address"),
            ("<b>@acme.example", "Type an email address"),
        ] {
            let answer = name(&ada, &page, typed).await;
            assert_eq!(answer.status, 422, "{typed}");
            answer.must_show(words);
            let kept = answer.field_for(&format!("{page}/named"), "email");
            assert_eq!(kept.as_deref(), Some(typed));
        }
        assert_eq!(app.audited("application.changed").await, 0);
        for _ in 0..2 {
            let answer = name(&ada, &page, " Ben@ACME.example ").await;
            assert_eq!(answer.location().unwrap(), format!("{page}?done=named"));
        }
        assert_eq!(app.audited("application.changed").await, 1, "once is enough");
        let shown = ada.get(&format!("{page}?done=named")).await;
        shown.must_show("The user is on the list.");
        shown.must_show("Ben Okafor ben@acme.example");
        assert!(ada.get(LIST).await.row("Payroll").unwrap().contains("1 named user"));
        let told = "Payroll (payroll.localhost): ben@acme.example may enter by name";
        assert!(log(&ada).await.contains(told));

        let ben = app.id("ben").await.to_string();
        let off = format!("{page}/named/remove");
        for _ in 0..2 {
            let answer = ada.post(&off, &[("user", &ben)]).await;
            assert_eq!(answer.location().unwrap(), format!("{page}?done=unnamed"));
        }
        assert_eq!(app.audited("application.changed").await, 2);
        assert!(log(&ada).await.contains("ben@acme.example may no longer enter by name"));
        for user in ["", "x", "ben@acme.example"] {
            assert_eq!(ada.post(&off, &[("user", user)]).await.status, 404, "{user}");
        }
    }

    /// Who is removed is named no more, and somebody new of the same address is not either.
    async fn a_removed_user_is_named_no_more(app) {
        let ada = app.admin("ada").await;
        let page = add_for(&ada, "Payroll", "payroll.localhost", "named").await;
        name(&ada, &page, "cleo@acme.example").await;
        app.act(&ada, "cleo", "/remove").await;
        assert!(!ada.get(&page).await.shows("Cleo"));
        app.invite(&ada, "cleo", "Member").await;
        ada.get(&page).await.must_show("Nobody is named yet");
    }

    /// Removing frees the host, and the page is no more.
    async fn an_application_is_removed(app) {
        let ada = app.admin("ada").await;
        let page = add(&ada, &WIKI).await;
        name(&ada, &page, "ben@acme.example").await;
        let answer = ada.submit(&format!("{page}/remove"), &[]).await;
        answer.must_show("The application is removed.");
        answer.must_show("No application yet.");
        assert_eq!(ada.get(&page).await.status, 404);
        assert_eq!(ada.post(&page, &WIKI).await.status, 404);
        assert_eq!(ada.post(&format!("{page}/remove"), &[]).await.status, 404);
        assert_eq!(name(&ada, &page, "ben@acme.example").await.status, 404);
        assert_eq!(app.audited("application.removed").await, 1);
        assert!(log(&ada).await.contains("removed the application Wiki (wiki.localhost:8081)"));
        assert_ne!(add(&ada, &WIKI).await, page);
    }

    /// Every act asks for a fresh proof first, keeps what was typed, and leads back.
    async fn every_act_takes_a_fresh_proof(app) {
        let ada = app.admin("ada").await;
        let asked = async |path: &str, fields: &[(&str, &str)], about: &str, done: &str| {
            app.clock.outlive_proofs();
            let from = if path.starts_with(&format!("{LIST}/")) { path.split("/named").next().unwrap() } else { LIST };
            let asked = ada.post_from(from.trim_end_matches("/remove"), path, fields).await;
            assert_eq!(asked.status, 403, "{path}");
            asked.must_show(&format!("You are about to {about}."));
            assert_eq!(asked.link("Cancel").as_deref(), Some(from.trim_end_matches("/remove")));
            // A wrong proof loses neither the form nor the way back.
            let carried = asked.carried_fields();
            let wrong = app.wrong_code();
            let mut again: Vec<(&str, &str)> =
                carried.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            again.push(("code", &wrong));
            let asked = app.after_the_wait(async || ada.post("/proof", &again).await).await;
            assert_eq!(asked.carried_fields(), carried, "{path}");
            app.clock.advance(std::time::Duration::from_mins(15));
            let page = app.prove_as_asked("ada", &ada, &asked).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            page.must_show(done);
        };
        asked(LIST, &WIKI, "add Wiki as an application", "The application is added.").await;
        let page = applications_on(&ada.get(LIST).await).remove(0);
        let fields = [("name", "Zoë’s \"Wiki\" <b>"), WIKI[1], ("enter", "named"), ("always_mfa", "true")];
        asked(&page, &fields, "change the application Zoë’s \"Wiki\" <b>", "The changes are saved.").await;
        ada.get(&page).await.must_show("Zoë’s \"Wiki\" <b>");
        let (named, off) = (format!("{page}/named"), format!("{page}/named/remove"));
        let ben = app.id("ben").await.to_string();
        asked(&named, &[("email", "ben@acme.example")], "let ben@acme.example enter an application by name", "The user is on the list.").await;
        asked(&off, &[("user", &ben)], "take a user off an application’s list", "The user is off the list.").await;
        asked(&format!("{page}/remove"), &[], "remove an application", "The application is removed.").await;
    }

    /// What is wrong is told after the proof, on the form itself, with all that was typed.
    async fn mistakes_are_told_after_the_proof(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        let fields = [("name", "Grafana"), ("host", "grafana.acme.example"), ("enter", "named"), ("always_mfa", "true")];
        let asked = ada.post(LIST, &fields).await;
        let page = app.prove_as_asked("ada", &ada, &asked).await;
        assert_eq!(page.status, 422);
        page.must_show("end in .localhost");
        assert_eq!(page.field("name").as_deref(), Some("Grafana"));
        assert!(page.body.contains("value=\"named\" checked") && page.body.contains("value=\"true\" checked"));
    }

    /// Who has just lost the role changes nothing, in an open page either.
    async fn who_is_no_admin_any_more_changes_nothing(app) {
        let ada = app.admin("ada").await;
        app.set_role(&ada, "cleo", "Admin").await;
        let cleo = app.sign_in("cleo").await;
        let page = add(&cleo, &WIKI).await;
        app.set_role(&ada, "cleo", "Member").await;
        let fields = [("name", "Wiki"), WIKI[1], ("enter", "admins")];
        for (path, fields) in [
            (LIST.to_owned(), &fields[..]),
            (page.clone(), &fields),
            (format!("{page}/named"), &[("email", "ben@acme.example")]),
            (format!("{page}/remove"), &[]),
        ] {
            let answer = cleo.post(&path, fields).await;
            assert_eq!(answer.status, 403, "{path}");
            answer.must_show("This page is for Admins");
        }
        assert!(ada.get(LIST).await.row("Wiki").unwrap().contains("Everyone"));
        assert_eq!(app.audited("application.changed").await, 0);
    }

    /// Each finds what they may enter, by role and by name; Members find no settings.
    async fn the_dashboard_leads_to_what_one_may_enter(app) {
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let (ada, zoe) = (app.admin("ada").await, app.sign_in("zoe").await);
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        for (name, host, enter) in [
            ("Wiki", "wiki.localhost:8081", "everyone"),
            ("Grafana", "grafana.localhost", "admins"),
            ("Payroll", "payroll.localhost", "named"),
        ] {
            add_for(&ada, name, host, enter).await;
        }
        let (grafana, payroll, wiki) =
            ("http://grafana.localhost/", "http://payroll.localhost/", "http://wiki.localhost:8081/");
        let pages = applications_on(&ada.get(LIST).await);
        assert_eq!(dashboard(&ada).await, [grafana, wiki]);
        assert_eq!(dashboard(&ben).await, [wiki]);
        assert_eq!(dashboard(&zoe).await, Vec::<String>::new());
        for page in &pages {
            name(&ada, page, "ben@acme.example").await;
        }
        assert_eq!(dashboard(&ben).await, [grafana, payroll, wiki], "by name");
        assert_eq!(ben.get("/").await.link("Wiki wiki.localhost:8081").as_deref(), Some(wiki));
        assert_eq!(dashboard(&cleo).await, [wiki]);
        app.set_role(&ada, "cleo", "Admin").await;
        assert_eq!(dashboard(&cleo).await, [grafana, wiki], "by role, at the next click");
        assert!(!ben.get("/").await.body.contains(LIST));
        assert!(cleo.get("/").await.body.contains(LIST));
    }

    /// Names that would be markup are text.
    async fn a_name_is_text(app) {
        let ada = app.admin("ada").await;
        let hostile = "<script>alert(1)</script> & \"Co\"";
        let page = add_for(&ada, hostile, "x.localhost", "everyone").await;
        for path in [LIST, &page, "/", "/settings/audit"] {
            let shown = ada.get(path).await;
            shown.must_show(hostile);
            assert!(!shown.body.contains("<script>"), "{path}");
        }
        let nothing = format!("{page}?done={}", escape("<script>"));
        assert!(!ada.get(&nothing).await.body.contains("<script>"));
    }

    /// What an Admin sets is what the gate says at the next request, to who is inside too.
    async fn the_gate_follows_the_pages_at_the_next_request(https app) {
        const HOST: &str = "payroll.acme.example";
        let (ada, ben) = (app.admin("ada").await, app.sign_in("ben").await);
        let page = add_for(&ada, "Payroll", HOST, "everyone").await;
        let at = app.at(HOST);
        at.enter(&app, &ben).await;
        let set = async |enter: &str, host: &str| {
            let fields = [("name", "Payroll"), ("host", host), ("enter", enter)];
            assert_eq!(ada.post(&page, &fields).await.status, 303);
        };
        set("named", HOST).await;
        assert_eq!(at.load("/").await.status, 403);
        name(&ada, &page, "ben@acme.example").await;
        assert!(at.is_open().await);
        set("named", "pay.acme.example").await;
        assert_eq!(at.load("/").await.status, 403, "the host is no application's any more");
        set("named", HOST).await;
        assert!(at.is_open().await);
        let user = app.id("ben").await.to_string();
        ada.post(&format!("{page}/named/remove"), &[("user", &user)]).await;
        assert_eq!(at.load("/").await.status, 403);
        set("everyone", HOST).await;
        assert!(at.is_open().await);
        ada.post(&format!("{page}/remove"), &[]).await;
        assert_eq!(at.load("/").await.status, 403);
    }

    /// Who has no app yet is led through setting one up on the way in, keeps the recovery codes, and
    /// arrives at the page that they asked for.
    async fn an_application_that_always_asks_leads_through_enrolment_and_in(https app) {
        const HOST: &str = "payroll.acme.example";
        let (ada, ben) = (app.admin("ada").await, app.sign_in("ben").await);
        let fields =
            [("name", "Payroll"), ("host", HOST), ("enter", "everyone"), ("always_mfa", "true")];
        add(&ada, &fields).await;
        assert_eq!(dashboard(&ben).await, [format!("https://{HOST}/")], "he finds it before");
        let at = app.at(HOST);
        let to = at.led_to(&app, "/slips/2027?of=ben%2Fokafor").await;
        let page = ben.visit(&to).await;
        app.scan("ben", &page);
        let (code, back) = (app.code("ben"), page.field("return_to").unwrap());
        let codes = ben.submit("/enrolment", &[("code", &code), ("return_to", &back)]).await;
        codes.must_show("Keep your recovery codes");
        let fields = codes.carried_fields();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let kept = ben.post("/settings/security/recovery-codes/kept", &fields).await;
        let handed = ben.get(&kept.location().unwrap()).await;
        let arrived = at.arrive(&handed).await;
        assert_eq!(arrived.location().as_deref(), Some("/slips/2027?of=ben%2Fokafor"));
        assert!(at.is_open().await);
    }
}
