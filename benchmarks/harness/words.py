"""How figures and tables are written."""

from .figures import median


def number(value):
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values, unit=""):
    """Median, and the range of the rounds."""
    return f"{number(median(values))}{unit} ({number(min(values))}–{number(max(values))})"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, head)) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]
