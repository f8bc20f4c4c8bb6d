//! `/settings/audit`: what happened, and its export.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use tokio::sync::mpsc;
use vestibule_domain::audit::{AuditGroup, AuditKind};
use vestibule_domain::time::Timestamp;
use vestibule_flows::audit_export::{AuditExport, AuditExported, AuditFormat};
use vestibule_flows::audit_file::moment;
use vestibule_flows::audit_log::{AuditFound, AuditSearch, beginning_of, end_of};
use vestibule_flows::authority::{Admin, Authority as _, Fresh};
use vestibule_flows::{AuditKey, AuditLine, AuditPerson, FlowError};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::asks;
use crate::request::fields::Fields;
use crate::respond::{page, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::audit::{self, AuditExportPage, AuditPage, AuditRow, GroupChoice};
use crate::views::audit_words::{self, Told, sentence};
use crate::views::{Field, Place, When};

/// The fields of a search.
const FIELDS: [&str; 4] = ["about", "email", "from", "until"];
const NO_SUCH_DAY: &str = "Type a day such as 2027-01-15.";
const NOBODY: &str = "Nobody has or had this email here.";

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/audit", get(list))
        .route("/settings/audit/export", get(show_export).post(export))
}

async fn list(State(app): State<App>, asked: Page<Admin>) -> Result<Response, PageError> {
    let query = &asked.query;
    let after = page_key(query);
    let mut view = AuditPage {
        frame: frame_of(asked.who.signed_in().record(), Place::Audit),
        search: search_shown(query),
        rows: vec![],
        first_page: after.is_none(),
        next: None,
    };
    let Some(search) = search_of(query) else {
        return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &view));
    };
    match app.vestibule.audit_log(&asked.who, &search, after.as_ref()).await? {
        AuditFound::Page(found) => {
            view.rows = found.lines.iter().map(row).collect();
            view.next = found.next.map(|next| format!("{}.{}", next.at.millis(), next.id));
        }
        AuditFound::NobodyOfThisEmail => view.search.email.error = Some(NOBODY.into()),
    }
    Ok(page(StatusCode::OK, &view))
}

async fn show_export(State(app): State<App>, asked: Page<Fresh<Admin>>) -> Response {
    let shown = search_shown(&asked.query);
    let words = [
        shown.groups.iter().find(|group| group.chosen).map(|group| group.label.to_owned()),
        Some(shown.email.value.clone()),
        Some(shown.from.value.clone())
            .filter(|day| !day.is_empty())
            .map(|day| format!("from {day}")),
        Some(shown.until.value.clone())
            .filter(|day| !day.is_empty())
            .map(|day| format!("until {day}")),
    ];
    let words: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    let back = if shown.query.is_empty() { String::new() } else { format!("?{}", shown.query) };
    let view = AuditExportPage {
        frame: frame_of(asked.who.signed_in().record(), Place::Audit),
        fields: FIELDS
            .iter()
            .map(|name| ((*name).to_owned(), asked.query.text(name).to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        only: (!words.is_empty()).then(|| words.join(", ")),
        back,
        asks: asks(&app, &asked.who),
    };
    page(StatusCode::OK, &view)
}

async fn export(State(app): State<App>, act: Act<Fresh<Admin>>) -> Result<Response, PageError> {
    let format: AuditFormat = act.fields.word("format")?;
    let back = || see_other(&format!("/settings/audit?{}", search_shown(&act.fields).query));
    let Some(search) = search_of(&act.fields) else { return Ok(back()) };
    Ok(match app.vestibule.export_audit(&act.visitor, &act.who, &search, format).await? {
        AuditExported::Begun(export) => download(*export, format, app.vestibule.now()),
        AuditExported::NobodyOfThisEmail => back(),
        AuditExported::NotAdmin => {
            PageError::for_admins(act.who.signed_in().current()).into_response()
        }
    })
}

/// Where a page begins, as it stands in its address.
pub(crate) fn page_key(query: &Fields) -> Option<AuditKey> {
    let (at, id) = query.text("after").split_once('.')?;
    Some(AuditKey { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
}

/// What is looked for; `None` where a day is none.
pub(crate) fn search_of(fields: &Fields) -> Option<AuditSearch> {
    let day = |name, read: fn(&str) -> Option<Timestamp>| match fields.text(name) {
        "" => Some(None),
        text => read(text).map(Some),
    };
    Some(AuditSearch {
        group: fields.text("about").parse().ok(),
        email: fields.text("email").to_owned(),
        from: day("from", beginning_of)?,
        until: day("until", end_of)?,
    })
}

/// The same as it stands in the form.
fn search_shown(fields: &Fields) -> audit::AuditSearch {
    let day = |name| {
        let mut field = Field::holding(fields.text(name));
        if !field.value.is_empty() && beginning_of(&field.value).is_none() {
            field.error = Some(NO_SUCH_DAY.into());
        }
        field
    };
    let encode = |text| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let query: Vec<String> = FIELDS
        .iter()
        .filter(|name| !fields.text(name).is_empty())
        .map(|name| format!("{name}={}", encode(fields.text(name))))
        .collect();
    let groups = AuditGroup::ALL.iter().map(|group| GroupChoice {
        value: group.as_str(),
        label: audit_words::group(*group),
        chosen: fields.text("about") == group.as_str(),
    });
    audit::AuditSearch {
        groups: groups.collect(),
        email: Field::holding(fields.text("email")),
        from: day("from"),
        until: day("until"),
        query: query.join("&"),
    }
}

fn row(line: &AuditLine) -> AuditRow {
    let name = |person: &AuditPerson| {
        person.known_as.as_ref().map_or("a user who was removed", |(name, _)| name).to_owned()
    };
    let kind: Option<AuditKind> = line.kind.parse().ok();
    let (who, by) = match &line.actor {
        Some(AuditPerson { known_as: Some((name, email)), .. }) => (name.as_str(), email.as_str()),
        Some(_) => ("A user who was removed since", "a user who was removed"),
        None if kind == Some(AuditKind::AuditTrimmed) => ("Vestibule", "Vestibule itself"),
        None if line.address.is_empty() => ("The host’s command line", "the host’s command line"),
        None => ("Somebody", "not signed in"),
    };
    let whom = match (&line.user, line.detail.split(' ').next()) {
        // Who is gone is called by the e-mail that the event holds.
        (Some(AuditPerson { known_as: None, .. }), Some(email)) if email.contains('@') => {
            email.to_owned()
        }
        (Some(user), _) => name(user),
        (None, _) => "an unknown email".to_owned(),
    };
    let told = Told { who, whom: &whom, detail: &line.detail };
    AuditRow {
        at: When::from_unix_ms(line.at.millis()),
        what: kind.map_or_else(|| line.kind.clone(), |kind| sentence(kind, &told)),
        count: line.count.unsigned_abs(),
        by: by.to_owned(),
        from: line.address.clone(),
    }
}

/// An export as a file that the browser saves. It is sent while it is read, so its end says that it
/// is whole.
fn download(export: AuditExport, format: AuditFormat, now: Timestamp) -> Response {
    let kind = match format {
        AuditFormat::JsonLines => "application/x-ndjson; charset=utf-8",
        AuditFormat::Csv => "text/csv; charset=utf-8",
    };
    let day = moment(now);
    let day = day.split('T').next().unwrap_or_default();
    let name = format!("attachment; filename=\"audit-log-{day}.{format}\"");
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(send(export, sender));
    let mut response = Response::new(Body::new(Pieces(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Reads on as fast as the browser takes it. One that goes away ends it.
async fn send(mut export: AuditExport, sender: mpsc::Sender<Result<Bytes, FlowError>>) {
    loop {
        let piece = match export.next_piece().await {
            Ok(Some(piece)) => Ok(Bytes::from(piece)),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "an export of the audit log broke off");
                Err(error)
            }
        };
        let is_over = piece.is_err();
        if sender.send(piece).await.is_err() || is_over {
            return;
        }
    }
}

/// The body of an export. After an error the connection is cut, so that no browser takes what came
/// for the whole.
struct Pieces(mpsc::Receiver<Result<Bytes, FlowError>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = FlowError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FlowError>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
