"""Asking some times, one after the other."""

import statistics


def timed(times, ask):
    """Median and slowest, in milliseconds, after two that do not count."""
    took = [ask().milliseconds for _ in range(times + 2)][2:]
    return {"median": statistics.median(took), "slowest": max(took)}
