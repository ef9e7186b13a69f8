"""What is measured, by name and unit, and the arithmetic on it: percentiles, medians, CPU per job."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from bench.meter import HARNESS, Used

Values = dict[str, float]
"""The figures of one run, by key. What could not be measured is left out."""


class Figure(NamedTuple):
    """One line of a result.

    Attributes:
        key: as in the JSON document.
        label: for people.
        unit: likewise.
        digits: decimals that are shown.
    """

    key: str
    label: str
    unit: str
    digits: int = 0


class Spread(NamedTuple):
    """A figure over several runs."""

    median: float
    low: float
    high: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile of ascending values, interpolated between its two neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def milliseconds(first: Sequence[float], last: Sequence[float]) -> list[float]:
    """Return the times between two columns of Unix times, in ascending order."""
    return sorted((until - since) * 1e3 for since, until in zip(first, last, strict=True))


def percentiles(prefix: str, ordered: Sequence[float]) -> Values:
    """Return the usual percentiles of ascending values."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {f"{prefix}_{name}": percentile(ordered, share) for name, share in shares.items()}


def latency_figures(prefix: str, label: str) -> list[Figure]:
    """Return the lines for what `percentiles` returns."""
    return [Figure(f"{prefix}_{name}", f"{label}, {name}", "ms", 2) for name in ("p50", "p90", "p99", "max")]


def cpu(used: Used, jobs: int) -> Values:
    """Return the CPU per job of each role, and what disturbed the measurement.

    Args:
        used: what was used.
        jobs: for how many jobs. None at all means that they were done before anybody looked: no figure then.
    """
    roles = {role: seconds for role, seconds in used.cpu.items() if role != HARNESS}
    per_job = {f"cpu_{role}": seconds / jobs * 1e6 for role, seconds in roles.items() if jobs}
    total = {"cpu_total": sum(per_job.values())} if jobs else {}
    return (
        per_job
        | total
        | {
            "harness": used.cpu[HARNESS] / used.seconds,
            "foreign": used.foreign,
            "window": used.seconds,
        }
    )


def cpu_figures(*roles: str, per: str = "job") -> list[Figure]:
    """Return the lines for what `cpu` returns."""
    return [
        *(Figure(f"cpu_{role}", f"CPU of {role}", f"µs/{per}", 1) for role in roles),
        Figure("cpu_total", "CPU of all these", f"µs/{per}", 1),
        Figure("harness", "noise: this program", "cores", 2),
        Figure("foreign", "noise: everything else", "cores", 2),
        Figure("window", "measured for", "s", 2),
    ]


def spread(runs: Sequence[Mapping[str, float]], key: str) -> Spread | None:
    """Return the median, lowest and highest value of a figure over runs; None when no run has it."""
    values = [run[key] for run in runs if key in run]
    return Spread(median(values), min(values), max(values)) if values else None
