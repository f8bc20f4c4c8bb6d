"""docs/performance.md and its charts, from the figures alone."""

import os

from . import aims, charts, paths, sections
from .words import spread, table

HEAD = """\
# What it costs, measured

Written by `scripts/bench`, which measures Vestibule beside what it cannot beat (nginx answering `204`, a
handler that only hashes) and beside what one would pick instead (better-auth, django-allauth), in turn, in
one run, on one machine, and writes this page. The figures of another machine are others; the ratios carry
further. Figures are medians of {rounds} rounds, with the smallest and the largest in brackets.
"""
QUICK = """\
**This was a quick run (`--quick`): it shows that the script works. Do not quote it.**
"""


def write(figures):
    plan = figures.get("plan")
    lines = [HEAD.format(rounds=plan["rounds"])]
    if plan["quick"]:
        lines.append(QUICK)
    lines += sections.machine(figures)
    lines += ["## The aims", ""]
    lines += table(["", "aim", "reached", ""],
                   [[aim.what, aim.aim, spread(aim.reached, aim.unit), aim.verdict()] for aim in aims.aims(figures)])
    lines += sections.gate(figures) + sections.sign_in(figures) + sections.hashing(figures)
    lines += sections.users(figures) + sections.footprint(figures) + sections.pages(figures)
    lines += sections.not_comparable() + sections.profile() + sections.commands(figures)
    with open(paths.DOCUMENT, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip() + "\n")
    draw(figures)


def draw(figures):
    os.makedirs(paths.CHARTS, exist_ok=True)
    for name, chart in {"throughput": throughput(figures), "latency": latency(figures)}.items():
        with open(os.path.join(paths.CHARTS, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(chart.svg())


def point(values):
    return aims.median(values), min(values), max(values)


def throughput(figures):
    steps = figures.get("plan", "connections")
    chart = charts.Chart("How many session checks a second", "kept-alive connections",
                         "requests a second, logarithmic; median and range of the rounds", steps)
    names = {
        "nginx, return 204": aims.NGINX, "Vestibule's gate": aims.OURS, "better-auth": ["better-auth"],
        "django-allauth": ["django-allauth"],
    }
    order = ("Vestibule's gate", "nginx, return 204", "better-auth", "django-allauth")
    for name, colour in zip(order, charts.COLOURS):
        rates = [figures.series("gate", aims.best(figures, names[name], step), step, "rate") for step in steps]
        chart.lines.append(charts.Line(name, colour, [point(values) for values in rates]))
    return chart


def latency(figures):
    sizes = figures.get("plan", "sizes")
    chart = charts.Chart("How long it takes with so many users", "users", "milliseconds, logarithmic; median of the "
                         "rounds and their range", [f"{size:,}" for size in sizes])
    for act, colour in zip(aims.ACTS, charts.COLOURS):
        for database in aims.DATABASES:
            points = [point(aims.act_times(figures, database, size, act)) for size in sizes]
            line = charts.Line(f"{act}, {database}", colour, points, is_dashed=database == "PostgreSQL")
            chart.lines.append(line)
    return chart
