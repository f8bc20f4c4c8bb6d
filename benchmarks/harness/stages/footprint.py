"""Size, start, memory and pages, of the installation with most users; start and memory of the peers."""

import os
import statistics
import time

from ..ask import must
from ..paths import VESTIBULE
from ..timing import timed
from ..vestibule import PASSWORD, Admin, Server
from . import users

STARTS = 5
SIGN_INS = 40


def run(figures, plan, installations):
    """`installations` by database."""
    figures.put("binary_mb", os.path.getsize(VESTIBULE) / 1e6)
    servers = {}
    for database, installation in installations.items():
        starts = []
        for _ in range(STARTS):
            server = Server(installation)
            starts.append(server.ready_ms)
            server.stop()
        seen = {"ready": {"median": statistics.median(starts), "slowest": max(starts)}}
        figures.kept.setdefault("footprint", {})[database] = seen
        servers[database] = server = Server(installation)
        time.sleep(2)
        seen["idle_mb"] = server.memory_mb()
        look(seen, plan, server, installation)
        seen["signed_in_mb"] = server.memory_mb()
        print(" ", "footprint", database, seen, flush=True)
    figures.put("rest_seconds", plan.rest_seconds)
    time.sleep(plan.rest_seconds)
    for database, server in servers.items():
        figures.get("footprint", database)["rested_mb"] = server.memory_mb()
        server.stop()


def look(seen, plan, server, installation):
    admin = installation.admin
    admin.sign_in(server)
    cookie = admin.cookie()
    seen["pages"] = {what: timed(plan.asks, lambda path=path: must(server.ask("GET", path, cookie=cookie), 200))
                     for what, path in pages(len(installation.users)).items()}
    seen["the switch"] = users.switch(server, cookie, plan.asks)
    known = admin.cookies["vestibule-browser"]
    seen["a password sign-in"] = timed(SIGN_INS, lambda: must(
        server.ask("POST", "/sign-in", {"email": Admin.EMAIL, "password": PASSWORD}, known), 303))


def pages(count):
    of = users.LIST
    middle, last = count // 2, count - 50
    return {
        "first page": of,
        "a page in the middle": f"{of}?after=0.maria%20{middle}",
        "the last page": f"{of}?after=0.zoe%20{last}",
        "search: one letter (a)": f"{of}?search=a",
        "search: user (every address)": f"{of}?search=user",
        "search: user, a page in the middle": f"{of}?search=user&after=0.user5%40acme.example",
        "search: an address": f"{of}?search=user{count * 7 // 9}%40acme.example",
        "search: nobody": f"{of}?search=qqq",
        "without a factor": f"{of}?mfa=none",
        "without a factor, search zoe": f"{of}?mfa=none&search=zoe",
        "Settings → Account": "/settings/account",
        "the dashboard": "/",
    }


def run_peers(figures, peers):
    figures.put("peers", {})
    for peer in peers:
        starts = []
        for _ in range(3):
            peer.start()
            starts.append(peer.ready_ms)
            peer.stop()
        peer.start()
        time.sleep(2)
        seen = {"ready": {"median": statistics.median(starts), "slowest": max(starts)}, "idle_mb": peer.memory_mb()}
        figures.kept["peers"][peer.name] = seen
        peer.stop()
        print(" ", "footprint", peer.name, seen, flush=True)
