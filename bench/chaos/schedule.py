"""When which fault strikes whom: drawn from a seed before anything starts, so that it can be repeated.

Pure. Kinds come in rounds, each in an order of its own: all of them once before any comes again, so a short
run promises something definite, too. Faults that need the same thing never overlap; others may.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from bench.chaos.kinds import PROFILES, Kind, resources

LEAD = 2.0
"""Seconds of peace before the first fault."""
_FASTEST, _SLOWEST = 2.2, 8.0
"""Seconds from one fault to the next, on average: as short as it must be for a whole round, within these."""
_REST = 2.0
"""Seconds that what was struck is left in peace: a process has to start again."""


class Planned(NamedTuple):
    """A fault to come.

    Attributes:
        at: seconds after the start.
        kind: which.
        target: whom it strikes.
        seconds: from the blow to the healing; 0 where there is nothing to hold.
    """

    at: float
    kind: Kind
    target: str
    seconds: float

    @property
    def ends(self) -> float:
        """When it is to be healed, in seconds after the start."""
        return self.at + self.seconds


def draw_schedule(seed: int, seconds: float, kinds: Sequence[Kind] = tuple(Kind)) -> list[Planned]:
    """Return the faults of a run in the order of their times.

    Args:
        seed: the same seed gives the same schedule.
        seconds: how long the run is; every fault is healed by then.
        kinds: what to draw from.
    """
    rng = Random(seed)
    pace = min(_SLOWEST, max(_FASTEST, (seconds - LEAD) / len(kinds)))
    free_at: dict[str, float] = {}
    schedule: list[Planned] = []
    at = LEAD
    for kind in _rounds(kinds, rng):
        profile = PROFILES[kind]
        target = rng.choice(profile.targets)
        held = round(rng.uniform(profile.shortest, profile.longest), 2)
        needed = resources(kind, target)
        at = round(max(at, *(free_at.get(each, 0.0) for each in needed)), 2)
        fault = Planned(at, kind, target, held)
        if fault.ends > seconds:
            return schedule
        schedule.append(fault)
        free_at |= dict.fromkeys(needed, fault.ends + _REST)
        at += pace * rng.uniform(0.6, 1.4)
    return schedule


def _rounds(kinds: Sequence[Kind], rng: Random) -> Iterator[Kind]:
    while True:
        yield from rng.sample(kinds, len(kinds))
