"""Prints what came of a chaos run: a row for each kind of fault, the totals, and what is wrong."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.chaos.findings import Result
from bench.chaos.kinds import Kind
from bench.chaos.review import Aftermath
from bench.chaos.schedule import Planned
from bench.chaos.strike import Strike
from bench.chaos.usage import OWN

FOREIGN = "foreign"
_COUNTED = {
    "due": "due",
    "sent": "sent",
    "held back": "held",
    "503": "unavailable",
    "answers lost": "unknown",
    "connections refused": "not_sent",
}


class Row(NamedTuple):
    """What is said about one kind of fault.

    Attributes:
        kind: which.
        promised: how often it was planned.
        injected: how often it happened, with proof.
        proof: how the last one was proved, or why the last failure happened.
        median: seconds until jobs completed again, typically.
        worst: at worst.
        standstill: the longest time without a result that began then, or soon after.
        rerun: seconds until executions in vain were begun again, at worst.
        extra: executions in vain.
        in_flight: executions that may have been hit.
    """

    kind: Kind
    promised: int
    injected: int
    proof: str
    median: float | None
    worst: float | None
    standstill: float
    rerun: float | None
    extra: int
    in_flight: int


def rows_of(result: Result) -> list[Row]:
    """Return a row for each kind that was planned."""
    met = list(zip(result.strikes, result.reckoning.aftermaths, strict=True))
    kinds = [kind for kind in Kind if any(strike.planned.kind is kind for strike, _ in met)]
    return [_row(kind, [each for each in met if each[0].planned.kind is kind]) for kind in kinds]


def print_schedule(schedule: Sequence[Planned], seed: int, console: Console) -> None:
    """Print what a run would do."""
    table = _table(f"seed {seed}, {len(schedule)} faults")
    for heading in ("at", "fault", "target", "for"):
        table.add_column(heading, justify="right" if heading in ("at", "for") else "left")
    for planned in schedule:
        held = f"{planned.seconds:.2f} s" if planned.seconds else ""
        table.add_row(f"{planned.at:.2f} s", planned.kind, planned.target, held)
    console.print(table)


def print_result(result: Result, console: Console) -> None:
    """Print the tables, and the problems in red."""
    console.print(_faults_table(result))
    for line in ("", *_jobs(result), _load(result), _overhead(result), *_ending(result)):
        console.print(line, soft_wrap=True)


def print_json(result: Result, console: Console) -> None:
    """Print everything as one JSON document."""
    console.print(json.dumps(as_json(result), indent=2), soft_wrap=True, markup=False, highlight=False)


def as_json(result: Result) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "seed": result.seed,
        "rate": result.rate,
        "verdict": result.verdict.as_json(),
        "kinds": [row._asdict() for row in rows_of(result)],
        "faults": [_strike_json(strike) for strike in result.strikes],
        "unexcused_standstill": result.reckoning.unexcused,
        "unexplained": len(result.reckoning.unexplained),
        "unaccepted": _unaccepted(result),
        "drained": result.drained,
        "load": {**result.burden._asdict(), "share": result.burden.share},
        "lateness": lateness(result.strikes),
        "cores": {role: round(cores, 4) for role, cores in result.cores.items()},
        "problems": result.problems,
    }


def lateness(strikes: Sequence[Strike]) -> dict[str, float]:
    """Return how late the schedule ran, in seconds."""
    late = [strike.late for strike in strikes if strike.began is not None]
    return {"median": median(late), "max": max(late)} if late else {}


def _row(kind: Kind, met: Sequence[tuple[Strike, Aftermath | None]]) -> Row:
    strikes = [strike for strike, _ in met]
    aftermaths = [aftermath for _, aftermath in met if aftermath is not None]
    recoveries = [each.completing for each in aftermaths if each.completing is not None]
    failures = [strike.failure for strike in strikes if strike.failure]
    return Row(
        kind,
        promised=len(strikes),
        injected=sum(strike.injected for strike in strikes),
        proof=(failures or [strike.proof for strike in strikes])[-1],
        median=median(recoveries) if recoveries else None,
        worst=max(recoveries, default=None),
        standstill=max((each.standstill for each in aftermaths), default=0.0),
        rerun=max((each.rerun for each in aftermaths if each.rerun is not None), default=None),
        extra=sum(each.extra for each in aftermaths),
        in_flight=sum(each.in_flight for each in aftermaths),
    )


def _faults_table(result: Result) -> Table:
    table = _table(f"seed {result.seed}, {len(result.strikes)} faults")
    table.add_column("fault", no_wrap=True)
    for heading in (
        "done",
        "completing\nagain after",
        "worst",
        "longest\nstandstill",
        "run again\nafter",
        "extra\nruns",
        "of",
    ):
        table.add_column(heading, justify="right")
    table.add_column("proof (of the last)")
    for row in rows_of(result):
        done = f"{row.injected} of {row.promised}"
        table.add_row(
            row.kind,
            done if row.injected == row.promised else f"[bold red]{done}[/]",
            _seconds(row.median),
            _seconds(row.worst),
            _seconds(row.standstill),
            _seconds(row.rerun),
            f"{row.extra:,}",
            f"{row.in_flight:,}" if row.in_flight else "–",
            escape(row.proof),
        )
    return table


def _jobs(result: Result) -> list[str]:
    verdict = result.verdict
    ended = "never" if result.drained is None else f"{result.drained:.1f} s after the last submit"
    figures = {
        "accepted": f"{verdict.accepted:,}",
        "completed": f"{verdict.completed:,}",
        "failed": f"{verdict.failed:,}",
        "lost": _must_be_none(verdict.lost),
        "doubled outcomes": _must_be_none(verdict.doubled),
        "extra executions": f"{verdict.extra:,} (of {verdict.allowed_extra:,} that such faults met)",
        "all ended:": ended,
    }
    unaccepted = f"{_unaccepted(result):,} more jobs are on record whose answers never reached the client."
    return [_line("Jobs", figures), f"{unaccepted} They must end once, too."]


def _load(result: Result) -> str:
    burden = result.burden
    share = "" if burden.share is None else f" ({burden.share:.0%})"
    counted = {name: f"{burden.figures.get(key, 0):,}" for name, key in _COUNTED.items()}
    outside = f"{burden.sent:,} of {burden.wanted:,.0f}{share} in {burden.quiet:.0f} s"
    accepted = f"{result.verdict.accepted:,}"
    return _line("Load", {"sent outside of outages": outside, **counted, "201": accepted})


def _overhead(result: Result) -> str:
    own = sum(cores for role, cores in result.cores.items() if role in OWN)
    system = {role: cores for role, cores in result.cores.items() if role not in (*OWN, FOREIGN)}
    parts = ", ".join(f"{role} {cores:.2f}" for role, cores in system.items())
    late = lateness(result.strikes)
    figures = {
        "harness, proxies and client": f"{own:.2f} cores",
        "the system": f"{sum(system.values()):.2f} ({parts})",
        "the rest of the machine": f"{result.cores.get(FOREIGN, 0.0):.2f}",
        "the schedule ran late by": f"{late['median']:.2f} s (median), {late['max']:.2f} s (worst)"
        if late
        else "–",
    }
    return _line("Overhead", figures)


def _line(title: str, figures: Mapping[str, str]) -> str:
    return f"[bold]{title}:[/] {'; '.join(f'{name} {value}' for name, value in figures.items())}."


def _ending(result: Result) -> list[str]:
    problems = result.problems
    if not problems:
        return ["[bold green]Nothing was lost, nothing was doubled, and every fault happened.[/]"]
    return [f"[bold red]Wrong:[/] {escape(problem)}" for problem in problems]


def _strike_json(strike: Strike) -> dict[str, Any]:
    times = {"at": strike.planned.at, "seconds": strike.planned.seconds, "late": round(strike.late, 3)}
    held = None
    if strike.struck is not None and strike.healed is not None:
        held = round(strike.healed - strike.struck, 3)
    told = {
        name: value for name, value in asdict(strike).items() if name in ("proof", "failure", "complaint")
    }
    return {"kind": strike.planned.kind, "target": strike.planned.target, **times, "held": held, **told}


def _unaccepted(result: Result) -> int:
    """Count the jobs whose client never heard that they were accepted."""
    return len(result.evidence.jobs.keys() - {job_id for job_id, _ in result.evidence.accepted})


def _must_be_none(number: int) -> str:
    return f"[bold red]{number:,}[/]" if number else "0"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
