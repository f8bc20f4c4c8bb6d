//! What must hold in every state, asked of Vestibule and compared with the ghost.

use serde_json::Value;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::authority::{Admin, Fresh, ProofAsked, SignedIn};

use super::actions::{ADA, ATTACKERS, Action, BEN, BY_MAIL, LINKS, OF_AN_ADMIN};
use super::ghost::{Ghost, May};
use super::key;
use super::play::{Broken, granted, must};
use super::stage::{OF_THE_ATTACKER, Stage, State};

/// Where, in a row of `users`: `code_attempts`, `code_tries`, `code_tried_at`, `code_wait_ms`.
const LIMITS_OF_CODES: [usize; 4] = [7, 10, 11, 12];

const BROWSERS: [&str; 3] = ["Ada's browser", "Ben's browser", "the attacker's browser"];

impl Stage {
    /// What every browser may do, as Vestibule says and the ghost too; and that what is dead stays so.
    pub(super) async fn probe(&self, state: &State) -> Result<[May; 3], Broken> {
        let mut may = [May::default(); 3];
        for browser in [ADA, BEN, ATTACKERS] {
            may[browser] = self.may(&state.ghost, browser).await?;
            for token in &state.ghost.browsers[browser].dead {
                let found = self.vestibule.current(token).await?;
                must!(
                    found.is_none(),
                    "a cookie that {} had before still has a session",
                    BROWSERS[browser]
                );
            }
        }
        for user in [ADA, BEN] {
            self.links_are_as_they_should(&state.ghost, user).await?;
        }
        self.rows_agree(state)?;
        must!(
            state.ghost.is_able_admin(ADA) || state.ghost.is_able_admin(BEN),
            "there is no able Admin"
        );
        Ok(may)
    }

    async fn may(&self, ghost: &Ghost, browser: usize) -> Result<May, Broken> {
        let due = ghost.may(browser);
        let Some(cookie) = ghost.cookie(browser) else { return Ok(due) };
        let Some(current) = self.vestibule.current(&cookie.token).await? else {
            // Its row went, as when the sign-in of another took its place.
            must!(due == May::default(), "{}: its session is gone", BROWSERS[browser]);
            return Ok(due);
        };
        let program = &self.vestibule;
        let proving = granted(program.authorise_proof(&current));
        let by = |asked| proving.as_ref().is_some_and(|proving| proving.by == asked);
        let given = May {
            enter: granted(program.authorise::<SignedIn>(&current)).is_some(),
            act: granted(program.authorise::<Fresh<SignedIn>>(&current)).is_some(),
            administer: granted(program.authorise::<Admin>(&current)).is_some(),
            act_as_admin: granted(program.authorise::<Fresh<Admin>>(&current)).is_some(),
            give_code: by(ProofAsked::SecurityCode),
            give_password: by(ProofAsked::Password),
            enrol: granted(program.authorise_enrolment(&current)).is_some(),
        };
        must!(
            given == due,
            "{}: by the design it may {due:?}, by the program {given:?}",
            BROWSERS[browser]
        );
        Ok(given)
    }

    async fn links_are_as_they_should(&self, ghost: &Ghost, user: usize) -> Result<(), Broken> {
        for (kind, link) in ghost.people[user].links.iter().enumerate() {
            let Some(link) = link else { continue };
            let found = self.vestibule.user_of_link(purpose(kind), &link.token).await?;
            must!(
                found.is_some() == ghost.is_alive(link, user),
                "a {} is {}",
                LINKS[kind],
                if found.is_some() { "good and should be void" } else { "void and should be good" }
            );
        }
        for (kind, token) in &ghost.people[user].dead_links {
            let found = self.vestibule.user_of_link(purpose(*kind), token).await?;
            must!(found.is_none(), "a {} that a newer one took the place of is good", LINKS[*kind]);
        }
        Ok(())
    }

    /// What the database holds is what the ghost believes.
    fn rows_agree(&self, state: &State) -> Result<(), Broken> {
        let ghost = &state.ghost;
        let rows = |table| -> Vec<Vec<Value>> {
            serde_json::from_str(self.table(&state.rows, table)).unwrap_or_default()
        };
        let required = rows("accounts").iter().any(|row| row[2] == 1);
        must!(required == ghost.required, "the switch is not where it was put");
        let (users, memberships, factors) = (rows("users"), rows("memberships"), rows("factors"));
        for user in [ADA, BEN] {
            let (id, person) = (self.users[user].to_string(), &ghost.people[user]);
            let Some(row) = users.iter().find(|row| row[0] == id) else {
                return Err(Broken("a user is gone".to_owned()));
            };
            must!(
                row[7] == person.budget,
                "{} attempts are in the budget of user {user}, and it should be {}",
                row[7],
                person.budget
            );
            let Some(row) = memberships.iter().find(|row| row[0] == id) else {
                return Err(Broken("a membership is gone".to_owned()));
            };
            must!((row[2] == "Admin") == person.is_admin, "a role is not as it was set");
            must!((row[3] == "active") == person.is_active, "a state is not as it was set");
            let apps = factors.iter().filter(|row| row[1] == id).count();
            must!(apps == person.apps.len(), "{apps} apps, and it should be {}", person.apps.len());
        }
        Ok(())
    }

    /// What the attacker does changes nothing that anybody could notice, but what the design allows:
    /// before the right password, the lanes; in the vestibule of who has an app, also the limits of
    /// that user's codes. Sessions are the attacker's own: all others are compared one by one by what
    /// their browsers may do.
    pub(super) fn attacker_left_all_else_alone(
        &self,
        action: Action,
        before: &State,
        after: &vestibule_store::Contents,
    ) -> Result<(), Broken> {
        if action.browser() != Some(ATTACKERS) {
            return Ok(());
        }
        let ghost = &before.ghost;
        let may_change: &[&str] = if let Action::SignIn { user, right, .. } = action {
            let person = &ghost.people[user];
            if right && matches!(person.password, 0 | OF_THE_ATTACKER) {
                return Ok(());
            }
            // Its own session may be noted as seen.
            &["lanes", "audit_events", "sessions"]
        } else {
            let victim = ghost.cookie(ATTACKERS).map(|cookie| &ghost.people[cookie.who]);
            // Who has no app is whoever has the password; and what the attacker enrolled there is the
            // attacker's.
            let is_owners = victim.is_some_and(|person| {
                !person.apps.is_empty() && person.apps.iter().all(|app| !app.is_attackers)
            });
            if !is_owners || ghost.may(ATTACKERS).enter {
                return Ok(());
            }
            &["lanes", "audit_events", "sessions", "users", "notices", "outbox", "spent_codes"]
        };
        for table in self.differing(&before.rows, after) {
            must!(may_change.contains(&table), "an attacker changed {table}");
        }
        self.rows_of_others_stay(before, after)
    }

    /// Of users, only the limits of codes; of sessions, only the attacker's own.
    fn rows_of_others_stay(
        &self,
        before: &State,
        after: &vestibule_store::Contents,
    ) -> Result<(), Broken> {
        let rows = |contents, table| -> Vec<Vec<Value>> {
            serde_json::from_str(self.table(contents, table)).unwrap_or_default()
        };
        let users = |contents| {
            let mut rows = rows(contents, "users");
            for row in &mut rows {
                for limit in LIMITS_OF_CODES {
                    row[limit] = Value::Null;
                }
            }
            rows
        };
        must!(users(&before.rows) == users(after), "an attacker changed a user");
        let own = before.ghost.cookie(ATTACKERS).map(|cookie| key::hashed(&cookie.token));
        let now = rows(after, "sessions");
        for row in rows(&before.rows, "sessions") {
            let is_own = own.as_ref().is_some_and(|own| row[2] == **own);
            must!(is_own || now.contains(&row), "an attacker changed the session of another");
        }
        Ok(())
    }
}

fn purpose(kind: usize) -> LinkPurpose {
    match kind {
        OF_AN_ADMIN => LinkPurpose::Password,
        BY_MAIL => LinkPurpose::Forgotten,
        _ => LinkPurpose::Recover,
    }
}
