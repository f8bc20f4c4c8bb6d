"""What is measured side by side. Each knows how it is started, what its cheapest question about a
session is (`check`, `check_headers`), and the two requests of a sign-in (`first`, `second`)."""

import base64
import json
import os
import subprocess
import tempfile
import time
import urllib.parse

from . import seeding, vestibule
from .ask import ask, must
from .packages import find
from .paths import BARE, SCRATCH
from .people import People
from .processes import free_port, note, shared_fairly_mb, start, stop, wait_for_port

PASSWORD = vestibule.PASSWORD
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Firefox on Linux"}
# What a reverse proxy sends along when it asks whether a request may pass. All are asked with it.
ASKED = {
    "X-Forwarded-Host": vestibule.PROTECTED,
    "X-Forwarded-Uri": "/reports?page=2",
    "X-Forwarded-Method": "GET",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


def form(**fields):
    # The braces of what is filled in later stay as they are.
    return urllib.parse.urlencode(fields, safe="{}@")


class Contender:
    name = process = None

    def started(self, command, port, **how):
        note(self.name, command)
        began = time.perf_counter()
        self.url = f"http://127.0.0.1:{port}"
        self.process = start(command, stdout=subprocess.DEVNULL, **how)
        wait_for_port(port, self.process)
        # Ready is whoever knows the session, not whoever only listens.
        while not self.is_good(answer := ask(port, "GET", self.check, headers=self.check_headers)):
            if time.perf_counter() - began > 10:
                raise SystemExit(f"{self.name} does not know the session: {answer.status} {answer.text[:200]}")
        self.ready_ms = (time.perf_counter() - began) * 1000

    @staticmethod
    def is_good(answer):
        return answer.status in (200, 204) and answer.text != "null"

    def stop(self):
        stop(self.process)

    def memory_mb(self):
        return shared_fairly_mb(self.process.pid)


class Nginx(Contender):
    """`return 204`: what answering costs at least. No log, and connections that are kept."""

    CONFIGURATION = """
worker_processes {workers};
pid {folder}/pid;
error_log {folder}/error;
daemon off;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}
}}
"""

    def __init__(self, workers):
        self.name = f"nginx, {workers} worker{'s' if workers > 1 else ''}"
        self.workers = workers
        self.check, self.check_headers = "/", {**ASKED, "Cookie": f"vestibule-gate={seeding.token('gate', 1)}"}

    def start(self):
        folder, port = os.path.join(tempfile.gettempdir(), f"nginx-{self.workers}"), free_port()
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/conf", "w", encoding="ascii") as file:
            file.write(self.CONFIGURATION.format(workers=self.workers, folder=folder, port=port))
        # Before it has read its configuration it writes to the log it was built with.
        self.started([find("nginx"), "-p", folder, "-e", folder + "/error", "-c", folder + "/conf"], port)


class Vestibule(Contender):
    def __init__(self, name, installation, worker_threads=None):
        self.name, self.installation, self.worker_threads = name, installation, worker_threads
        self.people = people_of(installation)
        self.check = "/gate?proxy=nginx"
        self.check_headers = {**ASKED, "Cookie": f"vestibule-gate={seeding.token('gate', 1)}"}
        self.cookies = os.path.join(installation.folder, "cookies")
        with open(self.cookies, "w", encoding="ascii") as file:
            for number in range(seeding.SESSIONS):
                file.write(f"vestibule-gate={seeding.token('gate', number)}\n")

    def start(self):
        self.server = vestibule.Server(self.installation, self.worker_threads)
        self.process, self.url, self.ready_ms = self.server.process, self.server.url, self.server.ready_ms
        must(self.server.ask("GET", self.check, headers=self.check_headers), 200)
        self.first, self.second = two_forms(self.server.port)


def two_forms(port):
    """The two requests of a sign-in at Vestibule. The bare handler takes the same."""
    headers = {**FORM, "Host": f"localhost:{port}", "Sec-Fetch-Site": "same-origin"}
    first = {"path": "/sign-in", "headers": headers, "body": form(email="{email}", password=PASSWORD),
             "status": 303, "location": "/sign-in/code"}
    second = {"path": "/sign-in/code", "headers": headers, "body": form(code="{code}"),
              "status": 303, "location": "/"}
    return first, second


def people_of(installation):
    """Everybody with an app, each in a browser that signed in before, each from elsewhere."""
    return People([(user.email, user.secret, {"vestibule-browser": seeding.token("browser", user.number)},
                    {"X-Forwarded-For": user.address}) for user in installation.users if user.has_factor])


class Bare(Contender):
    """A handler that only hashes (crates/bench/src/bin/bare.rs)."""

    name = "bare handler"

    def __init__(self, people):
        self.people = people

    def start(self):
        note(self.name, [BARE])
        self.process = start([BARE], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.first, self.second = two_forms(self.url.rsplit(":", 1)[1])


class Peer(Contender):
    """What users would pick instead, on SQLite, with the same number of users."""

    def __init__(self, folder, users, fill, **environment):
        self.folder = os.path.join(SCRATCH, folder)
        self.database = os.path.join(tempfile.gettempdir(), f"{folder}.db")
        self.port = free_port()
        self.environment = {**os.environ, "DATABASE": self.database, "PORT": str(self.port),
                            "BASE_URL": f"http://127.0.0.1:{self.port}", **environment}
        done = subprocess.run([*fill, str(users), PASSWORD], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, text=True, check=True)
        made = json.loads(done.stdout.splitlines()[-1])
        self.secret = base64.b32decode(made["key"] + "=" * (-len(made["key"]) % 8))
        self.check_headers = {**ASKED, "Cookie": made["cookie"]}

    def start_command(self, *command):
        self.started(list(command), self.port, cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL)


class BetterAuth(Peer):
    name = "better-auth"
    check = "/api/auth/get-session"

    def __init__(self, users):
        super().__init__("better-auth", users, ["node", "fill.mjs"], NODE_ENV="production")
        self.people = People([(f"user{number}@acme.example", self.secret, {}, {}) for number in range(users)])
        headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{self.port}",
                   "User-Agent": "Firefox on Linux"}
        self.first = {"path": "/api/auth/sign-in/email", "headers": headers, "status": 200,
                      "body": json.dumps({"email": "{email}", "password": PASSWORD})}
        self.second = {"path": "/api/auth/two-factor/verify-totp", "headers": headers, "status": 200,
                       "body": json.dumps({"code": "{code}"})}

    def start(self):
        self.start_command("node", "serve.mjs")


class Allauth(Peer):
    name = "django-allauth"
    check = "/session"

    def __init__(self, users):
        self.bin = os.path.join(SCRATCH, "allauth", "venv", "bin")
        super().__init__("allauth", users, [self.bin + "/python", "fill.py"])
        # A form's token and its cookie have to be alike, whatever they are.
        token = "a" * 32
        self.people = People([(f"user{number}@acme.example", self.secret, {"csrftoken": token}, {})
                              for number in range(users)])
        self.first = {"path": "/accounts/login/", "headers": FORM, "status": 302,
                      "location": "/accounts/2fa/authenticate/",
                      "body": form(csrfmiddlewaretoken=token, login="{email}", password=PASSWORD)}
        self.second = {"path": "/accounts/2fa/authenticate/", "headers": FORM, "status": 302, "location": "/session",
                       "body": form(csrfmiddlewaretoken=token, code="{code}")}

    def start(self):
        cores = str(os.cpu_count())
        self.start_command(self.bin + "/gunicorn", "wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", cores,
                           "--worker-class", "gthread", "--threads", "4", "--log-level", "critical")

