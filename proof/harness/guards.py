"""Leaving out one guard at a time, in a build that is made for this alone, and seeing what notices."""

import json
import os
import re
import subprocess
import tomllib

from .figures import ROOT, TARGET

TABLE = os.path.join(ROOT, "proof", "guards.toml")
# Apart from the usual builds: this one can leave guards out.
FOLDER = os.path.join(TARGET, "prove")
BUILD = ["cargo", "test", "--locked", "--no-run", "--message-format=json", "--target-dir", FOLDER,
         "--features", "vestibule-proof/prove", "-p", "vestibule-domain", "-p", "vestibule-store",
         "-p", "vestibule-flows", "-p", "vestibule-web", "-p", "vestibule", "-p", "vestibule-proof"]
VARIABLE = "VESTIBULE_PROVE_WITHOUT"
SECONDS = 300
# Tried one after the other where the table names nothing that notices.
ALL = [("access", ""), ("short", "access"), ("vestibule_web", ""), ("conformance", "on_sqlite"), ("races", "sqlite"), ("short", ""),
       ("stories", "on_sqlite")]


class Guards:
    title = "Each guard left out in turn"
    about = """\
A guard is a condition that the security of a sign-in hangs on. Each is marked where it stands, in Rust by `guard!("name", …)`, in SQL
by `/*guard name*/ … /*end*/` (`crates/guards`); a conditional write without a mark fails the build's tests. In a build that is made for this
alone, behind a cargo feature that nothing else turns on, one guard at a time counts as met whatever it says, and something has to notice: a
test, or the exploration. What nothing notices is explained one by one."""
    commands = ["scripts/prove guards"]

    def run(self):
        self.programs = build()
        violations = [] if can_leave_out(self.programs["stories"]) else ["the build cannot leave out anything"]
        found, notes, kept = [], [], []
        names = marked()
        with open(TABLE, "rb") as file:
            table = tomllib.load(file)
        for name in table.keys() - names.keys():
            violations.append(f"proof/guards.toml names {name}, which is marked nowhere")
        explained = 0
        for number, (name, places) in enumerate(names.items(), 1):
            entry = table.get(name, {})
            caught = self.caught_by(name, entry.get("tests", []), wide="survives" not in entry)
            print(f"  {number} of {len(names)} {name}: {', '.join(caught) or 'not noticed'}", flush=True)
            kept.append({"guard": name, "places": places, "caught_by": caught, "survives": entry.get("survives")})
            if caught:
                continue
            if "survives" in entry:
                explained += 1
            else:
                violations.append(f"nothing notices that {name} ({places}) is left out")
        os.makedirs(os.path.join(ROOT, "docs", "reliability"), exist_ok=True)
        with open(os.path.join(ROOT, "docs", "reliability", "guards-left-out.json"), "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1, ensure_ascii=False)
            file.write("\n")
        found.append(["guards left out, one at a time", len(names)])
        found.append(["of them in SQL", sum("store/" in guard["places"] for guard in kept)])
        found.append(["noticed by a test or the exploration", sum(bool(guard["caught_by"]) for guard in kept)])
        found.append(["not noticed, and explained", explained])
        return {"figures": found, "notes": notes, "violations": violations}

    def report(self, program, arguments):
        return subprocess.run([self.programs[program], *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    def caught_by(self, name, tests, wide):
        """The tests that fail without this guard: those of the table first, then any."""
        for program, words in [*[(test.split(" ", 1) + [""])[:2] for test in tests], *(ALL if wide else [])]:
            environment = {**os.environ, VARIABLE: name, "RUST_BACKTRACE": "0"}
            try:
                done = subprocess.run([self.programs[program], *words.split()], cwd=folder_of(program),
                                      capture_output=True, text=True, check=False, env=environment, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                return [f"{program}: does not come to its end"]
            if done.returncode != 0:
                failed = re.findall(r"^    (\S+)$", done.stdout.split("failures:")[-1], re.M)
                return failed or [f"{program} {words}".strip()]
        return []

    def more(self, seen):
        del seen
        with open(os.path.join(ROOT, "docs", "reliability", "guards-left-out.json"), encoding="utf-8") as file:
            kept = json.load(file)
        rows = []
        for guard in kept:
            caught = guard["caught_by"]
            noticed = f"`{caught[0]}`" + (f" and {len(caught) - 1} more" if len(caught) > 1 else "") if caught else "–"
            rows.append(f"| {guard['guard']} | {guard['places']} | {noticed} |\n")
        text = "| guard | where | noticed by |\n|---|---|---|\n" + "".join(rows) + "\n"
        for guard in kept:
            if not guard["caught_by"] and guard["survives"]:
                text += f"- **{guard['guard']}** is not noticed: {guard['survives']}\n"
        return text + "\n"


def build():
    """The test programs by the names of their targets."""
    done = subprocess.run(BUILD, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    programs = {}
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said.get("reason") == "compiler-artifact" and said.get("executable") and said["profile"]["test"]:
            programs[said["target"]["name"]] = said["executable"]
    return programs


def can_leave_out(program):
    """What `scripts/test` does not find in the release binary is found here."""
    with open(program, "rb") as file:
        return VARIABLE.encode() in file.read()


def folder_of(program):
    """Tests run in the folder of their package, as cargo runs them."""
    packages = {"conformance": "store", "races": "flows", "access": "domain", "properties": "domain", "short": "proof",
                "vestibule_web": "web", "vestibule_domain": "domain"}
    return os.path.join(ROOT, "crates", packages.get(program, "vestibule"))


def marked():
    """The guards by name, with where they stand."""
    command = ["cargo", "run", "--locked", "--quiet", "-p", "vestibule-proof", "--", "marks"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    rows = json.loads(done.stdout.strip().splitlines()[-1])["figures"]
    return {name: places for name, places in rows if "crates/" in places}
