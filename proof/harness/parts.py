"""The parts of the proof: what each is, and how its long form is run."""

import json
import subprocess

from . import guards
from .figures import ROOT

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
}
