//! An application that was removed is closed, and of two rules the stricter one holds.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_domain::application::{Enter, Rules};
use vestibule_domain::id::{ApplicationId, UserId};
use vestibule_store::{ApplicationRecord, Reading, StoreError, Writing};

use super::Read;
use super::report::{AccountChange, AfterRestore};
use crate::error::FlowError;

/// An application, and whom it names.
struct Known {
    record: ApplicationRecord,
    named: BTreeSet<UserId>,
}

pub(super) async fn carry(
    tx: &mut Writing,
    db: &mut Reading,
    done: &mut AfterRestore,
) -> Result<Read, FlowError> {
    let mut later = match all(db).await {
        Ok(later) => later,
        Err(error) => return Ok(Err(error)),
    };
    for (id, here) in all(tx).await? {
        let host = here.record.host.clone();
        if let Some(later) = later.remove(&id).filter(|later| later.record.host == host) {
            if tighten(tx, &here, &later).await? {
                done.accounts.push(AccountChange::ApplicationStricter(host));
            }
        } else {
            // Not removed, which could not be taken back: one that was made after a restore is not
            // in the replaced database either, should somebody do all this again.
            let nobody = Rules { enter: Enter::Named, ..here.record.rules };
            if set(tx, &here, nobody, &BTreeSet::new()).await? {
                done.accounts.push(AccountChange::ApplicationClosed(host));
            }
        }
    }
    let new = later.into_values().map(|new| AccountChange::ApplicationNotThere(new.record.host));
    done.accounts.extend(new);
    Ok(Ok(()))
}

async fn all(db: &mut Reading) -> Result<BTreeMap<ApplicationId, Known>, StoreError> {
    let (mut known, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = db.applications_after(&after).await?;
        let Some(last) = page.last() else { return Ok(known) };
        after = last.id.to_string();
        for record in page {
            let named = db.all_named(record.id).await?.into_iter().collect();
            known.insert(record.id, Known { record, named });
        }
    }
}

/// Leaves what both allow; answers whether that is less than what was there.
async fn tighten(tx: &mut Writing, here: &Known, later: &Known) -> Result<bool, StoreError> {
    let rules = here.record.rules.stricter(later.record.rules);
    let open = |known: &Known| known.record.rules.enter == Enter::Everyone;
    let names: BTreeSet<UserId> = match (open(here), open(later)) {
        (true, false) => later.named.clone(),
        (false, true) => here.named.clone(),
        _ => here.named.intersection(&later.named).copied().collect(),
    };
    set(tx, here, rules, &names).await
}

/// Gives an application these rules and names; answers whether it had others.
async fn set(
    tx: &mut Writing,
    here: &Known,
    rules: Rules,
    names: &BTreeSet<UserId>,
) -> Result<bool, StoreError> {
    if rules == here.record.rules && *names == here.named {
        return Ok(false);
    }
    let id = here.record.id;
    tx.set_rules(id, &rules).await?;
    for user in here.named.difference(names) {
        tx.unname_user(id, *user).await?;
    }
    // Whoever is not there, or in another account, is not named.
    for user in names.difference(&here.named) {
        tx.name_user(id, *user).await?;
    }
    Ok(true)
}
