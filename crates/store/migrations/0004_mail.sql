-- Mails that wait to be sent. A row goes when the mail server has taken it, or nobody wants it
-- any more.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    -- To whom. NULL where somebody typed an address that may be nobody's.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- What it says, and the token of its link: sealed.
    sealed BLOB NOT NULL,
    data_key_id TEXT NOT NULL REFERENCES data_keys (id),
    made_at BIGINT NOT NULL,
    -- The number of the latest attempt. Who has counted it up may send.
    attempts BIGINT NOT NULL,
    -- Not before so many milliseconds after that moment. A moment in the future is a clock's that
    -- was set back since, and holds nothing up.
    tried_at BIGINT NOT NULL,
    pause BIGINT NOT NULL
);
CREATE INDEX outbox_by_turn ON outbox (tried_at);

-- The address that a link of the purpose "address" confirms.
CREATE TABLE address_changes (
    link_id TEXT PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    email TEXT NOT NULL
);

-- How often something was asked for by whoever may ask. Addresses stand here as pseudonyms.
CREATE TABLE asks (
    key TEXT PRIMARY KEY,
    since BIGINT NOT NULL,
    count BIGINT NOT NULL
);
CREATE INDEX asks_by_time ON asks (since);
