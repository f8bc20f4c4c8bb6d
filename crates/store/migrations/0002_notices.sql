-- What a user is told about the own login, or an Admin about the account, until it is dismissed.
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- From where the act came: both empty for the host's command line.
    address TEXT NOT NULL,
    browser TEXT NOT NULL,
    -- What it is about: a factor's name, a user's address. Never a secret.
    detail TEXT NOT NULL,
    dismissed_at BIGINT,
    -- Set for what someone else can cause at will: one row a user, kind, subject and day.
    once_key TEXT,
    CONSTRAINT notices_once UNIQUE (once_key)
);
CREATE INDEX notices_by_user ON notices (user_id, dismissed_at, at);
CREATE INDEX notices_by_time ON notices (at);
