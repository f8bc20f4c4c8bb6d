"""Running a part, and keeping what it found."""

import json
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEPT = os.path.join(ROOT, "docs", "reliability")
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))


def said(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def commit():
    """What is built now: the commit, and whether more than figures was changed since."""
    changed = said("git", "status", "--porcelain", "--", ".", ":!docs/reliability", ":!docs/reliability.md",
                   ":!docs/attacks.md")
    return said("git", "rev-parse", "--short", "HEAD") + ("+" if changed else "")


def path(name):
    return os.path.join(KEPT, f"{name}.json")


def load(name):
    if not os.path.exists(path(name)):
        return None
    with open(path(name), encoding="utf-8") as file:
        return json.load(file)


def is_current(name):
    seen = load(name)
    return bool(seen) and seen["commit"] == commit() and not seen["violations"]


def run(name, part):
    began = time.time()
    found = part.run()
    kept = {
        "part": name,
        "commit": commit(),
        "date": time.strftime("%-d %B %Y", time.gmtime()),
        "seconds": round(time.time() - began),
        "commands": part.commands,
        **found,
    }
    os.makedirs(KEPT, exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=1, ensure_ascii=False)
        file.write("\n")
    for figure, value in kept["figures"]:
        print(f"  {figure}: {value}", flush=True)
    for violation in kept["violations"]:
        print(f"  DOES NOT HOLD: {violation}", flush=True)
    return kept
