"""Where things are."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCHMARKS = os.path.join(ROOT, "benchmarks")
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
# Everything that is fetched or made, never committed.
SCRATCH = os.path.join(TARGET, "bench")
LOAD = os.path.join(SCRATCH, "load")
RELEASE = os.path.join(TARGET, "release")
VESTIBULE, BARE, SEAL = (os.path.join(RELEASE, name) for name in ("vestibule", "bare", "seal"))
DOCUMENT = os.path.join(ROOT, "docs", "performance.md")
CHARTS = os.path.join(ROOT, "docs", "performance")
FIGURES = os.path.join(CHARTS, "figures.json")
