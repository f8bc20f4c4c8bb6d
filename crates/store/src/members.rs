//! The users of an account as a list that holds with 100,000 of them: paged by key, searched by
//! prefix, each page one walk along one index.

use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::{MembershipState, Role};

use crate::engine::{Reading, Row, Value, values};
use crate::error::StoreError;

/// After the last character of any key: the end of the range that a prefix opens.
const END: char = '\u{10FFFF}';

/// A user in the list.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which one.
    pub id: UserId,
    /// The address.
    pub email: String,
    /// The display name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The membership's state.
    pub state: MembershipState,
    /// How many factors.
    pub factors: i64,
    /// When the user last passed the last door.
    pub last_sign_in: Option<Timestamp>,
}

/// Which users are wanted.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    /// Names and addresses that begin so, in the form of `name::search_key`; empty for all.
    pub prefix: String,
    /// Only active users without a factor.
    pub without_factor: bool,
}

/// Where a page begins: after this key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageKey {
    /// The name's or address's key of the last user shown.
    pub key: String,
    /// That user's identifier; empty before the first page.
    pub user: String,
}

/// One page.
#[derive(Clone, Debug)]
pub struct MemberPage {
    /// The users, in order of their key.
    pub members: Vec<Member>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageKey>,
}

/// The numbers beside the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MfaCounts {
    /// Active users who have a factor.
    pub with_factor: i64,
    /// Active users who have none.
    pub without_factor: i64,
    /// Invited users.
    pub invited: i64,
    /// Disabled users.
    pub disabled: i64,
}

macro_rules! page_sql {
    ($key:literal, $also:literal) => {
        // The inner walk ends at its limit before anything is joined: one seek in one index,
        // whatever the planner thinks of the tables.
        concat!(
            "SELECT m.user_id, m.role, m.state, m.key, u.email, u.name, u.last_sign_in_at,
                    (SELECT COUNT(*) FROM factors f WHERE f.user_id = m.user_id) AS factors
             FROM (SELECT user_id, role, state, ",
            $key,
            " AS key FROM memberships
                   WHERE account_id = $1 AND ",
            $key,
            " >= $2 AND ",
            $key,
            " < $3
                     AND (",
            $key,
            " > $4 OR user_id > $5)
                     AND ($6 = FALSE OR (state = 'active' AND NOT EXISTS
                          (SELECT 1 FROM factors f WHERE f.user_id = memberships.user_id))) ",
            $also,
            "      ORDER BY account_id, ",
            $key,
            ", user_id LIMIT $7) m
             JOIN users u ON u.id = m.user_id
             ORDER BY m.key, m.user_id"
        )
    };
}

impl Reading {
    /// One page of an account's users, by name; a search finds names and addresses, each user once.
    pub async fn members(
        &mut self,
        account: AccountId,
        filter: &MemberFilter,
        after: &PageKey,
        size: i64,
    ) -> Result<MemberPage, StoreError> {
        let prefix = filter.prefix.as_str();
        let end = format!("{prefix}{END}");
        let common = |limit: i64| -> Vec<Value> {
            // Where the page begins is also the lower bound of the walk: an index seek, not a
            // filter over all that came before.
            let from = if after.key.as_str() > prefix { after.key.as_str() } else { prefix };
            values![
                account,
                from,
                end.as_str(),
                after.key.as_str(),
                after.user.as_str(),
                filter.without_factor,
                limit,
            ]
        };
        let mut found = self.keyed(page_sql!("name_key", ""), common(size + 1)).await?;
        if !prefix.is_empty() {
            // Whoever is found by the name as well stands there and is left out here.
            let mut values = common(size + 1);
            values.extend(values![prefix, end.as_str()]);
            let sql = page_sql!("email_key", " AND NOT (name_key >= $8 AND name_key < $9) ");
            found.extend(self.keyed(sql, values).await?);
            found.sort_by(|(a, x), (b, y)| (a, x.id).cmp(&(b, y.id)));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(key, member)| PageKey { key: key.clone(), user: member.id.to_string() });
        Ok(MemberPage { members: found.into_iter().map(|(_, member)| member).collect(), next })
    }

    async fn keyed(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<(String, Member)>, StoreError> {
        let read = |row: &Row| {
            let member = Member {
                id: row.parsed("user_id")?,
                email: row.text("email")?,
                name: row.text("name")?,
                role: row.parsed("role")?,
                state: row.parsed("state")?,
                factors: row.int("factors")?,
                last_sign_in: row.maybe_time("last_sign_in_at")?,
            };
            Ok((row.text("key")?, member))
        };
        self.rows(sql, values).await?.iter().map(read).collect()
    }

    /// The numbers beside the switch. Each is a walk along an index; the few disabled users are
    /// subtracted, so that no row of the many is visited.
    pub async fn mfa_counts(&mut self, account: AccountId) -> Result<MfaCounts, StoreError> {
        // Numbers of one state each: the planner then counts along an index and groups nothing.
        let of_state = "SELECT COUNT(*) AS n FROM memberships WHERE account_id = $1 AND state = $2";
        let active = self.number(of_state, values![account, "active"]).await?;
        let invited = self.number(of_state, values![account, "invited"]).await?;
        let disabled = self.number(of_state, values![account, "disabled"]).await?;
        let enrolled = self
            .number(
                "SELECT COUNT(*) AS n FROM factors WHERE account_id = $1 AND position = 1",
                values![account],
            )
            .await?;
        let enrolled_but_not_active = self
            .number(
                "SELECT COUNT(*) AS n FROM memberships m
                 WHERE m.account_id = $1 AND m.state IN ('disabled', 'invited')
                   AND EXISTS (SELECT 1 FROM factors f WHERE f.user_id = m.user_id)",
                values![account],
            )
            .await?;
        let with_factor = enrolled - enrolled_but_not_active;
        Ok(MfaCounts { with_factor, without_factor: active - with_factor, invited, disabled })
    }
}
