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


PARTS = {
    "guards": guards.Guards(),
}
