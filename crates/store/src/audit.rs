//! The trace of what happened: writing an event, and reading an account's events page by page.

use vestibule_domain::audit::{AuditEvent, AuditKind, network};
use vestibule_domain::audit_chain::minute_of;
use vestibule_domain::id::{AccountId, AuditEventId};
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// Which events of an account are listed.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// These kinds alone, unless there are none.
    pub kinds: Vec<AuditKind>,
    /// By or about this user alone.
    pub user: Option<String>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Where a page begins: after this event, on the way from the newest to the oldest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKey {
    /// When the event before it happened.
    pub at: Timestamp,
    /// The identifier of the event before it.
    pub id: String,
}

/// A user as an event names one: with name and e-mail, unless removed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPerson {
    /// The identifier.
    pub id: String,
    /// Display name and e-mail as they are now.
    pub known_as: Option<(String, String)>,
}

/// An event as an Admin reads it.
#[derive(Clone, Debug)]
pub struct AuditLine {
    /// The identifier.
    pub id: String,
    /// When; of a counted one, the first time.
    pub at: Timestamp,
    /// [`AuditKind::as_str`].
    pub kind: String,
    /// Who acted.
    pub actor: Option<AuditPerson>,
    /// Whom it concerns.
    pub user: Option<AuditPerson>,
    /// From which address; empty for the host's command line.
    pub address: String,
    /// What else there is to read.
    pub detail: String,
    /// How often.
    pub count: i64,
}

/// A page of an account's events, the newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The events.
    pub lines: Vec<AuditLine>,
    /// Where the next page begins, if there is one.
    pub next: Option<AuditKey>,
}

impl Reading {
    /// The kinds and counts of all events of the installation, the oldest first: for tests alone,
    /// which ask whether an act has left its trace.
    pub async fn audit_kinds(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT kind, count FROM audit_events ORDER BY id LIMIT 10000";
        let rows = self.rows(sql, vec![]).await?;
        rows.iter().map(|row| Ok((row.text("kind")?, row.int("count")?))).collect()
    }

    /// A page of an account's events.
    pub async fn audit_page(
        &mut self,
        account: AccountId,
        filter: &AuditFilter,
        after: Option<&AuditKey>,
        limit: i64,
    ) -> Result<AuditPage, StoreError> {
        let end = Timestamp::from_millis(i64::MAX);
        let until = AuditKey { at: filter.until.unwrap_or(end), id: String::new() };
        let key = match after {
            Some(after) if after.at < until.at => after,
            _ => &until,
        };
        let rows = self
            .rows(
                "SELECT e.id, e.at, e.kind, e.address, e.detail, e.count,
                        e.actor_id, a.name AS actor_name, a.email AS actor_email,
                        e.user_id, u.name AS user_name, u.email AS user_email
                 FROM audit_events e
                 LEFT JOIN users a ON a.id = e.actor_id
                 LEFT JOIN users u ON u.id = e.user_id
                 WHERE e.account_id = $1 AND (e.at, e.id) < ($2, $3) AND e.at >= $4
                   AND ($5 = '' OR e.user_id = $5 OR e.actor_id = $5)
                   AND ($6 = '' OR $6 LIKE '%,' || e.kind || ',%')
                 ORDER BY e.at DESC, e.id DESC LIMIT $7",
                values![
                    account,
                    key.at,
                    key.id.as_str(),
                    filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)),
                    filter.user.as_deref().unwrap_or_default(),
                    listed(&filter.kinds),
                    limit.saturating_add(1),
                ],
            )
            .await?;
        let mut lines: Vec<AuditLine> = rows.iter().map(line).collect::<Result<_, _>>()?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = lines.len() > shown;
        lines.truncate(shown);
        let last = lines.last().filter(|_| has_more);
        Ok(AuditPage {
            next: last.map(|last| AuditKey { at: last.at, id: last.id.clone() }),
            lines,
        })
    }

    /// Who has this e-mail in the account, or had it when being removed: the identifier under which
    /// events name them.
    pub async fn audit_user(
        &mut self,
        account: AccountId,
        email: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT u.id AS id FROM users u JOIN memberships m ON m.user_id = u.id
                   WHERE u.email = $2 AND m.account_id = $1";
        if let Some(row) = self.row(sql, values![account, email]).await? {
            return row.text("id").map(Some);
        }
        let sql = "SELECT user_id AS id FROM audit_events
                   WHERE account_id = $1 AND kind IN ($2, $3) AND detail = $4
                     AND user_id IS NOT NULL
                   ORDER BY at DESC, id DESC LIMIT 1";
        let (removed, cancelled) = (AuditKind::UserRemoved, AuditKind::InvitationCancelled);
        let row =
            self.row(sql, values![account, removed.as_str(), cancelled.as_str(), email]).await?;
        row.map(|row| row.text("id")).transpose()
    }
}

/// Kinds as one value: `,a,b,`; empty for all.
fn listed(kinds: &[AuditKind]) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    format!(",{},", names.join(","))
}

fn line(row: &Row) -> Result<AuditLine, StoreError> {
    let person = |id: &str, name: &str, email: &str| -> Result<Option<AuditPerson>, StoreError> {
        let known_as = row.maybe_text(name)?.zip(row.maybe_text(email)?);
        Ok(row.maybe_text(id)?.map(|id| AuditPerson { id, known_as }))
    };
    Ok(AuditLine {
        id: row.text("id")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        actor: person("actor_id", "actor_name", "actor_email")?,
        user: person("user_id", "user_name", "user_email")?,
        address: row.text("address")?,
        detail: row.text("detail")?,
        count: row.int("count")?,
    })
}

impl Reading {
    /// When the newest event was written, by the clock of then.
    pub async fn newest_event(&mut self) -> Result<Option<Timestamp>, StoreError> {
        // Identifiers are ordered by time.
        let sql = "SELECT at FROM audit_events ORDER BY id DESC LIMIT 1";
        self.row(sql, vec![]).await?.map(|row| row.time("at")).transpose()
    }
}

impl Writing {
    /// Writes an event in the transaction of its act. Where strangers can cause it at will, it is
    /// one row a kind, user, network and minute, with a count. Sealing takes a row's key away, so
    /// that nothing is counted into it any more: then another row begins.
    pub async fn audit(
        &mut self,
        id: AuditEventId,
        event: &AuditEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let counted = event.kind.is_counted().then(|| {
            let user = event.user.map(|user| user.to_string()).unwrap_or_default();
            let (network, minute) = (network(&event.address), minute_of(now));
            format!("{}/{user}/{network}/{minute}", event.kind.as_str())
        });
        self.change(
            "INSERT INTO audit_events (id, at, kind, account_id, actor_id, user_id, session_id,
                                       address, detail, count, counted_key)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)
             ON CONFLICT (counted_key) DO UPDATE SET count = audit_events.count + 1",
            values![
                id,
                now,
                event.kind.as_str(),
                event.account.map(|id| id.to_string()),
                event.actor.map(|id| id.to_string()),
                event.user.map(|id| id.to_string()),
                event.session.map(|id| id.to_string()),
                event.address.as_str(),
                event.detail.as_str(),
                counted,
            ],
        )
        .await
        .map(drop)
    }
}
