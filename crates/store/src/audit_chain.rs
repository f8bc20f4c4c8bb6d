//! Sealing: positions and hashes for the events that have none, by one sealer at a time.
//!
//! The lease keeps others from trying; what keeps the chain from forking is the conditional write
//! of the head, which holds also where two sealers both believe that they have the lease.

use vestibule_domain::audit_chain::{
    ChainHash, Head, LEASE, Record, SegmentWhy, segment_ends, still_counting,
};
use vestibule_domain::id::AccountId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// Events sealed in one transaction, for which on SQLite every other writer waits.
const BATCH: i64 = 500;

/// Which events are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// All but rows that are still counted into.
    WhatIsComplete,
    /// All: the process is about to end.
    Everything,
}

/// What became of an attempt to seal. Only after [`Sealed::Done`] is there anything to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Another sealer has the lease.
    NotMine,
    /// Done so far.
    Done {
        /// The head now.
        head: Head,
        /// How many events were sealed.
        events: u64,
        /// Whether there may be more.
        more: bool,
    },
}

/// Display name and e-mail of a user, unless removed since.
pub type Named = Option<(String, String)>;

/// A sealed event.
pub struct SealedEvent {
    /// Its position.
    pub position: i64,
    /// The event.
    pub record: Record,
    /// Its hash in the chain.
    pub hash: ChainHash,
}

/// Where the chain ends, and whether the events agree about it at first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The head.
    pub head: Head,
    /// The lowest position of an event, if there is any.
    pub lowest: Option<i64>,
    /// The highest.
    pub highest: Option<i64>,
    /// Events that have no position yet.
    pub unsealed: i64,
}

impl Reading {
    /// Whether there is anything to seal for this sealer. It looks at few rows and writes none.
    pub async fn is_audit_due(
        &mut self,
        sealer: &str,
        which: Seal,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (from, until) = counting(which, now);
        let due = self
            .number(
                "SELECT COUNT(*) AS n FROM
                     (SELECT 1 AS one FROM audit_events
                      WHERE position IS NULL AND (counted_key IS NULL OR at < $1 OR at >= $2)
                      LIMIT 1) AS due
                 WHERE NOT EXISTS
                     (SELECT 1 FROM audit_chain
                      WHERE holder <> $3 AND holder <> '' AND lease_until > $4
                        AND lease_since <= $5)",
                values![from, until, sealer, now, now.plus(LEASE)],
            )
            .await?;
        Ok(due > 0)
    }

    /// The head of the chain; [`Head::START`] where nothing was sealed yet.
    pub async fn audit_head(&mut self) -> Result<Head, StoreError> {
        let row = self.row("SELECT head_position, head_hash FROM audit_chain", vec![]).await?;
        row.map_or(Ok(Head::START), |row| head(&row))
    }

    /// Where the chain ends.
    pub async fn audit_chain_end(&mut self) -> Result<ChainEnd, StoreError> {
        // One statement, so that the sealer does not come between.
        let row = self
            .row(
                "SELECT c.head_position, c.head_hash,
                        (SELECT MIN(position) FROM audit_events) AS lowest,
                        (SELECT MAX(position) FROM audit_events) AS highest,
                        (SELECT COUNT(*) FROM audit_events WHERE position IS NULL) AS unsealed
                 FROM (SELECT 1 AS one) AS always LEFT JOIN audit_chain c ON c.id = always.one",
                vec![],
            )
            .await?
            .ok_or(StoreError::Unreadable("the audit chain"))?;
        let head =
            if row.maybe_int("head_position")?.is_some() { head(&row)? } else { Head::START };
        Ok(ChainEnd {
            head,
            lowest: row.maybe_int("lowest")?,
            highest: row.maybe_int("highest")?,
            unsealed: row.int("unsealed")?,
        })
    }

    /// Sealed events in the order of the chain, after one position and up to another.
    pub async fn sealed_audit_events(
        &mut self,
        after: i64,
        up_to: i64,
        limit: i64,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        let rows = self
            .rows(
                "SELECT position, hash, id, at, kind, account_id, actor_id, user_id, session_id,
                        address, detail, count
                 FROM audit_events WHERE position > $1 AND position <= $2
                 ORDER BY position LIMIT $3",
                values![after, up_to, limit],
            )
            .await?;
        rows.iter().map(sealed).collect()
    }

    /// The same, with the names and e-mails of those in them as they are now: who acted, and whom it
    /// concerns.
    pub async fn named_audit_events(
        &mut self,
        after: i64,
        up_to: i64,
        limit: i64,
    ) -> Result<Vec<(SealedEvent, Named, Named)>, StoreError> {
        let rows = self
            .rows(
                "SELECT e.position, e.hash, e.id, e.at, e.kind, e.account_id, e.actor_id, e.user_id,
                        e.session_id, e.address, e.detail, e.count,
                        a.name AS actor_name, a.email AS actor_email,
                        u.name AS user_name, u.email AS user_email
                 FROM audit_events e
                 LEFT JOIN users a ON a.id = e.actor_id
                 LEFT JOIN users u ON u.id = e.user_id
                 WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3",
                values![after, up_to, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let actor = row.maybe_text("actor_name")?.zip(row.maybe_text("actor_email")?);
                let user = row.maybe_text("user_name")?.zip(row.maybe_text("user_email")?);
                Ok((sealed(row)?, actor, user))
            })
            .collect()
    }

    /// The positions of the first and the last sealed event of an account, or of all, between two
    /// moments.
    pub async fn audit_range(
        &mut self,
        account: Option<AccountId>,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let row = self
            .row(
                "SELECT MIN(position) AS first, MAX(position) AS last FROM audit_events
                 WHERE position IS NOT NULL AND at >= $1 AND at < $2
                   AND ($3 = '' OR account_id = $3)",
                values![
                    from.unwrap_or(Timestamp::from_millis(i64::MIN)),
                    until.unwrap_or(Timestamp::from_millis(i64::MAX)),
                    account.map(|id| id.to_string()).unwrap_or_default(),
                ],
            )
            .await?
            .ok_or(StoreError::Unreadable("the audit chain"))?;
        Ok(row.maybe_int("first")?.zip(row.maybe_int("last")?))
    }

    /// The hash in the chain at a position, from the event or, where retention removed it, from its
    /// segment.
    pub async fn audit_hash_at(&mut self, position: i64) -> Result<Option<ChainHash>, StoreError> {
        if position == 0 {
            return Ok(Some(ChainHash::START));
        }
        let sql = "SELECT hash FROM audit_events WHERE position = $1
                   UNION ALL SELECT last_hash FROM audit_segments WHERE last_position = $1 LIMIT 1";
        let row = self.row(sql, values![position]).await?;
        let bytes = row.map(|row| row.maybe_bytes("hash")).transpose()?.flatten();
        Ok(bytes.and_then(|bytes| ChainHash::from_bytes(&bytes)))
    }
}

impl Writing {
    /// Seals one batch, if this sealer has the lease or can take it.
    pub async fn seal_audit(
        &mut self,
        sealer: &str,
        which: Seal,
        now: Timestamp,
    ) -> Result<Sealed, StoreError> {
        if !self.take_audit_lease(sealer, now).await? {
            return Ok(Sealed::NotMine);
        }
        let before = self.audit_head().await?;
        let unsealed = self.unsealed_audit_events(which, now).await?;
        let more = unsealed.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        if unsealed.is_empty() {
            return Ok(Sealed::Done { head: before, events: 0, more: false });
        }
        self.close_full_audit_segment(before, now).await?;
        let (mut head, mut link) = (before, self.link_after(before).await?);
        for record in unsealed {
            let next = head.with(&link, &record.digest());
            // Only as it was hashed: a repeat that was counted meanwhile is sealed the next time.
            let is_as_hashed = self
                .change_one(
                    "UPDATE audit_events SET position = $1, hash = $2, counted_key = NULL
                     WHERE id = $3 AND position IS NULL
                       AND /*guard sealed-as-hashed*/ count = $4 /*end*/",
                    values![next.position, next.hash, record.id, record.count],
                )
                .await?;
            if is_as_hashed {
                (head, link) = (next, next.hash);
            }
        }
        let moved = self
            .change_one(
                "UPDATE audit_chain SET head_position = $1, head_hash = $2
                 WHERE id = 1 AND /*guard chain-as-read*/ head_position = $3
                   AND head_hash = $4 AND holder = $5 /*end*/",
                values![head.position, head.hash, before.position, before.hash, sealer],
            )
            .await?;
        if !moved {
            return Ok(Sealed::NotMine);
        }
        let events = head.position.abs_diff(before.position);
        Ok(Sealed::Done { head, events, more })
    }

    /// Gives the lease back, so that another sealer needs not wait for its end.
    pub async fn release_audit_lease(&mut self, sealer: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE audit_chain SET holder = '', lease_until = 0
                   WHERE /*guard release-own-lease*/ holder = $1 /*end*/";
        self.change_one(sql, values![sealer]).await
    }

    /// Begins a segment for a reason of its own, such as a restore: the chain goes on where it
    /// stands, and its next event is sealed together with the reason. Whoever held the lease has
    /// lost it. Commit this in the transaction that makes the reason true.
    pub async fn begin_audit_segment(
        &mut self,
        why: SegmentWhy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.make_audit_chain().await?;
        // The row is held from here on, so that nothing is sealed beside it.
        self.change("UPDATE audit_chain SET holder = '', lease_until = 0 WHERE id = 1", vec![])
            .await?;
        let head = self.audit_head().await?;
        self.open_audit_segment(head, why, now).await
    }

    /// Takes or prolongs the lease. It is for nobody for long, whatever a clock says: neither when
    /// its holder's clock was ahead and is right again, nor when ours is.
    async fn take_audit_lease(&mut self, sealer: &str, now: Timestamp) -> Result<bool, StoreError> {
        let taken = "UPDATE audit_chain SET holder = $1, lease_since = $2, lease_until = $3
                     WHERE id = 1 AND /*guard audit-lease*/
                         (holder = $1 OR holder = '' OR lease_until <= $2
                          OR lease_since > $3) /*end*/";
        let until = now.plus(LEASE);
        if self.change_one(taken, values![sealer, now, until]).await? {
            return Ok(true);
        }
        // The first sealer of all finds no row.
        Ok(self.make_audit_chain().await?
            && self.change_one(taken, values![sealer, now, until]).await?)
    }

    async fn make_audit_chain(&mut self) -> Result<bool, StoreError> {
        self.change_one(
            "INSERT INTO audit_chain (id, holder, lease_since, lease_until, head_position, head_hash)
             VALUES (1, '', 0, 0, 0, $1) ON CONFLICT (id) DO NOTHING
             /*no guard: the constraint decides*/",
            values![ChainHash::START],
        )
        .await
    }

    async fn unsealed_audit_events(
        &mut self,
        which: Seal,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let (from, until) = counting(which, now);
        let rows = self
            .rows(
                "SELECT id, at, kind, account_id, actor_id, user_id, session_id, address, detail,
                        count
                 FROM audit_events
                 WHERE position IS NULL AND (counted_key IS NULL OR at < $1 OR at >= $2)
                 ORDER BY id LIMIT $3",
                values![from, until, BATCH],
            )
            .await?;
        rows.iter().map(record).collect()
    }

    /// Begins the first segment, or another where the last one is over.
    async fn close_full_audit_segment(
        &mut self,
        head: Head,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let why = match self.last_audit_segment().await? {
            None => Some(SegmentWhy::First),
            Some(last) => {
                let events = head.position - last.segment.first + 1;
                segment_ends(events, last.segment.began_at, now)
            }
        };
        match why {
            Some(why) => self.open_audit_segment(head, why, now).await,
            None => Ok(()),
        }
    }

    /// What the next event follows: the head, and the segments that begin with that event.
    async fn link_after(&mut self, head: Head) -> Result<ChainHash, StoreError> {
        let beginning = self.audit_segments_from(head.position + 1).await?;
        Ok(beginning.iter().fold(head.hash, |link, record| link.then_segment(&record.segment)))
    }
}

/// The times between which rows are still counted into.
fn counting(which: Seal, now: Timestamp) -> (Timestamp, Timestamp) {
    match which {
        Seal::WhatIsComplete => still_counting(now),
        Seal::Everything => (Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MAX)),
    }
}

fn head(row: &Row) -> Result<Head, StoreError> {
    let hash = ChainHash::from_bytes(&row.bytes("head_hash")?);
    let hash = hash.ok_or(StoreError::Unreadable("the head of the audit chain"))?;
    Ok(Head { position: row.int("head_position")?, hash })
}

fn sealed(row: &Row) -> Result<SealedEvent, StoreError> {
    // What is no hash is not the one that was sealed.
    let hash = row.maybe_bytes("hash")?.and_then(|hash| ChainHash::from_bytes(&hash));
    Ok(SealedEvent {
        position: row.int("position")?,
        record: record(row)?,
        hash: hash.unwrap_or(ChainHash::START),
    })
}

fn record(row: &Row) -> Result<Record, StoreError> {
    Ok(Record {
        id: row.text("id")?,
        at: row.int("at")?,
        kind: row.text("kind")?,
        account: row.maybe_text("account_id")?,
        actor: row.maybe_text("actor_id")?,
        user: row.maybe_text("user_id")?,
        session: row.maybe_text("session_id")?,
        address: row.text("address")?,
        detail: row.text("detail")?,
        count: row.int("count")?,
    })
}
