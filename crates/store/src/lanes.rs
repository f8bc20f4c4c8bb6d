//! Lanes: how often a secret was tried, and how long the next attempt has to wait.

use std::time::Duration;

use vestibule_domain::limits::lanes::Lane;
use vestibule_domain::limits::wait::Attempts;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// Reads attempts from the columns of these names.
pub(crate) fn attempts(row: &Row, names: [&str; 3]) -> Result<Attempts, StoreError> {
    let [count, latest, wait] = names;
    let wait = u64::try_from(row.int(wait)?).map_err(|_| StoreError::Unreadable("a wait"))?;
    Ok(Attempts {
        count: row.int(count)?,
        latest: row.time(latest)?,
        wait: Duration::from_millis(wait),
    })
}

/// A wait as it is stored.
pub(crate) fn wait_ms(attempts: &Attempts) -> i64 {
    i64::try_from(attempts.wait.as_millis()).unwrap_or(i64::MAX)
}

impl Reading {
    /// The key under which lanes are named, if it is made.
    pub async fn lane_key(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.row("SELECT bytes FROM lane_key WHERE one = 1", vec![]).await?;
        row.map(|row| row.bytes("bytes")).transpose()
    }

    /// What is known of a lane.
    pub async fn lane(&mut self, lane: &Lane) -> Result<Attempts, StoreError> {
        let sql = "SELECT attempts, latest_at, wait_ms FROM lanes WHERE name = $1";
        let row = self.row(sql, values![lane.as_bytes()]).await?;
        row.map_or(Ok(Attempts::NONE), |row| attempts(&row, ["attempts", "latest_at", "wait_ms"]))
    }

    /// Whether a network may have this lane for itself: it has it, or has fewer than `most`.
    pub async fn has_room_for_lane(
        &mut self,
        lane: &Lane,
        network: &Lane,
        most: i64,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM
                       (SELECT 1 AS one FROM lanes
                        WHERE network = $1 AND name <> $2 LIMIT $3) AS others";
        if self.number(sql, values![network.as_bytes(), lane.as_bytes(), most]).await? < most {
            return Ok(true);
        }
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM lanes WHERE name = $1";
        Ok(self.number(sql, values![lane.as_bytes()]).await? > 0)
    }
}

impl Writing {
    /// Stores the key under which lanes are named; `false` when another node was faster.
    pub async fn insert_lane_key(&mut self, key: &[u8]) -> Result<bool, StoreError> {
        let sql = "INSERT INTO lane_key (one, bytes) VALUES (1, $1) ON CONFLICT (one) DO NOTHING
                   /*no guard: the constraint decides*/";
        self.change_one(sql, values![key]).await
    }

    /// Holds a lane until the end of the transaction, and answers what is known of it. It is made
    /// where there is none: whoever comes at the same moment waits for it.
    pub async fn hold_lane(
        &mut self,
        lane: &Lane,
        network: Option<&Lane>,
    ) -> Result<Attempts, StoreError> {
        let row = self
            .row(
                "INSERT INTO lanes (name, network, attempts, latest_at, wait_ms)
                 VALUES ($1, $2, 0, 0, 0)
                 ON CONFLICT (name) DO UPDATE SET attempts = lanes.attempts
                 RETURNING attempts, latest_at, wait_ms",
                values![lane.as_bytes(), network.map(|network| network.as_bytes().as_slice())],
            )
            .await?
            .ok_or(StoreError::Unreadable("a lane"))?;
        attempts(&row, ["attempts", "latest_at", "wait_ms"])
    }

    /// Notes what was counted in a lane that this transaction holds.
    pub async fn set_lane(&mut self, lane: &Lane, counted: &Attempts) -> Result<(), StoreError> {
        self.change(
            "UPDATE lanes SET attempts = $1, latest_at = $2, wait_ms = $3 WHERE name = $4",
            values![counted.count, counted.latest, wait_ms(counted), lane.as_bytes()],
        )
        .await
        .map(drop)
    }

    /// Gives one attempt back, which was counted `at` that time, with the wait that it began: it
    /// was right, or never compared.
    pub async fn give_back_to_lane(
        &mut self,
        lane: &Lane,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "UPDATE lanes SET
                 attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END,
                 wait_ms = CASE WHEN latest_at = $1 THEN 0 ELSE wait_ms END
             WHERE name = $2",
            values![at, lane.as_bytes()],
        )
        .await
        .map(drop)
    }

    /// Forgets all attempts in a lane.
    pub async fn clear_lane(&mut self, lane: &Lane) -> Result<(), StoreError> {
        self.clear_lanes(lane, lane).await
    }

    /// Forgets all attempts in two lanes.
    pub async fn clear_lanes(&mut self, one: &Lane, other: &Lane) -> Result<(), StoreError> {
        let sql = "DELETE FROM lanes WHERE name IN ($1, $2)";
        self.change(sql, values![one.as_bytes(), other.as_bytes()]).await.map(drop)
    }
}
