-- The wait between security codes: attempts since the last complete sign-in, when the latest was
-- counted, and how long the next has to wait from then on.
ALTER TABLE users ADD COLUMN code_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN code_tried_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN code_wait_ms BIGINT NOT NULL DEFAULT 0;

-- Attempts that were counted before a secret was compared, by lane. The names are keyed hashes, of
-- known and of unknown addresses alike; nothing tells which is which.
CREATE TABLE lanes (
    name BLOB PRIMARY KEY,
    -- The lane of all the rest of that network, so that its lanes can be counted; NULL for a lane
    -- that belongs to none.
    network BLOB,
    attempts BIGINT NOT NULL,
    latest_at BIGINT NOT NULL,
    wait_ms BIGINT NOT NULL
);
CREATE INDEX lanes_by_network ON lanes (network);
CREATE INDEX lanes_by_time ON lanes (latest_at);

-- The key of those hashes, made once. It is no secret that opens anything.
CREATE TABLE lane_key (
    one BIGINT PRIMARY KEY,
    bytes BLOB NOT NULL,
    CONSTRAINT lane_key_one CHECK (one = 1)
);

-- Browsers that a user signed in with completely. They have a lane of their own, and nothing else.
CREATE TABLE known_browsers (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, token_hash)
);
CREATE INDEX known_browsers_by_time ON known_browsers (last_seen_at);
