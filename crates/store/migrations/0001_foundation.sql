-- One text for both databases. For PostgreSQL, TEXT becomes TEXT COLLATE "C" (bytewise order, as
-- in SQLite) and BLOB becomes BYTEA. Times are Unix milliseconds. Identifiers are UUIDs as text.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    mfa_required BOOLEAN NOT NULL,
    -- Written first by every act that could leave the account without an able Admin: whoever
    -- writes it is alone until the commit, on both databases.
    guard BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    -- UTS #39: look-alikes share it.
    email_skeleton TEXT NOT NULL,
    -- The same, of an address with letters outside ASCII: no two of these look alike.
    look_alike_key TEXT,
    name TEXT NOT NULL,
    password_hash TEXT,
    epoch BIGINT NOT NULL,
    -- Attempts at security codes that count against the budget.
    code_attempts BIGINT NOT NULL,
    last_sign_in_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT users_email_once UNIQUE (email),
    CONSTRAINT users_look_alikes_once UNIQUE (look_alike_key),
    CONSTRAINT users_budget CHECK (code_attempts >= 0)
);
CREATE INDEX users_email_skeleton ON users (email_skeleton);

-- The keys repeat the user's e-mail and name in the form that is searched, so that a page of an
-- account's users is one walk along one index.
CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    email_key TEXT NOT NULL,
    name_key TEXT NOT NULL,
    CONSTRAINT memberships_one_each UNIQUE (user_id),
    CONSTRAINT memberships_role CHECK (role IN ('Member', 'Admin')),
    CONSTRAINT memberships_state CHECK (state IN ('invited', 'active', 'disabled'))
);
CREATE INDEX memberships_by_email ON memberships (account_id, email_key, user_id, name_key, state);
CREATE INDEX memberships_by_name ON memberships (account_id, name_key, user_id, state);
CREATE INDEX memberships_by_state ON memberships (account_id, state, role, user_id);

CREATE TABLE data_keys (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT data_keys_number_once UNIQUE (number)
);

CREATE TABLE factors (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    -- 1 for the user's oldest factor, and so on without gaps: those at 1 are as many as there are
    -- users with a factor, which the page of the switch counts along an index.
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    data_key_id TEXT NOT NULL REFERENCES data_keys (id),
    added_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX factors_by_user ON factors (user_id);
CREATE INDEX factors_by_account ON factors (account_id, position);

-- A code is taken once: the primary key says so, whoever asks and from wherever. No foreign key: a
-- code can be spent before its factor is confirmed.
CREATE TABLE spent_codes (
    factor_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    spent_at BIGINT NOT NULL,
    PRIMARY KEY (factor_id, step)
);
CREATE INDEX spent_codes_by_time ON spent_codes (spent_at);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    browser TEXT NOT NULL,
    address TEXT NOT NULL,
    password_at BIGINT NOT NULL,
    password_epoch BIGINT NOT NULL,
    second_at BIGINT,
    second_epoch BIGINT,
    second_factor_id TEXT,
    -- Attempts of this session that are in the user's budget: refunded when one is accepted.
    code_attempts BIGINT NOT NULL,
    recovering BOOLEAN NOT NULL,
    CONSTRAINT sessions_token_once UNIQUE (token_hash)
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_last_seen ON sessions (last_seen_at);
CREATE INDEX sessions_by_created ON sessions (created_at);

-- The key of a factor that is not confirmed yet. It belongs to one session and is shown to no other.
CREATE TABLE pending_enrolments (
    factor_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    data_key_id TEXT NOT NULL REFERENCES data_keys (id),
    expires_at BIGINT NOT NULL,
    CONSTRAINT pending_enrolments_one_a_session UNIQUE (session_id)
);
CREATE INDEX pending_enrolments_by_user ON pending_enrolments (user_id);
CREATE INDEX pending_enrolments_by_expiry ON pending_enrolments (expires_at);

CREATE TABLE links (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    epoch BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    taken_at BIGINT,
    CONSTRAINT links_token_once UNIQUE (token_hash),
    CONSTRAINT links_of_a_user CHECK ((user_id IS NULL) = (epoch IS NULL))
);
CREATE INDEX links_by_user ON links (user_id, purpose);
CREATE INDEX links_by_expiry ON links (expires_at);
-- One set-up link, whichever of several nodes starts last.
CREATE UNIQUE INDEX links_setup_once ON links (purpose) WHERE user_id IS NULL;

-- No foreign keys: the trace of an act outlives whom it concerned.
CREATE TABLE audit_events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    account_id TEXT,
    actor_id TEXT,
    user_id TEXT,
    session_id TEXT,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    count BIGINT NOT NULL,
    -- Set for what strangers can cause at will: one row a kind, user, network and minute.
    counted_key TEXT,
    CONSTRAINT audit_events_counted_once UNIQUE (counted_key)
);
CREATE INDEX audit_events_by_account ON audit_events (account_id, at);
