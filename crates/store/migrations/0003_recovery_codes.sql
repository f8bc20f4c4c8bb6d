-- A user's recovery codes: one set at most, made with the first factor and gone with the last.
CREATE TABLE recovery_code_sets (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- One salt a set, so that an attempt costs one hash.
    salt BLOB NOT NULL,
    memory_kib BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    CONSTRAINT recovery_code_sets_one_a_user UNIQUE (user_id)
);

-- Each is used once: `used_at` is set by one conditional write.
CREATE TABLE recovery_codes (
    set_id TEXT NOT NULL REFERENCES recovery_code_sets (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (set_id, hash)
);

-- The codes themselves, sealed, until their user says that they are kept: a reload or a lost answer
-- shows the same ones again. Then the row goes, and nobody can read them any more.
CREATE TABLE unkept_recovery_codes (
    set_id TEXT PRIMARY KEY REFERENCES recovery_code_sets (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    data_key_id TEXT NOT NULL REFERENCES data_keys (id),
    CONSTRAINT unkept_recovery_codes_one_a_user UNIQUE (user_id)
);

-- The second proof of a session was given by a recovery code: then, and only then, without a factor.
ALTER TABLE sessions ADD COLUMN second_by_recovery_code BOOLEAN NOT NULL DEFAULT FALSE
    CONSTRAINT sessions_second_by
    CHECK (second_by_recovery_code = (second_at IS NOT NULL AND second_factor_id IS NULL));

-- What a link of `vestibule recover` may do. Links made before this column may do everything.
ALTER TABLE links ADD COLUMN recovers TEXT
    CONSTRAINT links_recovers
    CHECK (recovers IS NULL
           OR (purpose = 'recover' AND recovers IN ('everything', 'password', 'factors')));
