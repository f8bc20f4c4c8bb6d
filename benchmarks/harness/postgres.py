"""A throw-away PostgreSQL."""

import os
import pwd
import shutil
import subprocess
import tempfile

from .packages import postgres_folder
from .processes import free_port


class Postgres:
    """As it is shipped: commits are synced, as they are in SQLite."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="vestibule-bench-postgres-")
        self.bin, self.prefix = postgres_folder(), []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self.prefix = ["runuser", "-u", "nobody", "--"]
        self.run("initdb", "-D", self.folder + "/data", "-U", "app", "-A", "trust", "-E", "UTF8", "--no-locale")
        self.port = free_port()
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-D", self.folder + "/data", "-w", "-o", options, "-l", self.folder + "/log", "start")

    def create(self, name):
        """A database's address."""
        self.sql(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name):
        return f"postgres://app@127.0.0.1:{self.port}/{name}"

    def program(self, name):
        beside = os.path.join(self.bin, name)
        return beside if os.path.exists(beside) else name

    def run(self, name, *arguments):
        command = [*self.prefix, self.program(name), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def sql(self, url, text):
        """Runs statements; the answer's first column, a row a line."""
        command = [self.program("psql"), "-qtAX", "-v", "ON_ERROR_STOP=1", "-d", url]
        done = subprocess.run(command, input=text, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def stop(self):
        self.run("pg_ctl", "-D", self.folder + "/data", "-m", "fast", "stop")
        shutil.rmtree(self.folder)
