"""docs/reliability.md, from the figures that are kept."""

import os

from . import figures

HEAD = """\
# What was tried against it

Written by `scripts/prove` from the figures in `docs/reliability/`, each with the commit that it ran on. Whoever
doubts a figure runs the command above it. `scripts/test` runs a short form of every part at each change; the
[attack catalogue](attacks.md) says which published bypass is tried by which test.

"""


def write(parts):
    text = [HEAD]
    for name, part in parts.items():
        seen = figures.load(name)
        text.append(f"## {part.title}\n\n{part.about}\n\n")
        if not seen:
            text.append("It has not been run yet.\n\n")
            continue
        text.append("```\n" + "\n".join(seen["commands"]) + "\n```\n\n")
        minutes, seconds = divmod(seen["seconds"], 60)
        text.append(f"Commit {seen['commit']}, {seen['date']}, {minutes} min {seconds} s.\n\n")
        if seen["figures"]:
            text.append("| | |\n|---|---|\n")
            text.extend(f"| {name} | {value} |\n" for name, value in shown(seen["figures"]))
            text.append("\n")
        text.extend(f"{note}\n\n" for note in seen["notes"])
        if seen["violations"]:
            text.append("**What does not hold:**\n\n")
            text.extend(f"- {violation}\n" for violation in seen["violations"])
            text.append("\n")
        if hasattr(part, "more"):
            text.append(part.more(seen))
    with open(os.path.join(figures.ROOT, "docs", "reliability.md"), "w", encoding="utf-8") as file:
        file.write("".join(text).rstrip() + "\n")


def shown(rows):
    return [(name.replace("|", "\\|"), str(value).replace("|", "\\|")) for name, value in rows]
