"""The parts of the proof: what each is, and how its long form is run."""

import json
import os
import subprocess

from . import guards
from .figures import ROOT, TARGET

PROOF = ["cargo", "run", "--locked", "--quiet", "--profile", "proof", "-p", "vestibule-proof", "--"]


class Program:
    """A part that is a subcommand of the package vestibule-proof."""

    def __init__(self, title, about, *arguments, needs=()):
        self.title, self.about, self.arguments, self.needs = title, about, list(arguments), needs
        self.commands = [" ".join([*PROOF, *self.arguments])]

    def run(self):
        for needed in self.needs:
            subprocess.run(needed, cwd=ROOT, check=True)
        done = subprocess.run([*PROOF, *self.arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        lines = done.stdout.strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            return {"figures": [], "notes": [], "violations": [f"it ended with {done.returncode} and said nothing"]}
        return json.loads(lines[-1])


BINARY = ["cargo", "build", "--locked", "--quiet", "--profile", "proof", "-p", "vestibule"]


class Fuzz:
    """The coverage-guided targets, two minutes each."""

    title = "What parses what strangers send"
    about = """\
Coverage-guided fuzzing of everything that reads a stranger's bytes: codes, cookies, forms, addresses, return targets, the proxy's headers,
configuration and key files. Each target states what holds for every input (no panic; what is accepted is read back the same; what is
accepted obeys its rule). `scripts/test` replays the committed inputs; `scripts/fuzz` runs as long as it is told."""
    seconds = 120
    commands = [f"scripts/fuzz --seconds {seconds}"]

    def run(self):
        kept = os.path.join(TARGET, "fuzz-figures.json")
        done = subprocess.run([os.path.join(ROOT, "scripts", "fuzz"), "--seconds", str(self.seconds), "--json", kept],
                              cwd=ROOT, check=False)
        with open(kept, encoding="utf-8") as file:
            seen = [json.loads(line) for line in file if line.strip()]
        figures = [["targets", len(seen)], ["runs", f"{sum(it['runs'] for it in seen):,}"],
                   ["inputs that break a property", sum(it["crashes"] for it in seen)]]
        figures += [[f"`{it['target']}`", f"{it['runs']:,} runs, {it['coverage']:,} edges"] for it in seen]
        broken = [f"{it['target']}: scripts/fuzz says which input" for it in seen if it["crashes"]]
        if done.returncode and not broken:
            broken = [f"scripts/fuzz ended with {done.returncode}"]
        return {"figures": figures, "notes": [], "violations": broken}


PARTS = {
    "access": Program(
        "`access` over its whole input space",
        """\
What a session opens is decided by one pure function. Every combination of its arguments, discretised where they are times and numbers, is
decided once by it and once by the rules written down independently, as a table.""",
        "access",
    ),
    "exploration": Program(
        "Every state walked",
        """\
Breadth first from furnished accounts over the flows and the SQL that are shipped, on SQLite in memory: every request that a page can make
by two users, their browsers and an attacker who holds a password, and every move of the clock. States are told apart by the whole contents
of the database, with identifiers, tokens and epochs made comparable, and by what each browser holds. What must hold is known by an oracle of
its own, which never reads a decision of the program: it remembers which proofs each browser gave.""",
        "explore",
    ),
    "guards": guards.Guards(),
    "fuzzing": Fuzz(),
    "http": Program(
        "A million requests from a grammar",
        """\
Requests made up from a grammar of the routes, fields, headers, cookies and bodies, well and badly formed, by people who take the steps that
they are led to: in process, without a socket. No panic, no 5xx, our headers on every answer, and memory that does not grow.""",
        "http-fuzz", "--requests", "1000000",
    ),
    "faults": Program(
        "Killed, starved, cut off",
        """\
The program as it is shipped, with durability settings as shipped, on both databases: `kill -9` of the server and of PostgreSQL under load; the
sync of a commit before its answer, seen by strace; a disk that is full or read-only; PostgreSQL stopped, hanging or cut off; a clock that
jumps. What was acknowledged is looked for afterwards.""",
        "faults", needs=[BINARY],
    ),
    "nodes": Program(
        "Two nodes on one PostgreSQL",
        """\
Each single-use thing is taken by 64 requests at once over both nodes; then a history of requests, with nodes that are frozen, killed and cut
off from the database, is held against "spent once" and "revoked stays revoked, on the other node within one second".""",
        "nodes", needs=[BINARY],
    ),
    "secrets": Program(
        "Where secrets are",
        """\
Known passwords, codes, keys and tokens are driven through every flow of the real program, which logs at its most talkative, and searched for
in every usual encoding: in logs, error pages, other people's pages, the database's files, a backup, the audit export, mail, and in the
memory of the process after the request.""",
        "secrets", needs=[BINARY],
    ),
    "enumeration": Program(
        "Nothing tells who has a login",
        """\
Pairs that a stranger must not tell apart are asked in turn: the same bytes, one hash in each, and a classifier that has only the time to go by
and must not do better than guessing (area under the curve within 0.50 ± 0.03).""",
        "enumeration",
    ),
}
