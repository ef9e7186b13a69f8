"""What follows from the evidence: how soon things recovered, and which fault cost which execution.

Pure arithmetic. An execution is *extra* when its attempt is not one whose outcome is on record: the job had
been taken away meanwhile, and was run again. A fault explains it if it held up the worker, or its way to
PostgreSQL, while the execution ran or waited to be recorded. Nothing else may: Redis only suggests.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from bench.chaos.evidence import Evidence, Execution, Life
from bench.chaos.kinds import APIS, POSTGRES, PROFILES, WORKERS, Kind
from bench.chaos.strike import Strike

UNRECORDED = 1.0
"""Seconds after its end in which an execution may still wait to be recorded."""
_LONGEST_RUN = 60.0
_WORTH_A_LOOK = 1.0
"""Seconds without a result below which nobody cares."""
_AFTERWARDS = 3.0
"""Seconds after the healing in which workers may still be finding their way back."""
_AFTER_SILENCE = 20.0
"""Likewise, where connections stay silent: until the longest deadline on them has passed."""
_IMMEDIATE = (Kind.WORKER_KILL, Kind.WORKER_STOP)
_COSTLY = (*_IMMEDIATE, Kind.WORKER_PAUSE)


class Aftermath(NamedTuple):
    """What one fault led to.

    Attributes:
        completing: seconds from the healing to the next result on record; None if there never was one.
        standstill: the most seconds without a result on record that began between the blow and the healing,
            or soon after it.
        in_flight: executions that it may have hit.
        extra: those of them that were in vain, unless a later fault explains them.
        rerun: seconds from the blow until all of these had been begun again; None if there were none.
    """

    completing: float | None
    standstill: float
    in_flight: int
    extra: int
    rerun: float | None


class Reckoning(NamedTuple):
    """What all faults led to.

    Attributes:
        aftermaths: of each fault, in the order of the schedule; None where it didn't happen.
        extra: executions in vain.
        explained: how many executions the faults may have hit.
        unexplained: executions in vain that no fault explains.
        repeated: attempts that were executed more than once, which a claim must make impossible.
        unexcused: the most seconds without a result on record while everything was healed.
    """

    aftermaths: list[Aftermath | None]
    extra: int
    explained: int
    unexplained: list[Execution]
    repeated: int
    unexcused: float


def reckon(strikes: Sequence[Strike], evidence: Evidence) -> Reckoning:
    """Return what the faults led to."""
    runs = evidence.executions  # in the order in which they began
    in_vain = {run for run in runs if (run.job_id, run.attempt) not in evidence.counted}
    hit = [hit_by(strike, runs, evidence.lives) for strike in strikes]
    blamed: dict[Execution, int] = {}
    for index in sorted(range(len(strikes)), key=lambda index: strikes[index].struck or 0.0):
        blamed |= dict.fromkeys(in_vain.intersection(hit[index]), index)  # the latest that may have
    begun = _starts(runs)
    return Reckoning(
        aftermaths=[
            _aftermath(
                strike, hit[index], [run for run, by in blamed.items() if by == index], evidence, begun
            )
            for index, strike in enumerate(strikes)
        ],
        extra=len(in_vain),
        explained=len({run for each in hit for run in each}),
        unexplained=sorted(in_vain - blamed.keys(), key=lambda run: run.started),
        repeated=len(runs) - len({(run.job_id, run.attempt) for run in runs}),
        unexcused=max((healthy_part(gap, strikes) for gap in _gaps(evidence.completions)), default=0.0),
    )


def hit_by(strike: Strike, runs: Sequence[Execution], lives: Mapping[int, Life]) -> list[Execution]:
    """Return the executions that a fault may have hit.

    Args:
        strike: the fault.
        runs: all executions, in the order in which they began.
        lives: the worker processes, by their ids.
    """
    target = strike.planned.target
    if strike.struck is None or strike.healed is None or not _may_cost(strike.planned.kind, target):
        return []
    since, until = strike.struck, strike.healed + _lasting(strike.planned.kind)
    first = bisect_left(runs, since - _LONGEST_RUN, key=_started)
    last = bisect_right(runs, until, key=_started)
    return [
        run
        for run in runs[first:last]
        if run.ended + UNRECORDED >= since and (target not in WORKERS or lives[run.pid].worker == target)
    ]


def _may_cost(kind: Kind, target: str) -> bool:
    """Whether a fault may cost executions."""
    to_postgres = target == POSTGRES or PROFILES[kind].through == POSTGRES
    return kind in _COSTLY or (to_postgres and target not in APIS)


def _lasting(kind: Kind) -> float:
    if kind in _IMMEDIATE:
        return 0.0
    return _AFTER_SILENCE if kind is Kind.POSTGRES_SILENCE else _AFTERWARDS


def _aftermath(
    strike: Strike,
    hit: Collection[Execution],
    in_vain: Collection[Execution],
    evidence: Evidence,
    begun: Mapping[int, Sequence[float]],
) -> Aftermath | None:
    if strike.struck is None or strike.healed is None:
        return None
    later = bisect_right(evidence.completions, strike.healed)
    completing = evidence.completions[later] - strike.healed if later < len(evidence.completions) else None
    later_starts = [_next(begun[run.job_id], max(run.started, strike.struck)) for run in in_vain]
    again = max((start for start in later_starts if start is not None), default=None)
    standstill = longest_gap(evidence.completions, strike.struck, strike.healed + _AFTERWARDS)
    return Aftermath(completing, standstill, len(hit), len(in_vain), again and again - strike.struck)


def longest_gap(times: Sequence[float], since: float, until: float) -> float:
    """Return the longest time between two of these ascending times of which the first is in this span.

    The one that `since` falls into counts from there.
    """
    within = [since, *times[bisect_left(times, since) : bisect_right(times, until) + 1]]
    return max((later - sooner for sooner, later in pairwise(within)), default=0.0)


def healthy_part(gap: tuple[float, float], strikes: Sequence[Strike]) -> float:
    """Return how many seconds of a time without results nothing was broken, counted from the last healing."""
    began, ended = gap
    spans = [
        (each.struck, each.healed) for each in strikes if each.struck is not None and each.healed is not None
    ]
    until = min((max(struck, began) for struck, healed in spans if struck < ended < healed), default=ended)
    since = max((healed for _, healed in spans if began < healed < until), default=began)
    return until - since


def _gaps(times: Sequence[float]) -> list[tuple[float, float]]:
    return [(sooner, later) for sooner, later in pairwise(times) if later - sooner > _WORTH_A_LOOK]


def _starts(runs: Sequence[Execution]) -> dict[int, list[float]]:
    starts: dict[int, list[float]] = {}
    for run in runs:
        starts.setdefault(run.job_id, []).append(run.started)
    return starts


def _next(starts: Sequence[float], after: float) -> float | None:
    """Return when a job was next begun; never again, if what ran in vain was itself the second run."""
    return next((start for start in starts if start > after), None)


def _started(run: Execution) -> float:
    return run.started
