//! The audit trail as the Admins of an account read it.

use std::time::Duration;

use time::{Date, Month};
use vestibule_domain::audit::{AuditGroup, AuditKind};
use vestibule_domain::email::Email;
use vestibule_domain::time::Timestamp;
use vestibule_store::{AuditFilter, AuditKey, AuditPage};

use crate::authority::Admin;
use crate::error::FlowError;
use crate::vestibule::Vestibule;

/// Events on one page.
const PAGE: i64 = 50;

/// Which events somebody looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// What they are about; `None` for everything.
    pub group: Option<AuditGroup>,
    /// The e-mail of who did it, or whom it concerns; empty for everyone.
    pub email: String,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// The answer to a search.
pub enum AuditFound {
    /// A page of events.
    Page(AuditPage),
    /// Nobody has or had this e-mail in the account.
    NobodyOfThisEmail,
}

impl Vestibule {
    /// One page of the account's events, the newest first.
    pub async fn audit_log(
        &self,
        admin: &Admin,
        search: &AuditSearch,
        after: Option<&AuditKey>,
    ) -> Result<AuditFound, FlowError> {
        let Some(filter) = self.audit_filter(admin, search).await? else {
            return Ok(AuditFound::NobodyOfThisEmail);
        };
        let account = admin.0.record().account;
        let mut db = self.store.read().await?;
        Ok(AuditFound::Page(db.audit_page(account, &filter, after, PAGE).await?))
    }

    /// What a search means in the account; `None` where nobody has or had its e-mail.
    pub(crate) async fn audit_filter(
        &self,
        admin: &Admin,
        search: &AuditSearch,
    ) -> Result<Option<AuditFilter>, FlowError> {
        let mut user = None;
        if !search.email.trim().is_empty() {
            let Ok(email) = Email::parse(&search.email) else { return Ok(None) };
            let account = admin.0.record().account;
            user = self.store.read().await?.audit_user(account, email.as_str()).await?;
            if user.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(AuditFilter {
            kinds: search.group.map(kinds_of).unwrap_or_default(),
            user,
            from: search.from,
            until: search.until,
        }))
    }
}

/// The beginning, in UTC, of a day that is written as `2027-01-15`.
pub fn beginning_of(day: &str) -> Option<Timestamp> {
    let mut parts = day.trim().splitn(3, '-').map(|part| {
        let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| is_plain)
    });
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    Some(Timestamp::from_millis(date.midnight().assume_utc().unix_timestamp() * 1000))
}

/// The end, in UTC, of such a day.
pub fn end_of(day: &str) -> Option<Timestamp> {
    beginning_of(day).map(|beginning| beginning.plus(Duration::from_hours(24)))
}

fn kinds_of(group: AuditGroup) -> Vec<AuditKind> {
    AuditKind::ALL.iter().copied().filter(|kind| kind.group() == group).collect()
}

#[cfg(test)]
mod tests {
    use super::{beginning_of, end_of};

    #[test]
    fn a_day_is_read_in_one_spelling() {
        let millis = |text| beginning_of(text).map(vestibule_domain::time::Timestamp::millis);
        assert_eq!(millis("2027-01-15"), Some(1_799_971_200_000));
        assert_eq!(millis(" 1970-1-1 "), Some(0));
        assert_eq!(end_of("2024-02-29"), beginning_of("2024-03-01"));
        for bad in ["", "2027", "2027-02-30", "2027-13-01", "+2027-01-01", "2027-01--1", "today"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }
}
