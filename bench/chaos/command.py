"""`python -m bench chaos`: draws the schedule, runs it, prints what came of it."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.chaos.display import Display
from bench.chaos.findings import Result
from bench.chaos.kinds import Kind
from bench.chaos.report import print_json, print_result, print_schedule
from bench.chaos.schedule import draw_schedule
from bench.chaos.soak import Order, soak
from bench.failure import BenchError

SHORTEST = 5.0
"""Seconds below which a run would prove nothing."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command.

    Attributes:
        minutes: how long jobs are submitted.
        seed: for the schedule; None to choose one.
        rate: submissions per second.
        kinds: the faults to draw from; empty for all.
        as_json: print one JSON document.
        keep: leave the directory with data, logs and ledgers.
        plan: only print the schedule.
    """

    minutes: float
    seed: int | None
    rate: float
    kinds: Sequence[Kind]
    as_json: bool
    keep: bool
    plan: bool


def run_chaos(wishes: Wishes, console: Console, remarks: Console) -> bool:
    """Do what is wished; return whether all was well.

    Args:
        wishes: the options.
        console: for the report.
        remarks: for what isn't part of it.

    Raises:
        TorilError: it could not be run; says why.
    """
    seed = random.randrange(1_000_000) if wishes.seed is None else wishes.seed
    seconds = wishes.minutes * 60
    schedule = draw_schedule(seed, seconds, wishes.kinds or tuple(Kind))
    if seconds < SHORTEST or not schedule:
        raise BenchError(f"No fault fits into {seconds:g} seconds.", hint="Give it more --minutes.")
    if wishes.plan:
        print_schedule(schedule, seed, console)
        return True
    remarks.print(f"Seed {seed}: the same seed and options repeat the same schedule.", soft_wrap=True)
    directory = Path(tempfile.mkdtemp(prefix="toril-chaos-"))
    try:
        with Display() as display:
            order = Order(schedule, seconds, seed, wishes.rate)
            result = asyncio.run(soak(order, directory, display))
    finally:
        if wishes.keep:
            remarks.print(f"Kept: {directory}", soft_wrap=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return conclude(result, console, as_json=wishes.as_json)


def conclude(result: Result, console: Console, *, as_json: bool) -> bool:
    """Print what came of a run; return whether all was well."""
    (print_json if as_json else print_result)(result, console)
    return not result.problems
