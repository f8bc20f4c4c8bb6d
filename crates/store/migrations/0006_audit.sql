-- The audit trail as a hash chain: every event gets a position and a hash, once and for ever, from
-- whoever holds the lease. What was written before this migration is sealed as the chain's beginning.

ALTER TABLE audit_events ADD COLUMN position BIGINT;
ALTER TABLE audit_events ADD COLUMN hash BLOB;
CREATE UNIQUE INDEX audit_events_position_once ON audit_events (position);
-- Few rows at any moment: what the sealer looks for every second.
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE position IS NULL;
-- A page of an account's events is one walk along one index, whatever is filtered.
DROP INDEX audit_events_by_account;
CREATE INDEX audit_events_of_account
    ON audit_events (account_id, at, id, kind, user_id, actor_id);

-- One row: who seals, and the last link.
CREATE TABLE audit_chain (
    id BIGINT PRIMARY KEY,
    holder TEXT NOT NULL,
    lease_since BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    head_position BIGINT NOT NULL,
    head_hash BLOB NOT NULL,
    CONSTRAINT audit_chain_one_row CHECK (id = 1)
);

-- Runs of events that retention removes as a whole. Their rows stay, with the head.
CREATE TABLE audit_segments (
    number BIGINT PRIMARY KEY,
    first_position BIGINT NOT NULL,
    hash_before BLOB NOT NULL,
    began_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    last_position BIGINT,
    last_hash BLOB,
    closed_at BIGINT,
    removed_at BIGINT,
    CONSTRAINT audit_segments_closed
        CHECK ((last_position IS NULL) = (last_hash IS NULL)
           AND (last_position IS NULL) = (closed_at IS NULL)),
    CONSTRAINT audit_segments_removed CHECK (removed_at IS NULL OR closed_at IS NOT NULL)
);
