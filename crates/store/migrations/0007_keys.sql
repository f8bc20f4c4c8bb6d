-- What holds for the installation as a whole: one row, made when it is first written. Whoever makes a
-- data key or changes the master key writes it first, and is alone until the commit, on both databases.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY,
    -- The address that `vestibule serve` was started with last: links of the command line lead there.
    public_url TEXT,
    -- Which master key wraps the data keys; none before the first start with this schema.
    master_key_id TEXT,
    -- Raised to ask every node for a word: they answer by counting on.
    asked BIGINT NOT NULL,
    CONSTRAINT installation_once CHECK (id = 1)
);

-- The processes that serve. Each counts on in its row; one that stands still is dead.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    -- Host and address, for people.
    label TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    -- For people: nothing is decided by it, since clocks may differ.
    seen_at BIGINT NOT NULL,
    beats BIGINT NOT NULL,
    -- The newest data key that it knows.
    newest_key BIGINT NOT NULL,
    -- The ids of the master keys that it holds, with spaces between them.
    master_keys TEXT NOT NULL
);

-- What is still sealed with an old key is found along these.
CREATE INDEX factors_by_data_key ON factors (data_key_id, id);
CREATE INDEX pending_enrolments_by_data_key ON pending_enrolments (data_key_id, factor_id);
CREATE INDEX unkept_recovery_codes_by_data_key ON unkept_recovery_codes (data_key_id, set_id);
