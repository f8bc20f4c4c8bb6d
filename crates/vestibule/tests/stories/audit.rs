//! Settings → Audit log: what an Admin reads there, and what an auditor gets.

use std::time::Duration;

use serde_json::Value;
use vestibule_domain::audit_verify::Verified;
use vestibule_domain::user::Role;
use vestibule_flows::audit_file::{FileFault, FileVerifier};
use vestibule_testkit::client::escape;
use vestibule_testkit::{Answer, Client, TestApp, stories};

/// A second account, with Zoe as its Admin.
async fn globex(app: &TestApp) -> Client {
    let account = app.add_account("Globex").await;
    app.add_to(account, "zoe", "Zoe Zimmer", Role::Admin, true).await;
    app.add_to(account, "yan", "Yan Young", Role::Member, false).await;
    app.sign_in("zoe").await
}

/// The words of each event on a page, in order.
fn events(page: &Answer) -> Vec<String> {
    let rows = page.body.split("class=\"what\">").skip(1);
    let sentences = rows.map(|row| row.split(['<', '\n']).next().unwrap().trim().to_owned());
    sentences.map(|text| text.replace("&#39;", "'").replace("&#34;", "\"")).collect()
}

async fn search(admin: &Client, query: &str) -> Vec<String> {
    let page = admin.get(&format!("/settings/audit?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.text());
    events(&page)
}

pub(crate) async fn export(admin: &Client, fields: &[(&str, &str)]) -> Answer {
    let answer = admin.post("/settings/audit/export", fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

pub(crate) fn verify(file: &str) -> Result<Verified, FileFault> {
    let mut verifier = FileVerifier::new(vec![], false);
    file.lines().try_for_each(|line| verifier.read(line))?;
    verifier.finish()
}

pub(crate) fn lines(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

stories! {
    /// Who did what, when and from where, in plain words, the newest first.
    async fn the_log_says_in_plain_words_what_happened(app) {
        let ada = app.admin("ada").await;
        let a_second = Duration::from_secs(1);
        app.clock.advance(a_second);
        app.turn_switch(&ada, true).await;
        app.clock.advance(a_second);
        app.act(&ada, "dinesh", "/disable").await;
        app.clock.advance(a_second);
        app.set_role(&ada, "cleo", "Admin").await;
        app.clock.advance(a_second);
        app.invite(&ada, "eve", "Member").await;
        let page = ada.get("/settings/audit").await;
        let told = events(&page);
        let expected = [
            "Ada Lovelace invited eve@acme.example as a Member",
            "Ada Lovelace made Cleo Marín an Admin",
            "Ada Lovelace disabled Dinesh Rao",
            "Ada Lovelace turned the switch on: MFA for everyone",
        ];
        assert_eq!(told[..4], expected, "{told:?}");
        assert!(told.iter().any(|what| what.starts_with("Ada Lovelace added the app ")));
        let row = page.row("disabled Dinesh").unwrap();
        for words in ["ada@acme.example", "127.0.0.1", "15 Jan 2027, 08:0"] {
            assert!(row.contains(words), "{words}: {row}");
        }
    }

    /// What was done on the host says so.
    async fn what_the_host_did_is_told_as_such(app) {
        let ada = app.admin("ada").await;
        app.recover_path("cleo").await;
        let page = ada.get("/settings/audit").await;
        let row = page.row("recover link").unwrap();
        assert!(row.starts_with("The host’s command line made a recover link for Cleo Marín"), "{row}");
        assert!(row.contains("the host’s command line 15 Jan"), "no address: {row}");
    }

    /// Many refusals within a minute are one line that says so.
    async fn repeated_refusals_are_one_line_with_their_number(app) {
        let ada = app.admin("ada").await;
        for _ in 0..5 {
            app.browser().sign_in("ben@acme.example", "a wrong password").await;
        }
        let page = ada.get("/settings/audit").await;
        page.must_show("A sign-in as Ben Okafor was refused at the password 5 times not signed in");
        assert_eq!(search(&ada, "about=sign-in&email=ben%40acme.example").await.len(), 1);
    }

    async fn filters_find_by_kind_user_and_day(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        app.turn_switch(&ada, false).await;
        app.sign_in("ben").await;
        app.clock.advance(Duration::from_hours(24));
        let ada = app.sign_in("ada").await;
        app.act(&ada, "ben", "/disable").await;

        let switch = search(&ada, "about=policy").await;
        assert_eq!(switch.len(), 2, "{switch:?}");
        // By whom and about whom.
        let ben = search(&ada, "email=Ben%40acme.example").await;
        assert_eq!(ben.len(), 2, "{ben:?}");
        assert_eq!(ben[0], "Ada Lovelace disabled Ben Okafor");
        // Both days are whole, the last one too.
        let first = search(&ada, "from=2027-01-15&until=2027-01-15").await;
        let second = search(&ada, "from=2027-01-16").await;
        let all = search(&ada, "").await;
        assert_eq!([second.clone(), first.clone()].concat(), all);
        assert!(second.iter().any(|what| what.contains("disabled")) && !first.is_empty());
        assert!(search(&ada, "until=2027-01-14").await.is_empty());
        let both = search(&ada, "about=users&email=ada%40acme.example&from=2027-01-16").await;
        assert_eq!(both, ["Ada Lovelace disabled Ben Okafor"]);
        // What was looked for stays in the form.
        let page = ada.get("/settings/audit?about=users&email=ben%40acme.example&from=2027-01-16").await;
        assert_eq!(page.field("email").as_deref(), Some("ben@acme.example"));
        assert_eq!(page.field("from").as_deref(), Some("2027-01-16"));
        assert!(page.body.contains("<option value=\"users\" selected>"));
    }

    /// A search that cannot be understood says what to change, and loses nothing that was typed.
    async fn a_search_that_makes_no_sense_says_what_to_change(app) {
        let ada = app.admin("ada").await;
        for (query, status, words) in [
            ("email=nobody%40acme.example", 200, "Nobody has or had this email here."),
            ("email=%3Cscript%3E", 200, "Nobody has or had this email here."),
            ("email=zoe%40acme.example", 200, "Nobody has or had this email here."),
            ("from=yesterday", 422, "Type a day such as 2027-01-15."),
            ("until=2027-02-30", 422, "Type a day such as 2027-01-15."),
            ("from=2027-02-01&until=2027-01-01", 200, "Nothing found."),
            ("about=refused", 200, "Nothing found."),
        ] {
            let page = ada.get(&format!("/settings/audit?{query}")).await;
            assert_eq!(page.status, status, "{query}");
            page.must_show(words);
            assert!(events(&page).is_empty() && !page.body.contains("<script>"), "{query}");
            assert_eq!(page.link("Show everything").as_deref(), Some("/settings/audit"));
        }
        for query in ["about=nonsense", "after=x", "after=1.", "after=.", "after=99999999999999999.x"] {
            assert_eq!(ada.get(&format!("/settings/audit?{query}")).await.status, 200, "{query}");
        }
    }

    /// The trace of who was removed stays, and is found by the e-mail that they had.
    async fn who_was_removed_is_still_in_the_log(app) {
        let ada = app.admin("ada").await;
        app.sign_in("ben").await;
        app.clock.advance(Duration::from_secs(1));
        app.act(&ada, "ben", "/remove").await;
        let found = search(&ada, "email=ben%40acme.example").await;
        assert_eq!(found[0], "Ada Lovelace removed ben@acme.example");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    /// Pages hold every event once, and what happens meanwhile moves none of them.
    async fn the_pages_hold_every_event_once(app) {
        let ada = app.admin("ada").await;
        for _ in 0..70 {
            app.sign_in("ben").await;
            app.clock.advance(Duration::from_secs(1));
        }
        let first = ada.get("/settings/audit?email=ben%40acme.example").await;
        assert_eq!(events(&first).len(), 50);
        assert!(first.link("Newest events").is_none());
        let next = first.link("Older events").unwrap();
        let before = events(&ada.get(&next).await);
        assert_eq!(before.len(), 20);
        app.sign_in("ben").await;
        let second = ada.get(&next).await;
        assert_eq!(events(&second), before);
        assert!(second.link("Older events").is_none());
        let back = second.link("Newest events").unwrap();
        assert_eq!(back, "/settings/audit?email=ben%40acme%2Eexample");
    }

    /// The Admin of another account sees nothing of it, on the page or in any export.
    async fn an_admin_reads_the_own_account_alone(app) {
        let ada = app.admin("ada").await;
        let zoe = globex(&app).await;
        app.turn_switch(&ada, true).await;
        app.browser().sign_in("nobody@example.org", "no password").await;
        let page = zoe.get("/settings/audit").await;
        assert!(events(&page).iter().all(|what| what.contains("Zoe")), "{:?}", events(&page));
        assert!(search(&zoe, "about=policy").await.is_empty());
        for format in ["jsonl", "csv"] {
            let file = export(&zoe, &[("format", format)]).await.body;
            for foreign in ["ada@", "Lovelace", "policy.required", &app.id("ada").await.to_string()] {
                assert!(!file.contains(foreign), "{foreign} in {file}");
            }
        }
        let account = app.account.unwrap().to_string();
        let file = export(&zoe, &[("format", "jsonl")]).await.body;
        assert!(!file.contains(&account));
        assert!(verify(&file).unwrap().events >= 2, "and it verifies as it is");
    }

    async fn a_member_reads_nothing_of_it(app) {
        let ben = app.sign_in("ben").await;
        assert!(!ben.get("/").await.body.contains("/settings/audit"));
        assert_eq!(ben.get("/settings/audit").await.status, 403);
        assert_eq!(ben.get("/settings/audit/export").await.status, 403);
        let refused = ben.post("/settings/audit/export", &[("format", "jsonl")]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(app.audited("audit.exported").await, 0);
    }

    /// The export asks for a fresh proof, is an event itself, and holds it.
    async fn an_export_is_a_sensitive_act_and_an_event(app) {
        let ada = app.admin("ada").await;
        ada.get("/").await.must_show("Audit log");
        let link = ada.get("/settings/audit?about=policy").await.link("Export").unwrap();
        app.clock.outlive_proofs();
        let asked = ada.get(&link).await;
        assert_eq!(asked.leads_to(), "/proof");
        ada.visit(&link).await.must_show("You are about to export the audit log");
        let refused = ada.post("/settings/audit/export", &[("format", "jsonl")]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(app.audited("audit.exported").await, 0);
        // The form goes on where the proof was asked for.
        let file = app.prove_as_asked("ada", &ada, &refused).await;
        assert_eq!(file.status, 200);
        assert_eq!(app.audited("audit.exported").await, 1);
        assert!(lines(&file.body).iter().any(|line| line["kind"] == "audit.exported"));
        ada.get(&link).await.must_show("What you searched for: The switch, the account, applications.");
        let told = search(&ada, "about=trail").await;
        assert_eq!(told, ["Ada Lovelace exported the audit log (jsonl)"]);
    }

    /// What an auditor gets is whole, and every change of it shows.
    async fn an_exported_file_verifies_and_a_changed_one_does_not(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let answer = export(&ada, &[("format", "jsonl")]).await;
        let disposition = answer.headers["content-disposition"].to_str().unwrap();
        assert_eq!(disposition, "attachment; filename=\"audit-log-2027-01-15.jsonl\"");
        let file = answer.body;
        let found = verify(&file).unwrap();
        assert!(found.events >= 4);
        let all: Vec<&str> = file.lines().collect();
        let join = |lines: &[&str]| lines.join("\n");
        let fault = |text: &str| verify(text).unwrap_err().to_string();
        let switch = all.iter().position(|line| line.contains("policy.required")).unwrap();
        for (from, to) in [("policy.required", "policy.optional"), ("127.0.0.1", "127.0.0.2"), ("\"count\":1", "\"count\":2")] {
            let mut changed = all.clone();
            let line = all[switch].replace(from, to);
            assert_ne!(line, all[switch]);
            changed[switch] = &line;
            assert!(fault(&join(&changed)).contains("not the event that was sealed"), "{line}");
        }
        let mut changed = all.clone();
        let line = all[switch].replace("T08:", "T09:");
        changed[switch] = &line;
        assert!(fault(&join(&changed)).contains("two times differ"));
        let without = [&all[..switch], &all[switch + 1..]].concat();
        assert!(fault(&join(&without)).contains("the event is missing"));
        let mut swapped = all.clone();
        swapped.swap(switch, switch - 1);
        assert!(fault(&join(&swapped)).contains("missing"));
        let doubled = [&all[..=switch], &all[switch..]].concat();
        assert!(fault(&join(&doubled)).contains("inserted or moved"));
        assert!(fault(&join(&all[..all.len() - 1])).contains("breaks off"));
        assert!(fault(&file[..file.len() - 20]).contains("breaks off"));
    }

    /// What was not searched for stands in the file as a hash, and the file verifies all the same.
    async fn a_part_of_the_log_verifies_as_well(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        app.sign_in("cleo").await;
        app.clock.advance(Duration::from_hours(24));
        let ada = app.sign_in("ada").await;
        let fields = [("format", "jsonl"), ("about", "policy")];
        let file = export(&ada, &fields).await.body;
        let found = verify(&file).unwrap();
        assert_eq!(found.events, 1);
        assert!(found.withheld > 5 && !file.contains("password.accepted"));
        let of_the_day = [("format", "jsonl"), ("from", "2027-01-16"), ("until", "2027-01-16")];
        let file = export(&ada, &of_the_day).await.body;
        let found = verify(&file).unwrap();
        assert!(found.events >= 3 && !file.contains("policy.required"), "{file}");
        let nothing = export(&ada, &[("format", "jsonl"), ("until", "2026-01-01")]).await.body;
        assert_eq!(verify(&nothing).unwrap().events, 0);
        let odd = ada.post("/settings/audit/export", &[("format", "jsonl"), ("from", "x")]).await;
        assert_eq!(odd.leads_to(), "/settings/audit");
        assert_eq!(ada.post("/settings/audit/export", &[("format", "xml")]).await.status, 400);
    }

    /// CSV is for people: names instead of identifiers, and a last row that says that it is whole.
    async fn csv_is_for_people(app) {
        let ada = app.admin("ada").await;
        app.act(&ada, "ben", "/disable").await;
        let answer = export(&ada, &[("format", "csv"), ("about", "users")]).await;
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
        let rows: Vec<&str> = answer.body.split("\r\n").collect();
        assert_eq!(rows.len(), 4, "{rows:?}");
        assert!(rows[0].starts_with("\"position\",\"time\",\"kind\",\"count\",\"who\","));
        assert!(rows[1].contains("\"user.disabled\",\"1\",\"Ada Lovelace <ada@acme.example>\",\"Ben Okafor <ben@acme.example>\",\"127.0.0.1\""), "{rows:?}");
        assert!(rows[2].contains("\"end of the export\"") && rows[2].contains("\"1 events, head "));
        assert_eq!(rows[3], "");
    }

    /// Retention removes what is older than it is kept, leaves an event about it, and what is left
    /// verifies; without it, nothing goes.
    async fn nothing_is_removed_unless_retention_says_so(app) {
        let ada = app.admin("ada").await;
        app.vestibule.seal_audit().await.unwrap();
        for _ in 0..4 {
            app.clock.advance(Duration::from_hours(25));
            app.sign_in("ben").await;
            app.vestibule.seal_audit().await.unwrap();
        }
        app.vestibule.keep_house().await.unwrap();
        assert_eq!(app.audited("audit.trimmed").await, 0);
        let found = app.vestibule.verify_audit(&[], false).await.unwrap().unwrap();
        assert_eq!((found.chain.removed, found.unsealed), (0, 0));
        let old = search(&app.sign_in("ada").await, "until=2027-01-15").await;
        assert!(old.iter().any(|what| what.contains("added the app")), "{old:?}");
        drop(ada);
    }
}

/// The same, with events kept for two days.
mod retention {
    use vestibule_flows::Settings;
    use vestibule_testkit::Database;
    use vestibule_testkit::app::CHEAP;

    use super::*;

    async fn what_is_too_old_goes_and_the_rest_verifies(database: Database) {
        let two_days = Some(Duration::from_hours(48));
        let settings = Settings { hash_cost: CHEAP, audit_kept: two_days, ..Settings::default() };
        let app = TestApp::furnished_with(database, settings).await;
        app.admin("ada").await;
        app.vestibule.seal_audit().await.unwrap();
        for _ in 0..4 {
            app.clock.advance(Duration::from_hours(25));
            app.sign_in("ben").await;
            app.vestibule.seal_audit().await.unwrap();
        }
        app.vestibule.keep_house().await.unwrap();
        app.vestibule.seal_audit().await.unwrap();
        let ada = app.sign_in("ada").await;
        assert!(search(&ada, "until=2027-01-15").await.is_empty());
        let told = search(&ada, "about=trail").await;
        assert!(told[0].starts_with("The oldest events were removed"), "{told:?}");
        let found = app.vestibule.verify_audit(&[], false).await.unwrap().unwrap();
        assert_eq!(found.chain.removed, told.len() as u64);
        let file = export(&ada, &[("format", "jsonl")]).await.body;
        assert!(verify(&file).unwrap().events > 0, "{}", escape(&file));
        // A second time there is nothing to do.
        app.vestibule.keep_house().await.unwrap();
        assert_eq!(app.audited("audit.trimmed").await, i64::try_from(told.len()).unwrap());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        what_is_too_old_goes_and_the_rest_verifies(Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        what_is_too_old_goes_and_the_rest_verifies(Database::Postgres).await;
    }
}
