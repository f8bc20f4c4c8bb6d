"""Vestibule as it is shipped: an installation, and the process that serves it."""

import base64
import os
import re
import shutil
import subprocess
import time

from . import totp
from .ask import ask, must
from .paths import VESTIBULE
from .processes import note, resident_mb, start, stop

PASSWORD = "marble otters walk at noon"
# The protected host that the gate is asked about, as the browser names it.
PROTECTED = "app.localhost:8081"

# Only what is another in each run, whom the gate believes, and the metrics. All the rest is as it
# is shipped.
CONFIGURATION = """\
listen = "127.0.0.1:0"
metrics_listen = "127.0.0.1:0"
data_dir = "{folder}"
database = "{database}"
trusted_proxies = ["127.0.0.1"]
"""


class Installation:
    """Its folder, its database, its Admin Ada, and in time its users."""

    def __init__(self, folder, database=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.is_sqlite = folder, database is None
        self.database = database or f"sqlite:{folder}/vestibule.db"
        self.configuration = os.path.join(folder, "vestibule.toml")
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(folder=folder, database=self.database))
        self.admin, self.users = Admin(), None

    def copy(self, folder):
        """The same once more, for a second process that shares nothing with the first."""
        shutil.copytree(self.folder, folder)
        copy = Installation(folder)
        copy.admin, copy.users = self.admin, self.users
        return copy

    def set_up(self):
        """Makes the account and Ada, who enrols at once."""
        server = Server(self)
        fields = {"account": "Acme", "name": "Ada", "email": Admin.EMAIL, "password": PASSWORD}
        must(server.ask("POST", server.setup_path(), fields), 303)
        self.admin.enrol(server)
        server.stop()


class Server:
    """A running release binary."""

    def __init__(self, installation, worker_threads=None):
        environment = {"PATH": os.environ["PATH"]}
        if worker_threads:
            # The setting `threads`, as an operator sets it for one start.
            environment["VESTIBULE_THREADS"] = str(worker_threads)
        command = [VESTIBULE, "serve", "--config", installation.configuration]
        note("Vestibule", command)
        began = time.perf_counter()
        with open(os.path.join(installation.folder, "log"), "a", encoding="utf-8") as log:
            self.process = start(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        self.printed = ""
        self.port = int(self.until_printed(r"http://localhost:(\d+)").group(1))
        while self.ask("GET", "/readyz").status != 200:
            pass
        self.ready_ms = (time.perf_counter() - began) * 1000
        self.url = f"http://127.0.0.1:{self.port}"

    def until_printed(self, pattern):
        while not (found := re.search(pattern, self.printed)):
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("Vestibule ended before it was ready: its log stands in its folder")
            self.printed += line
        return found

    def setup_path(self):
        return self.until_printed(r"/setup/[\w-]+").group(0)

    def ask(self, *what, **how):
        return ask(self.port, *what, **how)

    def memory_mb(self):
        return resident_mb(self.process.pid)

    def stop(self):
        stop(self.process)


class Admin:
    """Ada, with her app and the cookies of her browser."""

    EMAIL = "ada@acme.example"

    def __init__(self):
        self.secret, self.last_step, self.cookies = None, 0, {}

    def cookie(self):
        return "; ".join(self.cookies.values())

    def keep(self, answer):
        for name in ("vestibule", "vestibule-browser"):
            self.cookies[name] = answer.cookie(name)

    def code(self):
        """One that was not used yet. A code is good one step early."""
        while self.last_step + 1 > totp.step() + 1:
            time.sleep(0.2)
        self.last_step = max(self.last_step + 1, totp.step() - 1)
        return totp.code(self.secret, self.last_step)

    def give_password(self, server):
        """In the known browser, without the session that was."""
        known = self.cookies.get("vestibule-browser")
        fields = {"email": self.EMAIL, "password": PASSWORD}
        answer = must(server.ask("POST", "/sign-in", fields, cookie=known), 303)
        self.keep(answer)
        return answer

    def enrol(self, server):
        self.give_password(server)
        page = must(server.ask("GET", "/enrolment", cookie=self.cookie()), 200).text
        self.secret = base64.b32decode(re.search(r"secret=([A-Z2-7]+)", page).group(1))
        self.keep(must(server.ask("POST", "/enrolment", {"code": self.code()}, self.cookie()), 303))
        # Every page leads to the recovery codes until they are kept.
        codes = "/settings/security/recovery-codes"
        page = must(server.ask("GET", codes, cookie=self.cookie()), 200).text
        kept = {"set": re.search(r'name="set" value="([^"]+)"', page).group(1)}
        must(server.ask("POST", codes + "/kept", kept, self.cookie()), 303)

    def sign_in(self, server):
        self.give_password(server)
        self.keep(must(server.ask("POST", "/sign-in/code", {"code": self.code()}, self.cookie()), 303))
