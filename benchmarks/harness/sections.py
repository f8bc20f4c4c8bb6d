"""The sections of docs/performance.md."""

import os

from . import aims, paths
from .figures import ratios
from .words import number, spread, table

GATE_NAMES = (*aims.NGINX, *aims.OURS, *aims.PEERS)
SIGN_IN_NAMES = (aims.BARE, "Vestibule", "Vestibule on PostgreSQL", *aims.PEERS)


def machine(figures):
    seen = figures.get("machine")
    versions = ", ".join(f"{name} {version}" for name, version in seen["versions"].items())
    return [
        f"{seen['date']}; {seen['cores']} × {seen['cpu']}, {seen['memory_gib']:.0f} GiB; {seen['system']}; "
        f"the load generator on the same cores, over loopback.  ",
        f"Vestibule at commit {seen['commit']}; {versions}.  ",
        f"The run took {figures.get('minutes'):.0f} minutes; before it, the load average was {seen['load']:.2f}.",
        "",
    ]


def gate(figures):
    plan = figures.get("plan")
    lines = [
        "## The gate", "",
        "One question a request: may this browser see this page? nginx answers `204` and looks at nothing. Vestibule "
        "answers `/gate`: the cookie is found, hashed, looked up and decided on, with six headers about the user. "
        "The peers say whose session it is. All get the same headers, and every answer but a yes ends the run. "
        f"{plan['main_users']:,} users, each window {plan['gate_seconds']} s.", "",
        "![Requests a second against connections](performance/throughput.svg)", "",
        "Requests a second:", "",
    ]
    steps = plan["connections"]
    lines += table(["connections", *steps],
                   [[name, *(spread(figures.series("gate", name, step, "rate")) for step in steps)]
                    for name in GATE_NAMES])
    lines += ["Milliseconds, p50 / p99 (the rounds' range of p99):", ""]
    lines += table(["connections", *steps],
                   [[name, *(latencies(figures, "gate", name, step) for step in steps)] for name in GATE_NAMES])
    lines += ["With a different one of 10,000 sessions at each request, which costs the load generator time too:", ""]
    many = "gate, many sessions"
    lines += table(["connections", *figures.get(many, "Vestibule")],
                   [[name, *(spread(figures.series(many, name, step, "rate")) + ", p99 "
                             + number(aims.median(figures.series(many, name, step, "p99"))) + " ms" for step in seen)]
                    for name, seen in figures.get(many).items()])
    return lines


def latencies(figures, *where):
    return f"{number(aims.median(figures.series(*where, 'p50')))} / {spread(figures.series(*where, 'p99'))}"


def sign_in(figures):
    plan = figures.get("plan")
    lines = [
        "## Signing in", "",
        "Password, then security code: two requests on a kept connection, in a browser that signed in before. "
        "Vestibule counts each attempt before it compares, and its commits are synced. The handler that only hashes "
        "takes the same two requests, does one Argon2id of the same cost on as many threads as there are cores, and "
        f"stores nothing. {plan['main_users']:,} users, each window {plan['sign_in_seconds']} s.", "",
        "Sign-ins a second:", "",
    ]
    clients = figures.get("sign-in", aims.BARE)
    lines += table(["clients", *clients],
                   [[name, *(spread(figures.series("sign-in", name, step, "rate")) for step in clients)]
                    for name in SIGN_IN_NAMES])
    lines += ["As a share of the handler's:", ""]
    lines += table(["clients", *clients],
                   [[name, *(spread([100 * ratio for ratio in ratios(figures.series("sign-in", name, step, "rate"),
                                                                     figures.series("sign-in", aims.BARE, step, "rate"))], " %")
                             for step in clients)] for name in SIGN_IN_NAMES[1:3]])
    lines += ["Milliseconds from the first request to the second answer, p50 / p99 (the rounds' range of p99):", ""]
    lines += table(["clients", *clients],
                   [[name, *(latencies(figures, "sign-in", name, step) for step in clients)] for name in SIGN_IN_NAMES])
    lines += ["One client, milliseconds, medians: the password's step, the code's step, and for Vestibule what the "
              "whole takes above the handler's.", ""]
    lines += table(["", "password", "code", "above the hash"],
                   [[name, spread(figures.series("sign-in", name, 1, "password_p50")),
                     spread(figures.series("sign-in", name, 1, "code_p50")),
                     spread(aims.above_the_hash(figures, name)) if name in SIGN_IN_NAMES[1:3] else "–"]
                    for name in SIGN_IN_NAMES])
    return lines


def hashing(figures):
    asked = figures.get("while hashing")
    lines = [
        "## While every core hashes", "",
        "Eight clients sign in as fast as they can; beside them eight connections ask about a session, each 20 to 60 ms "
        "after its last answer: at most 200 times a second together. Milliseconds. nginx was asked while Vestibule "
        "hashed: it shows what a busy machine costs whoever asks.", "",
    ]
    return lines + table(["", "p50", "p99", "slowest", "sign-ins a second meanwhile"],
                         [[name, *(spread(figures.series("while hashing", name, value)) for value in ("p50", "p99", "max")),
                           spread(figures.series("while hashing, sign-ins", name, "rate"))
                           if figures.has("while hashing, sign-ins", name) else "–"] for name in asked])


def users(figures):
    sizes = figures.get("plan", "sizes")
    lines = [
        "## Few users and many", "",
        "Milliseconds. The gate: p50 at 32 connections, a different one of 10,000 sessions at each request. Signing "
        "in: one client, password and code. The switch and the first page of Settings → Users: one request on a new "
        "connection. The last column is that of the slowest size by the smallest size's.", "",
        "![Milliseconds against users](performance/latency.svg)", "",
    ]
    rows = []
    for database in aims.DATABASES:
        for act in aims.ACTS:
            times = (aims.act_times(figures, database, size, act) for size in sizes)
            growth = spread(aims.growth(figures, database, act, sizes), " ×")
            rows.append([f"{act}, {database}", *(spread(values) for values in times), growth])
    lines += table(["users", *(f"{size:,}" for size in sizes), "growth"], rows)
    lines += ["The gate's requests a second:", ""]
    return lines + table(["users", *(f"{size:,}" for size in sizes)],
                         [[database, *(spread(figures.series("users", database, size, "gate", "rate"))
                                       for size in sizes)] for database in aims.DATABASES])


def footprint(figures):
    most = f"{max(figures.get('plan', 'sizes')):,}"
    rest = figures.get("rest_seconds")
    seen = [figures.get("footprint", database) for database in aims.DATABASES]
    memory = lambda which: [f"{one[which]:.1f} MB" for one in seen]
    binary = figures.get("binary_mb")
    rows = [
        ["release binary", f"{binary:.1f} MB", "the same", under(30, [binary], "MB")],
        ["from start to ready, existing data (median of 5, slowest)",
         *(f"{one['ready']['median']:.0f} ms, {one['ready']['slowest']:.0f} ms" for one in seen),
         under(300, [one["ready"]["median"] for one in seen], "ms")],
        ["memory (RSS), idle before the first sign-in", *memory("idle_mb"), under(25, [one["idle_mb"] for one in seen], "MB")],
        ["memory (RSS), right after 40 sign-ins", *memory("signed_in_mb"), ""],
        [f"memory (RSS), {rest} seconds after the last", *memory("rested_mb"),
         under(25, [one["rested_mb"] for one in seen], "MB") if rest >= 60 else ""],
    ]
    lines = ["## Size, start, memory", "", f"{most} users in one account, six in ten with a factor.", ""]
    lines += table(["", *aims.DATABASES, "aim"], rows)
    lines += [f"The peers, with {figures.get('plan', 'main_users'):,} users. Memory is of all their processes, what "
              "they share counted once (PSS).", ""]
    peers = figures.get("peers")
    return lines + table(["", "from start to the first answer (median of 3, slowest)", "idle", "after the sign-ins above"],
                         [[name, f"{one['ready']['median']:.0f} ms, {one['ready']['slowest']:.0f} ms",
                           f"{one['idle_mb']:.0f} MB", f"{one['loaded_mb']:.0f} MB"] for name, one in peers.items()])


def pages(figures):
    most = f"{max(figures.get('plan', 'sizes')):,}"
    seen = [figures.get("footprint", database) for database in aims.DATABASES]
    times = lambda one: f"{one['median']:.1f}, {one['slowest']:.1f}"
    rows = [[what, *(times(one["pages"][what]) for one in seen),
             under(50, [one["pages"][what]["median"] for one in seen], "ms")] for what in seen[0]["pages"]]
    rows.append(["turning the switch", *(times(one["the switch"]) for one in seen),
                 under(20, [one["the switch"]["median"] for one in seen], "ms")])
    rows.append(["a sign-in by password, hash included", *(times(one["a password sign-in"]) for one in seen), ""])
    return [f"## Pages, {most} users", "",
            f"Milliseconds, median and slowest of {figures.get('plan', 'asks')}, each on a new connection.", "",
            *table(["", *aims.DATABASES, "aim"], rows)]


def under(limit, values, unit):
    return f"under {limit} {unit}: {'holds' if max(values) < limit else '**missed**'}"


def not_comparable():
    return [
        "## What is not comparable", "",
        "- **The hashes.** Vestibule: Argon2id, 19 MiB, 2 passes. better-auth: scrypt. Django: PBKDF2. They differ in what "
        "they cost the guesser as well, so a rate of sign-ins says little across products; what is above the hash "
        "says more.",
        "- **The disk.** The peers' SQLite does not sync each commit (`synchronous=NORMAL`), Vestibule's does (`FULL`): a "
        "commit that a power cut takes back would make a used code good again. This favours the peers.",
        "- **The limits.** The peers' rate limits are off, since they would refuse such a load; Vestibule's are on, as "
        "always. This favours the peers. better-auth takes the same code again within its time; Vestibule and "
        "django-allauth do not.",
        "- **The session check.** Vestibule's says who it is, in which role and how sure, under the account's policy of that "
        "moment. better-auth's is `GET /api/auth/get-session`, which answers with the session as JSON, read from the "
        "database as is its default; django-allauth's is the cheapest page there can be, `login_required` with an "
        "empty answer.",
        "- **Processes.** better-auth is one process of Node, as its documentation starts it; django-allauth has a gunicorn "
        "worker a core with four threads each. nginx and Vestibule stand here with one and with as many threads as "
        "cores; the aims take the better of the two for each.",
        "- **The load generator** takes its part of the same cores: the most of it at nginx, where it is most of the work.",
        "",
    ]


def profile():
    """What was written by hand about where the time goes; there may be none."""
    path = os.path.join(paths.BENCHMARKS, "profile.md")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [file.read().rstrip(), ""]


def commands(figures):
    lines = [
        "## How", "",
        "`scripts/bench` does all of it; `scripts/bench --help` says more. Vestibule's configuration is that of a fresh "
        "installation, but for the ports, the folder, `trusted_proxies` and `metrics_listen`: metrics are on; PostgreSQL's is its own default. How the "
        "peers are set up stands in `benchmarks/peers/`, the versions of all that they need in the lock files there. "
        "wrk asks for single requests; the sign-ins are autocannon's, since wrk's scripts see one of two "
        "`Set-Cookie` lines. The first time that each was run:", "", "```",
    ]
    for what, command in figures.get("commands").items():
        lines += [f"# {what}", command]
    return [*lines, "```", "", "Every figure of each round stands in [performance/figures.json](performance/figures.json).", ""]
