"""What was measured: lists of results, a result a round, under names. Kept as JSON, so that the
report can be written again without measuring."""

import json
import os
import statistics


class Figures:
    def __init__(self, kept=None):
        self.kept = kept or {}

    def add(self, *names_and_result):
        *names, result = names_and_result
        place = self.kept
        for name in names[:-1]:
            place = place.setdefault(str(name), {})
        place.setdefault(str(names[-1]), []).append(result)
        shown = ", ".join(f"{name} {value:,.2f}" for name, value in result.items()
                          if name in ("rate", "p50", "p99", "median")) if isinstance(result, dict) else result
        print(" ", *names, shown, flush=True)

    def put(self, name, value):
        self.kept[name] = value

    def get(self, *names):
        place = self.kept
        for name in names:
            place = place[str(name)]
        return place

    def has(self, *names):
        try:
            return bool(self.get(*names))
        except KeyError:
            return False

    def series(self, *names):
        """One value a round: the last name is that of the value in the result."""
        *path, value = names
        return [result[value] for result in self.get(*path)]

    def save(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.kept, file, indent=1)
            file.write("\n")

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file))


def median(values):
    return statistics.median(values)


def ratios(above, below):
    """Round by round: what was measured one right after the other."""
    return [a / b for a, b in zip(above, below)]
