"""Fills an installation with users who can sign in, sessions, an application and its gate cookies,
by SQL.

Only what the program alone can make comes from it: the password's hash is the Admin's, and the
secrets of the factors are sealed by the program's own code (crates/bench/src/bin/seal.rs).
"""

import base64
import hashlib
import os
import sqlite3
import subprocess
import time

from .paths import SEAL

SESSIONS = 10_000
COLUMNS = {
    "users": "id, email, email_skeleton, name, password_hash, epoch, code_attempts, last_sign_in_at, created_at",
    "memberships": "user_id, account_id, role, state, email_key, name_key",
    "factors": "id, user_id, account_id, position, name, sealed, data_key_id, added_at, last_used_at",
    "known_browsers": "user_id, token_hash, first_seen_at, last_seen_at",
    "sessions": "id, user_id, token_hash, created_at, last_seen_at, browser, address, password_at, password_epoch, "
                "second_at, second_epoch, second_factor_id, code_attempts, recovering",
    "applications": "id, account_id, name, host, host_name, enter, always_mfa, max_age_ms, configured, added_at",
    "gate_cookies": "token_hash, session_id, epoch, host, made_at",
}


def made_up(*what):
    """32 bytes that are the same in every run."""
    return hashlib.sha256(repr(("vestibule bench", *what)).encode()).digest()


def token(*what):
    """A token as a cookie holds it."""
    return base64.urlsafe_b64encode(made_up(*what)).rstrip(b"=").decode()


def hash_of_token(*what):
    return hashlib.sha256(made_up(*what)).digest()


def identifier(kind, number):
    return f"00000000-0000-7000-{kind:04x}-{number:012}"


class User:
    """The numbers count from 1. Six in ten have a factor."""

    def __init__(self, number):
        self.number = number
        self.id = identifier(0x8000, number)
        self.email = f"user{number}@acme.example"
        self.name = f"{('User', 'Ada', 'Zoe', 'Maria')[number % 4]} {number}"
        self.has_factor = number % 10 < 6
        self.secret = made_up("secret", number)[:20]
        self.address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def fill(installation, users, host, postgres=None):
    """Adds so many users, and sessions at the gate of `host`."""
    installation.users = [User(number) for number in range(1, users + 1)]
    database = Sqlite(installation) if installation.is_sqlite else Copies(installation, postgres)
    for table, rows in rows_of(database, installation, host):
        database.insert(table, COLUMNS[table], rows)
    database.finish()


def rows_of(database, installation, host):
    now, users = int(time.time() * 1000), installation.users
    enrolled = [user for user in users if user.has_factor]
    account, password_hash = database.ask("SELECT account_id || ' ' || password_hash FROM users, memberships").split()
    key, sealed = seal(database, installation, enrolled)
    yield "users", ((u.id, u.email, u.email, u.name, password_hash, 1, 0, now, now) for u in users)
    yield "memberships", ((u.id, account, "Member", "active", u.email, u.name.lower()) for u in users)
    yield "factors", ((u.id, u.id, account, 1, "Authenticator app", secret, key, now, now)
                      for u, secret in zip(enrolled, sealed))
    yield "known_browsers", ((u.id, hash_of_token("browser", u.number), now, now) for u in enrolled)
    ids = [(identifier(0x9000, number), enrolled[number % len(enrolled)].id, number) for number in range(SESSIONS)]
    yield "sessions", ((session, user, hash_of_token("session", number), now, now, "Firefox on Linux", "10.0.0.1",
                        now, 1, now, 1, user, 0, False) for session, user, number in ids)
    yield "applications", [(identifier(0xa000, 1), account, "Application", host, host.split(":")[0], "everyone", False,
                            None, False, now)]
    yield "gate_cookies", ((hash_of_token("gate", number), session, 1, host, now) for session, _, number in ids)


def seal(database, installation, enrolled):
    """The id of the data key, and the sealed secret of each of these users."""
    with open(os.path.join(installation.folder, "master.key"), encoding="ascii") as file:
        master = file.read().split()[-1]
    key, wrapped = database.ask(f"SELECT id || ' ' || {database.hexadecimal('wrapped')} FROM data_keys").split()
    lines = [f"{master} {key} {base64.b64encode(bytes.fromhex(wrapped)).decode()}"]
    lines += [f"{user.id} {user.id} {base64.b64encode(user.secret).decode()}" for user in enrolled]
    done = subprocess.run([SEAL], input="\n".join(lines), capture_output=True, text=True, check=True)
    return key, [base64.b64decode(line) for line in done.stdout.splitlines()]


class Sqlite:
    def __init__(self, installation):
        self.database = sqlite3.connect(installation.folder + "/vestibule.db")

    def ask(self, sql):
        return self.database.execute(sql).fetchone()[0]

    @staticmethod
    def hexadecimal(column):
        return f"hex({column})"

    def insert(self, table, columns, rows):
        places = ", ".join("?" for _ in columns.split(","))
        self.database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)

    def finish(self):
        self.database.commit()
        self.database.close()


class Copies:
    """PostgreSQL's COPY."""

    def __init__(self, installation, postgres):
        self.url, self.postgres = installation.database, postgres

    def ask(self, sql):
        return self.postgres.sql(self.url, sql)

    @staticmethod
    def hexadecimal(column):
        return f"encode({column}, 'hex')"

    def insert(self, table, columns, rows):
        lines = ("\t".join(self.text(value) for value in row) for row in rows)
        self.postgres.sql(self.url, f"COPY {table} ({columns}) FROM STDIN;\n" + "\n".join(lines) + "\n\\.\n")

    @staticmethod
    def text(value):
        if value is None:
            return "\\N"
        return "\\\\x" + value.hex() if isinstance(value, bytes) else str(value)

    def finish(self):
        self.postgres.sql(self.url, "ANALYZE")
