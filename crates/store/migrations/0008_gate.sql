-- What stands behind the gate.
CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    -- As browsers name it: the name, and the port unless it is the usual one.
    host TEXT NOT NULL,
    -- The name alone: browsers share cookies between the ports of a name.
    host_name TEXT NOT NULL,
    enter TEXT NOT NULL,
    always_mfa BOOLEAN NOT NULL,
    -- How old the newest proof may be; NULL where that does not matter.
    max_age_ms BIGINT,
    -- Whether it comes from the configuration, which alone may change it then.
    configured BOOLEAN NOT NULL,
    added_at BIGINT NOT NULL,
    CONSTRAINT applications_host_once UNIQUE (host_name),
    CONSTRAINT applications_enter CHECK (enter IN ('everyone', 'admins', 'named'))
);
CREATE INDEX applications_by_account ON applications (account_id, name, id);
CREATE INDEX applications_by_host ON applications (host);

-- The users that an application names.
CREATE TABLE application_users (
    application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (application_id, user_id)
);
CREATE INDEX application_users_by_user ON application_users (user_id);

-- Codes that hand a session over to a protected host, once, within seconds.
CREATE TABLE hand_overs (
    code_hash BLOB PRIMARY KEY,
    -- The hash of the nonce that the protected host set as a cookie before.
    challenge BLOB NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    host TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    taken_at BIGINT
);
CREATE INDEX hand_overs_by_expiry ON hand_overs (expires_at);
CREATE INDEX hand_overs_by_session ON hand_overs (session_id);

-- The cookies of protected hosts. Each opens the gate of its host, for its session and epoch.
CREATE TABLE gate_cookies (
    token_hash BLOB PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    host TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX gate_cookies_by_session ON gate_cookies (session_id, host, made_at);
