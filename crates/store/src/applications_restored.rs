//! Applications of a database that was put back: what was closed later stays closed.

use vestibule_domain::application::Rules;
use vestibule_domain::id::{ApplicationId, UserId};

use crate::applications::{ApplicationRecord, application_columns, max_age_ms};
use crate::changes::Subject;
use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// Rows a page.
const PAGE: i64 = 500;

impl Reading {
    /// A page of applications, in the order of their identifiers.
    pub async fn applications_after(
        &mut self,
        after: &str,
    ) -> Result<Vec<ApplicationRecord>, StoreError> {
        let sql = application_columns!("WHERE ap.id > $1 ORDER BY ap.id LIMIT $2");
        self.rows(sql, values![after, PAGE]).await?.iter().map(ApplicationRecord::read).collect()
    }

    /// Everybody whom an application names.
    pub async fn all_named(
        &mut self,
        application: ApplicationId,
    ) -> Result<Vec<UserId>, StoreError> {
        let sql = "SELECT user_id FROM application_users WHERE application_id = $1";
        let rows = self.rows(sql, values![application]).await?;
        rows.iter().map(|row| row.parsed("user_id")).collect()
    }
}

impl Writing {
    /// Gives an application these rules, whatever they were; its account stays.
    pub async fn set_rules(
        &mut self,
        application: ApplicationId,
        rules: &Rules,
    ) -> Result<(), StoreError> {
        self.touch(Subject::Everything);
        self.change(
            "UPDATE applications SET enter = $1, always_mfa = $2, max_age_ms = $3 WHERE id = $4",
            values![rules.enter.as_str(), rules.always_mfa, max_age_ms(rules), application],
        )
        .await
        .map(drop)
    }
}
