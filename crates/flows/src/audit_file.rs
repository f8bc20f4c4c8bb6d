//! The file of an exported audit trail: JSON Lines that can be verified, and CSV for people.
//!
//! Each record is one line of harmless text, whatever a field holds. Nothing stands in the JSON
//! Lines but what the chain covers, so that nothing in them can be changed unnoticed.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;
use vestibule_domain::audit_chain::{ChainHash, Head, Record, Segment};
use vestibule_domain::audit_verify::{ExportedHead, Fault, Verified, Verifier};
use vestibule_domain::time::Timestamp;
use vestibule_store::{Named, SealedEvent};

/// The version of the format, in the first line.
const FORMAT: u32 = 1;

/// A line of an export.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "lowercase")]
pub(crate) enum Line {
    Begin(Begin),
    Segment(SegmentLine),
    Event(Box<EventLine>),
    Withheld(Withheld),
    End(End),
}

/// What the export begins after.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    format: u32,
    after: HeadLine,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadLine {
    position: i64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentLine {
    number: i64,
    first: i64,
    before: String,
    time: String,
    began_at: i64,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventLine {
    position: i64,
    time: String,
    kind: String,
    count: i64,
    account: Option<String>,
    actor: Option<String>,
    user: Option<String>,
    session: Option<String>,
    address: String,
    detail: String,
    at: i64,
    id: String,
    hash: String,
}

/// An event that the reader must not or did not want to see.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withheld {
    position: i64,
    digest: String,
}

/// Without this line the export broke off.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    events: u64,
    withheld: u64,
    head: HeadLine,
}

impl HeadLine {
    fn of(head: Head) -> Self {
        Self { position: head.position, hash: head.hash.to_string() }
    }

    fn read(&self) -> Option<Head> {
        Some(Head { position: self.position, hash: self.hash.parse().ok()? })
    }
}

impl Line {
    pub(crate) fn begin(after: Head) -> Self {
        Self::Begin(Begin { format: FORMAT, after: HeadLine::of(after) })
    }

    pub(crate) fn segment(segment: &Segment) -> Self {
        Self::Segment(SegmentLine {
            number: segment.number,
            first: segment.first,
            before: segment.before.to_string(),
            time: moment(segment.began_at),
            began_at: segment.began_at.millis(),
            why: segment.why.clone(),
        })
    }

    pub(crate) fn event(event: SealedEvent) -> Self {
        let record = event.record;
        Self::Event(Box::new(EventLine {
            position: event.position,
            time: moment(Timestamp::from_millis(record.at)),
            kind: record.kind,
            count: record.count,
            account: record.account,
            actor: record.actor,
            user: record.user,
            session: record.session,
            address: record.address,
            detail: record.detail,
            at: record.at,
            id: record.id,
            hash: event.hash.to_string(),
        }))
    }

    pub(crate) fn withheld(event: &SealedEvent) -> Self {
        let digest = event.record.digest().to_string();
        Self::Withheld(Withheld { position: event.position, digest })
    }

    pub(crate) fn end(events: u64, withheld: u64, head: Head) -> Self {
        Self::End(End { events, withheld, head: HeadLine::of(head) })
    }

    /// Adds the line to a text.
    pub(crate) fn write(&self, text: &mut String) {
        // It has no maps with keys that are no text, which is all that can fail here.
        text.push_str(&harmless(&serde_json::to_string(self).unwrap_or_default()));
        text.push('\n');
    }
}

/// JSON in which nothing is left that a terminal, a spreadsheet or a page could take for more than
/// text: such characters stand inside strings alone, where JSON writes them by their number.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || is_unseen(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Control characters, ends of lines of any kind, and what turns the direction of the text around it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with what cannot be seen written out: a file must not choose what stands on the terminal of
/// whoever verifies it.
fn seen(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        if is_unseen(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// RFC 3339 in UTC with milliseconds; `unknown` for a moment that no calendar holds.
pub fn moment(at: Timestamp) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.millis()) * 1_000_000)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| "unknown".into())
}

/// The first line of a CSV export.
pub(crate) const CSV_HEADING: &str = "\"position\",\"time\",\"kind\",\"count\",\"who\",\"about\",\"address\",\"detail\",\"account\"\r\n";

/// Adds an event to a CSV export (RFC 4180). Those in it bear the names that they have now.
pub(crate) fn write_csv(text: &mut String, event: &SealedEvent, actor: &Named, user: &Named) {
    let record = &event.record;
    let who = match (actor, &record.actor) {
        (Some((name, email)), _) => format!("{name} <{email}>"),
        (None, Some(id)) => id.clone(),
        (None, None) if record.address.is_empty() => "the host".into(),
        (None, None) => "somebody".into(),
    };
    let about = match (user, &record.user) {
        (Some((name, email)), _) => format!("{name} <{email}>"),
        (None, id) => id.clone().unwrap_or_default(),
    };
    let (position, count, time) = (
        event.position.to_string(),
        record.count.to_string(),
        moment(Timestamp::from_millis(record.at)),
    );
    let account = record.account.as_deref().unwrap_or_default();
    let fields = [
        &position,
        &time,
        &record.kind,
        &count,
        &who,
        &about,
        &record.address,
        &record.detail,
        account,
    ];
    write_csv_row(text, fields);
}

/// Adds the row by which a reader sees that nothing is missing at the end.
pub(crate) fn write_csv_end(text: &mut String, events: u64, head: Head) {
    let told = format!("{events} events, head {} {}", head.position, head.hash);
    write_csv_row(text, ["", "", "end of the export", "", "", "", "", &told, ""]);
}

fn write_csv_row(text: &mut String, fields: [&str; 9]) {
    for (at, field) in fields.into_iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        // A spreadsheet takes what begins so for a formula.
        let formula = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
        if field.trim_start().starts_with(formula) {
            text.push('\'');
        }
        // Where the comma is the decimal sign, spreadsheets begin another cell after a semicolon.
        let mut begins = false;
        for c in field.chars() {
            if begins && formula.contains(&c) {
                text.push('\'');
            }
            begins = c == ';' || (begins && (c == '"' || c.is_whitespace()));
            match c {
                '"' => text.push_str("\"\""),
                c if is_unseen(c) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text.push_str("\r\n");
}

/// What is wrong with an exported file. Its text is one line.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// A line is none of an export's.
    #[error("line {line}: this is no line of an exported audit log ({why})")]
    Unreadable {
        /// Which.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The last line is missing.
    #[error(
        "line {line}: the export breaks off after position {position}: its last line, which says \
         how many events it holds, is missing"
    )]
    Truncated {
        /// The line that should be there.
        line: u64,
        /// The last position.
        position: i64,
    },
    /// The last line counts other events than there are.
    #[error(
        "line {line}: the last line counts {said} events, but the export holds {found}: some were \
         taken out or put in"
    )]
    Miscounted {
        /// Which.
        line: u64,
        /// What it says.
        said: u64,
        /// What there is.
        found: u64,
    },
    /// The chain does not hold.
    #[error(transparent)]
    Chain(#[from] Fault),
}

/// Reads an exported file line by line and holds it against its chain.
pub struct FileVerifier {
    verifier: Verifier,
    line: u64,
    counted: u64,
    begun: bool,
    end: Option<End>,
}

impl FileVerifier {
    /// At the beginning, with the heads to hold it against.
    pub fn new(heads: Vec<ExportedHead>, accept_restores: bool) -> Self {
        let verifier = Verifier::new(heads, accept_restores);
        Self { verifier, line: 0, counted: 0, begun: false, end: None }
    }

    /// Takes the next line, without its end.
    pub fn read(&mut self, text: &str) -> Result<(), FileFault> {
        self.line += 1;
        let line = serde_json::from_str(text).map_err(|error| {
            let why =
                if error.is_eof() { "it breaks off".into() } else { seen(&error.to_string()) };
            self.unreadable(&why)
        })?;
        if self.end.is_some() {
            return Err(self.unreadable("it stands after the last one"));
        }
        match line {
            Line::Begin(begin) if !self.begun && begin.format == FORMAT => {
                let after = begin.after.read();
                let after = after.ok_or_else(|| self.unreadable("its hash is none"))?;
                self.verifier.start_after(after);
                self.begun = true;
            }
            Line::Begin(begin) if begin.format != FORMAT => {
                return Err(self.unreadable("it is of another version of Vestibule"));
            }
            _ if !self.begun => return Err(self.unreadable("the first line is missing")),
            Line::Begin(_) => return Err(self.unreadable("it begins a second time")),
            Line::Segment(line) => self.segment(line)?,
            Line::Event(line) => self.event(*line)?,
            Line::Withheld(line) => {
                let digest = line.digest.parse();
                let digest = digest.map_err(|_| self.unreadable("its digest is none"))?;
                self.verifier.withheld(line.position, &digest)?;
            }
            Line::End(end) => self.end = Some(end),
        }
        Ok(())
    }

    /// Says what holds, if the file is whole.
    pub fn finish(self) -> Result<Verified, FileFault> {
        let Some(end) = &self.end else {
            let position = self.verifier.position();
            return Err(FileFault::Truncated { line: self.line + 1, position });
        };
        let head = end.head.read().ok_or_else(|| self.unreadable("its hash is none"))?;
        let (said, said_withheld) = (end.events, end.withheld);
        let (line, counted) = (self.line, self.counted);
        let found = self.verifier.finish(&head)?;
        if said != counted || said_withheld != found.withheld {
            return Err(FileFault::Miscounted { line, said, found: counted });
        }
        Ok(found)
    }

    fn segment(&mut self, line: SegmentLine) -> Result<(), FileFault> {
        if line.time != moment(Timestamp::from_millis(line.began_at)) {
            return Err(self.unreadable("its two times differ"));
        }
        let before = line.before.parse();
        let before: ChainHash = before.map_err(|_| self.unreadable("its hash is none"))?;
        let began_at = Timestamp::from_millis(line.began_at);
        let segment =
            Segment { number: line.number, first: line.first, before, began_at, why: line.why };
        Ok(self.verifier.segment(&segment)?)
    }

    fn event(&mut self, line: EventLine) -> Result<(), FileFault> {
        if line.time != moment(Timestamp::from_millis(line.at)) {
            return Err(self.unreadable("its two times differ"));
        }
        let hash = line.hash.parse();
        let hash: ChainHash = hash.map_err(|_| self.unreadable("its hash is none"))?;
        let record = Record {
            id: line.id,
            at: line.at,
            kind: line.kind,
            account: line.account,
            actor: line.actor,
            user: line.user,
            session: line.session,
            address: line.address,
            detail: line.detail,
            count: line.count,
        };
        self.verifier.event(line.position, &record, &hash)?;
        self.counted += 1;
        Ok(())
    }

    fn unreadable(&self, why: &str) -> FileFault {
        FileFault::Unreadable { line: self.line, why: why.to_owned() }
    }
}
