//! Exporting the audit trail: by an Admin, of the own account, or on the host, of any.

use std::fmt;
use std::str::FromStr;

use vestibule_domain::audit::AuditKind;
use vestibule_domain::audit_chain::{Head, Record};
use vestibule_domain::id::AccountId;
use vestibule_domain::time::Timestamp;
use vestibule_store::{AuditFilter, SealedEvent, SegmentRecord};

use crate::audit_file::{CSV_HEADING, Line, moment, write_csv, write_csv_end};
use crate::audit_log::AuditSearch;
use crate::authority::{Admin, Fresh};
use crate::error::FlowError;
use crate::users::still_admin;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// Events read at a time: as much as is held in memory.
const PAGE: i64 = 500;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFormat {
    /// JSON Lines, which `vestibule audit verify` reads.
    JsonLines,
    /// CSV, for people and spreadsheets.
    Csv,
}

/// The text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none of jsonl, csv")]
pub struct NotAFormat;

impl fmt::Display for AuditFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        })
    }
}

impl FromStr for AuditFormat {
    type Err = NotAFormat;

    fn from_str(text: &str) -> Result<Self, NotAFormat> {
        match text {
            "jsonl" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err(NotAFormat),
        }
    }
}

/// The answer to an Admin who wants to export.
pub enum AuditExported {
    /// Here it comes.
    Begun(Box<AuditExport>),
    /// Nobody has or had the e-mail in the account.
    NobodyOfThisEmail,
    /// Whoever asked is no Admin any more.
    NotAdmin,
}

/// An export under way. It is read piece by piece, and holds no connection between them.
pub struct AuditExport {
    vestibule: Vestibule,
    format: AuditFormat,
    account: Option<String>,
    filter: AuditFilter,
    /// Segments that are not begun yet.
    segments: std::vec::IntoIter<SegmentRecord>,
    next_segment: Option<SegmentRecord>,
    last: Head,
    end: i64,
    stage: Stage,
    events: u64,
    withheld: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Beginning,
    Events,
    Over,
}

impl Vestibule {
    /// Begins the export of what an Admin searched for in the own account, and leaves the event.
    pub async fn export_audit(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        search: &AuditSearch,
        format: AuditFormat,
    ) -> Result<AuditExported, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let Some(filter) = self.audit_filter(&admin.0, search).await? else {
            return Ok(AuditExported::NobodyOfThisEmail);
        };
        let mut tx = self.store.write().await?;
        if still_admin(&mut tx, actor).await?.is_none() {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(AuditExported::NotAdmin);
        }
        let mut event = from.event_in(AuditKind::AuditExported, actor);
        event.user = None;
        event.detail = described(format, search);
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        let export = self.begin_export(Some(actor.account), filter, format).await?;
        Ok(AuditExported::Begun(Box::new(export)))
    }

    /// Begins an export on the host, of one account or of everything, and leaves the event.
    pub async fn export_audit_on_host(
        &self,
        account: Option<AccountId>,
        (from, until): (Option<Timestamp>, Option<Timestamp>),
        format: AuditFormat,
    ) -> Result<AuditExport, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let mut event = Visitor::default().event(AuditKind::AuditExported);
        event.account = match account {
            Some(account) => Some(account),
            None => tx.only_account().await?,
        };
        let search = AuditSearch { from, until, ..AuditSearch::default() };
        event.detail = described(format, &search);
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        let filter = AuditFilter { from, until, ..AuditFilter::default() };
        self.begin_export(account, filter, format).await
    }

    async fn begin_export(
        &self,
        account: Option<AccountId>,
        filter: AuditFilter,
        format: AuditFormat,
    ) -> Result<AuditExport, FlowError> {
        // So that what happened until now is in it.
        self.seal_audit().await?;
        let mut db = self.store.read().await?;
        let head = db.audit_head().await?;
        let range = db.audit_range(account, filter.from, filter.until).await?;
        let (after, end) = match range {
            // Without a last day it goes on to the head, so that every head that was exported before
            // is in it, whoever's the events at the end are.
            Some((first, _)) if filter.until.is_none() => (first.saturating_sub(1), head.position),
            Some((first, last)) => (first.saturating_sub(1), last.min(head.position)),
            None => (head.position, head.position),
        };
        let hash = db.audit_hash_at(after).await?.unwrap_or(head.hash);
        let mut segments = db.audit_segments().await?;
        segments.retain(|record| record.segment.first > after && record.segment.first <= end);
        let mut segments = segments.into_iter();
        Ok(AuditExport {
            vestibule: self.clone(),
            format,
            account: account.map(|id| id.to_string()),
            filter,
            next_segment: segments.next(),
            segments,
            last: Head { position: after, hash },
            end,
            stage: Stage::Beginning,
            events: 0,
            withheld: 0,
        })
    }
}

impl AuditExport {
    /// The next piece, of whole lines; `None` after the last one, which says that it is the last.
    pub async fn next_piece(&mut self) -> Result<Option<String>, FlowError> {
        let mut text = String::new();
        match self.stage {
            Stage::Beginning => {
                match self.format {
                    AuditFormat::JsonLines => Line::begin(self.last).write(&mut text),
                    AuditFormat::Csv => text.push_str(CSV_HEADING),
                }
                self.stage = Stage::Events;
            }
            Stage::Events => {
                if !self.write_events(&mut text).await? {
                    match self.format {
                        AuditFormat::JsonLines => {
                            Line::end(self.events, self.withheld, self.last).write(&mut text);
                        }
                        AuditFormat::Csv => write_csv_end(&mut text, self.events, self.last),
                    }
                    self.stage = Stage::Over;
                }
            }
            Stage::Over => return Ok(None),
        }
        Ok(Some(text))
    }

    /// How many events were written.
    pub fn events(&self) -> u64 {
        self.events
    }

    async fn write_events(&mut self, text: &mut String) -> Result<bool, FlowError> {
        let mut db = self.vestibule.store.read().await?;
        let (after, end) = (self.last.position, self.end);
        match self.format {
            AuditFormat::JsonLines => {
                let events = db.sealed_audit_events(after, end, PAGE).await?;
                drop(db);
                let any = !events.is_empty();
                for event in events {
                    self.write_segments(event.position, text);
                    if self.arrive(&event) {
                        Line::event(event).write(text);
                    } else {
                        Line::withheld(&event).write(text);
                    }
                }
                Ok(any)
            }
            AuditFormat::Csv => {
                let events = db.named_audit_events(after, end, PAGE).await?;
                drop(db);
                let any = !events.is_empty();
                for (event, actor, user) in events {
                    if self.arrive(&event) {
                        write_csv(text, &event, &actor, &user);
                    }
                }
                Ok(any)
            }
        }
    }

    /// The segments that begin with the event at this position.
    fn write_segments(&mut self, position: i64, text: &mut String) {
        while let Some(record) =
            self.next_segment.take_if(|record| record.segment.first <= position)
        {
            Line::segment(&record.segment).write(text);
            self.next_segment = self.segments.next();
        }
    }

    /// Counts an event, and says whether it is shown.
    fn arrive(&mut self, event: &SealedEvent) -> bool {
        self.last = Head { position: event.position, hash: event.hash };
        let is_shown = self.shows(&event.record);
        if is_shown {
            self.events += 1;
        } else {
            self.withheld += 1;
        }
        is_shown
    }

    fn shows(&self, record: &Record) -> bool {
        let filter = &self.filter;
        let is_about = |user: &String| {
            record.actor.as_ref() == Some(user) || record.user.as_ref() == Some(user)
        };
        (self.account.is_none() || record.account == self.account)
            && (filter.kinds.is_empty()
                || filter.kinds.iter().any(|kind| kind.as_str() == record.kind))
            && filter.user.as_ref().is_none_or(is_about)
            && filter.from.is_none_or(|from| record.at >= from.millis())
            && filter.until.is_none_or(|until| record.at < until.millis())
    }
}

/// What was exported, for the event.
fn described(format: AuditFormat, search: &AuditSearch) -> String {
    let mut words = vec![format.to_string()];
    words.extend(search.group.map(|group| format!("only {}", group.as_str())));
    if !search.email.trim().is_empty() {
        words.push(format!("only {}", search.email.trim()));
    }
    words.extend(search.from.map(|from| format!("from {}", moment(from))));
    words.extend(search.until.map(|until| format!("until {}", moment(until))));
    words.join(", ")
}
