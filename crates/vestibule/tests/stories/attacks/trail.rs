//! Group J, the audit trail: what stands in it stays one record, and who changes it afterwards shows.

use std::time::Duration;

use serde_json::Value;
use vestibule_domain::audit_verify::ExportedHead;
use vestibule_testkit::{TestApp, stories};

use super::run;
use crate::audit::{export, lines, verify};

/// What `vestibule audit verify` says is wrong, with these heads at hand.
async fn fault(app: &TestApp, heads: &[ExportedHead]) -> Option<String> {
    let verified = app.vestibule.verify_audit(heads, false).await.unwrap();
    verified.err().map(|fault| fault.to_string())
}

stories! {
    /// AT-93: markup, formulas, quotes and what turns text around: one harmless record each,
    /// everywhere.
    async fn at_93_hostile_fields_stay_one_harmless_record(app) {
        let ada = app.admin("ada").await;
        let hostile = [
            "<script>alert(1)</script>",
            "=HYPERLINK(\"http://evil.example\",\"x\")",
            "+1+1",
            "-2,\"\"\",x",
            "@SUM(A1)",
            "'); DROP TABLE audit_events; --",
            "x; =1+1",
            "{\"line\":\"end\"}",
        ];
        for name in hostile {
            let answer = ada.post("/settings/security/name", &[("name", name)]).await;
            assert_eq!(answer.status, 303, "{name}");
            app.clock.advance(Duration::from_secs(1));
        }
        ada.post("/settings/security/name", &[("name", "Ada Lovelace")]).await;
        // A name that cannot be shown is refused before it comes here; a browser's is not recorded.
        let odd = app.browser().calling_itself("\"<b>\t=1+1");
        odd.sign_in("ben@acme.example", "a wrong password").await;
        let page = ada.get("/settings/audit").await;
        assert!(!page.body.contains("<script>alert"), "{}", page.body);
        page.must_show("changed their display name to <script>alert(1)</script>");

        let file = export(&ada, &[("format", "jsonl")]).await.body;
        assert!(verify(&file).is_ok());
        let details: Vec<Value> = lines(&file)
            .iter()
            .filter(|line| line["kind"] == "name.changed")
            .map(|l| l["detail"].clone())
            .collect();
        assert_eq!(details[..hostile.len()], hostile.map(Value::from));
        assert!(!file.contains('<') && !file.contains("1+1\t"));

        let table = export(&ada, &[("format", "csv"), ("about", "own-settings")]).await.body;
        let rows: Vec<&str> =
            table.split("\r\n").filter(|row| row.contains("name.changed")).collect();
        assert_eq!(rows.len(), hostile.len() + 1);
        for row in table.split("\r\n").flat_map(|row| row.split(",\"")) {
            assert!(!row.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{row}");
        }
        // In half of Europe a semicolon begins another cell.
        assert!(table.contains("\"x; '=1+1\"") && !table.contains("; =1+1"), "{table}");
        assert!(
            rows.iter()
                .any(|row| row.contains("\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\""))
        );
    }

    /// AT-93: whatever stands in the database by other ways is one line of each file, and the page
    /// is whole.
    async fn at_93_control_characters_stay_one_record(app) {
        use vestibule_domain::audit::{AuditEvent, AuditKind};
        use vestibule_domain::id::AuditEventId;
        let ada = app.admin("ada").await;
        let detail = "a\r\nb\u{1b}[2J\u{85}\u{2028}\u{202e}\t\u{7f}\"c\u{feff}";
        let event = AuditEvent {
            kind: AuditKind::FactorRenamed,
            account: app.account,
            actor: None,
            user: None,
            session: None,
            address: "\n=x".into(),
            detail: detail.into(),
        };
        let now = app.clock.now();
        let id = AuditEventId::new(now, &vestibule_testkit::app::randomness());
        let mut tx = app.store.write().await.unwrap();
        tx.audit(id, &event, now).await.unwrap();
        tx.commit().await.unwrap();
        let file = export(&ada, &[("format", "jsonl")]).await.body;
        assert!(verify(&file).is_ok());
        let line = file.lines().find(|line| line.contains("factor.renamed")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["detail"], detail);
        let table = export(&ada, &[("format", "csv")]).await.body;
        for text in [&file, &table] {
            let unseen = |c: char| {
                (c.is_control() && c != '\n' && c != '\r') || "\u{2028}\u{202e}\u{feff}".contains(c)
            };
            assert!(!text.contains(unseen));
        }
        assert_eq!(table.matches('\n').count(), table.matches("\r\n").count());
        let row = table.split("\r\n").find(|row| row.contains("factor.renamed")).unwrap();
        assert!(row.contains("\"a\\u{d}\\u{a}b\\u{1b}[2J"), "{row}");
        assert_eq!(ada.get("/settings/audit").await.status, 200);
    }

    /// AT-98: who cuts off the newest events, or seals a changed trail anew from its beginning, is
    /// found by a head that was written down elsewhere, also after the trail has grown again.
    async fn at_98_a_cut_tail_and_a_chain_made_anew_are_found(app) {
        let ada = app.admin("ada").await;
        for required in [true, false, true] {
            assert_eq!(app.turn_switch(&ada, required).await.status, 303);
        }
        app.vestibule.seal_audit_at_end().await.unwrap();
        let head = app.vestibule.audit_head().await.unwrap();
        assert!(head.position > 5);
        let heads = [ExportedHead { head, place: "heads, line 1".into() }];
        assert_eq!(fault(&app, &heads).await, None);

        let cut = "DELETE FROM audit_events WHERE position > 3;
                   UPDATE audit_chain SET head_position = 3,
                       head_hash = (SELECT hash FROM audit_events WHERE position = 3)";
        run(app.database_url(), cut).await;
        assert_eq!(fault(&app, &[]).await, None, "without the head nobody can know");
        let found = fault(&app, &heads).await.unwrap();
        assert!(found.contains("the events end at position 3"), "{found}");
        for _ in 0..4 {
            app.turn_switch(&ada, false).await;
            app.turn_switch(&ada, true).await;
        }
        app.clock.advance(Duration::from_mins(2));
        app.vestibule.seal_audit_at_end().await.unwrap();
        assert!(app.vestibule.audit_head().await.unwrap().position > head.position);
        assert!(fault(&app, &heads).await.is_some(), "it has grown again");

        let anew = "UPDATE audit_events SET detail = 'Other' WHERE position = 1;
                    UPDATE audit_events SET position = NULL, hash = NULL;
                    DELETE FROM audit_segments;
                    DELETE FROM audit_chain";
        run(app.database_url(), anew).await;
        app.vestibule.seal_audit_at_end().await.unwrap();
        assert_eq!(fault(&app, &[]).await, None, "without the head nobody can know");
        let found = fault(&app, &heads).await.unwrap();
        assert!(found.contains("computed anew"), "{found}");
    }
}
