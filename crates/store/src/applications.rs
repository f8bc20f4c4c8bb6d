//! Applications: what stands behind the gate, and whom it names.

use std::time::Duration;

use vestibule_domain::application::{Host, Rules};
use vestibule_domain::id::{AccountId, ApplicationId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::time::Timestamp;

use crate::changes::Subject;
use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRecord {
    /// Which one.
    pub id: ApplicationId,
    /// What it is called.
    pub name: String,
    /// Its host, as browsers name it.
    pub host: String,
    /// What it asks for.
    pub rules: Rules,
    /// Whether it comes from the configuration, which alone may change it then.
    pub configured: bool,
}

/// An application to be added.
pub struct NewApplication<'a> {
    /// The new identifier.
    pub id: ApplicationId,
    /// What it is called.
    pub name: &'a Name,
    /// Its host.
    pub host: &'a Host,
    /// What it asks for, and its account.
    pub rules: Rules,
    /// Whether it comes from the configuration.
    pub configured: bool,
}

macro_rules! application_columns {
    ($rest:literal) => {
        concat!(
            "SELECT ap.id, ap.account_id, ap.name, ap.host, ap.enter, ap.always_mfa,
                    ap.max_age_ms, ap.configured
             FROM applications ap ",
            $rest
        )
    };
}
pub(crate) use application_columns;

impl ApplicationRecord {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            name: row.text("name")?,
            host: row.text("host")?,
            rules: read_rules(row, "account_id")?,
            configured: row.boolean("configured")?,
        })
    }
}

pub(crate) fn read_rules(row: &Row, account: &'static str) -> Result<Rules, StoreError> {
    let max_age = row.maybe_int("max_age_ms")?;
    Ok(Rules {
        account: row.parsed(account)?,
        enter: row.parsed("enter")?,
        always_mfa: row.boolean("always_mfa")?,
        max_age: max_age.map(|millis| Duration::from_millis(millis.unsigned_abs())),
    })
}

pub(crate) fn max_age_ms(rules: &Rules) -> Option<i64> {
    rules.max_age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

impl Reading {
    /// The applications of an account by name.
    pub async fn applications(
        &mut self,
        account: AccountId,
    ) -> Result<Vec<ApplicationRecord>, StoreError> {
        let sql =
            application_columns!("WHERE ap.account_id = $1 ORDER BY ap.name, ap.id LIMIT 1000");
        let rows = self.rows(sql, values![account]).await?;
        rows.iter().map(ApplicationRecord::read).collect()
    }

    /// The applications of an account that a user may enter by role or by name, whatever they prove.
    pub async fn applications_open_to(
        &mut self,
        account: AccountId,
        user: UserId,
        is_admin: bool,
    ) -> Result<Vec<ApplicationRecord>, StoreError> {
        let sql = application_columns!(
            "WHERE ap.account_id = $1
               AND (ap.enter = 'everyone' OR (ap.enter = 'admins' AND $3 = TRUE)
                    OR EXISTS (SELECT 1 FROM application_users n
                               WHERE n.application_id = ap.id AND n.user_id = $2))
             ORDER BY ap.name, ap.id LIMIT 1000"
        );
        let rows = self.rows(sql, values![account, user, is_admin]).await?;
        rows.iter().map(ApplicationRecord::read).collect()
    }

    /// The applications that came from the configuration, of all accounts.
    pub async fn configured_applications(&mut self) -> Result<Vec<ApplicationRecord>, StoreError> {
        let sql = application_columns!("WHERE ap.configured = TRUE ORDER BY ap.host LIMIT 1000");
        let rows = self.rows(sql, vec![]).await?;
        rows.iter().map(ApplicationRecord::read).collect()
    }

    /// The application behind a host.
    pub async fn application_of_host(
        &mut self,
        host: &str,
    ) -> Result<Option<ApplicationRecord>, StoreError> {
        let row = self.row(application_columns!("WHERE ap.host = $1"), values![host]).await?;
        row.as_ref().map(ApplicationRecord::read).transpose()
    }

    /// The application of this host name, whatever its port.
    pub async fn application_of_host_name(
        &mut self,
        name: &str,
    ) -> Result<Option<ApplicationRecord>, StoreError> {
        let row = self.row(application_columns!("WHERE ap.host_name = $1"), values![name]).await?;
        row.as_ref().map(ApplicationRecord::read).transpose()
    }

    /// One application of an account.
    pub async fn application(
        &mut self,
        account: AccountId,
        id: ApplicationId,
    ) -> Result<Option<ApplicationRecord>, StoreError> {
        let sql = application_columns!("WHERE ap.id = $1 AND ap.account_id = $2");
        self.row(sql, values![id, account]).await?.as_ref().map(ApplicationRecord::read).transpose()
    }

    /// Whether an application names a user.
    pub async fn is_named(
        &mut self,
        application: ApplicationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM application_users
                   WHERE application_id = $1 AND user_id = $2";
        Ok(self.number(sql, values![application, user]).await? > 0)
    }

    /// How many users each application of an account names; those that name none are left out.
    pub async fn named_counts(
        &mut self,
        account: AccountId,
    ) -> Result<Vec<(ApplicationId, i64)>, StoreError> {
        let rows = self
            .rows(
                "SELECT ap.id, COUNT(*) AS n FROM applications ap
                 JOIN application_users nu ON nu.application_id = ap.id
                 WHERE ap.account_id = $1 GROUP BY ap.id",
                values![account],
            )
            .await?;
        rows.iter().map(|row| Ok((row.parsed("id")?, row.int("n")?))).collect()
    }

    /// The users that an application names, by address: identifier, address, display name.
    pub async fn named_users(
        &mut self,
        application: ApplicationId,
    ) -> Result<Vec<(UserId, String, String)>, StoreError> {
        let rows = self
            .rows(
                "SELECT u.id, u.email, u.name FROM application_users n
                 JOIN users u ON u.id = n.user_id
                 WHERE n.application_id = $1 ORDER BY u.email LIMIT 1000",
                values![application],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("id")?, row.text("email")?, row.text("name")?)))
            .collect()
    }
}

impl Writing {
    /// Adds an application; `false` when its host name is taken.
    pub async fn insert_application(
        &mut self,
        new: &NewApplication<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Everything);
        self.change_one(
            "INSERT INTO applications (id, account_id, name, host, host_name, enter, always_mfa,
                                       max_age_ms, configured, added_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (host_name) DO NOTHING /*no guard: the constraint decides*/",
            values![
                new.id,
                new.rules.account,
                new.name.as_str(),
                new.host.as_str(),
                new.host.name(),
                new.rules.enter.as_str(),
                new.rules.always_mfa,
                max_age_ms(&new.rules),
                new.configured,
                now,
            ],
        )
        .await
    }

    /// Gives an application another name, host and rules; `false` when it is not there or the host
    /// name is another's. The identifier of `to` says which, its account must be the application's.
    pub async fn change_application(
        &mut self,
        to: &NewApplication<'_>,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Everything);
        let changed = self.change_one(
            "UPDATE applications SET name = $1, host = $2, host_name = $3, enter = $4,
                                     always_mfa = $5, max_age_ms = $6, configured = $7
             WHERE id = $8 AND /*guard application-of-the-account*/ account_id = $9 /*end*/
               AND /*guard host-of-another*/ NOT EXISTS
                   (SELECT 1 FROM applications others
                    WHERE others.host_name = $3 AND others.id <> $8) /*end*/",
            values![
                to.name.as_str(),
                to.host.as_str(),
                to.host.name(),
                to.rules.enter.as_str(),
                to.rules.always_mfa,
                max_age_ms(&to.rules),
                to.configured,
                to.id,
                to.rules.account,
            ],
        );
        match changed.await {
            // Another transaction took the name at this moment.
            Err(error) if error.is_taken() => Ok(false),
            changed => changed,
        }
    }

    /// Removes an application; `false` when it is not there.
    pub async fn remove_application(
        &mut self,
        account: AccountId,
        id: ApplicationId,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Everything);
        let sql = "DELETE FROM applications
                   WHERE id = $1 AND /*guard remove-application*/ account_id = $2 /*end*/";
        self.change_one(sql, values![id, account]).await
    }

    /// Names a user of the application's account; `false` when they are named already, or there is
    /// no such user.
    pub async fn name_user(
        &mut self,
        application: ApplicationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        self.change_one(
            "INSERT INTO application_users (application_id, user_id)
             SELECT ap.id, m.user_id FROM applications ap
             JOIN memberships m ON /*guard named-of-the-account*/ m.account_id = ap.account_id /*end*/
             WHERE ap.id = $1 AND m.user_id = $2
             ON CONFLICT (application_id, user_id) DO NOTHING /*no guard: named is named*/",
            values![application, user],
        )
        .await
    }

    /// Takes a user from those that an application names; `false` when they were not among them.
    pub async fn unname_user(
        &mut self,
        application: ApplicationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        let sql = "DELETE FROM application_users
                   WHERE application_id = $1 AND user_id = $2 /*no guard: both are its key*/";
        self.change_one(sql, values![application, user]).await
    }
}
