"""Prints a report: tables for people, or one JSON document."""

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.experiment import Proof, Result
from bench.figures import Figure, Values, spread
from bench.session import Report

NOISY = 0.2
"""Cores busy with something else from which on a person is warned."""


def print_tables(report: Report, console: Console) -> None:
    """Print the machine, a table for each variant, their ratios, and what became of the jobs."""
    console.print(str(report.machine), soft_wrap=True)
    for variant in report.results:
        console.print(_runs_table(report, variant))
    if len(report.results) > 1:
        console.print(_ratio_table(report))
    for line in (*_noise_lines(report), *_proof_lines(report.proofs)):
        console.print(line, soft_wrap=True)


def print_json(report: Report, console: Console) -> None:
    """Print everything as one JSON document."""
    console.print(json.dumps(as_json(report), indent=2), soft_wrap=True, markup=False, highlight=False)


def as_json(report: Report) -> dict[str, Any]:
    """Return the JSON document."""
    plan = report.plan
    return {
        "benchmark": plan.experiment.name,
        "options": asdict(plan.experiment) | {"runs": plan.runs, "interop": list(plan.interop)},
        "machine": asdict(report.machine),
        "units": {figure.key: figure.unit for figure in plan.experiment.figures},
        "runs": [
            _run_json(variant, number, result)
            for variant, results in report.results.items()
            for number, result in enumerate(results, 1)
        ],
        "medians": {variant: _medians(report, variant) for variant in report.results},
        "exactly_once": all(proof.exactly_once for proof in report.proofs),
    }


def _run_json(variant: str, number: int, result: Result) -> dict[str, Any]:
    figures = {key: round(value, 4) for key, value in result.values.items()}
    proof = None if result.proof is None else result.proof._asdict()
    return {"interop": variant, "run": number, "figures": figures, "jobs": proof}


def _medians(report: Report, variant: str) -> Values:
    runs = report.values(variant)
    found = {figure.key: spread(runs, figure.key) for figure in report.plan.experiment.figures}
    return {key: round(each.median, 4) for key, each in found.items() if each is not None}


def _runs_table(report: Report, variant: str) -> Table:
    """Return one variant's table: a column for each run, and what they come to."""
    plan, runs = report.plan, report.values(variant)
    several = len(runs) > 1
    table = _table(f"{plan.experiment.name}, {plan.experiment.jobs:,} jobs, interop {variant}")
    for number in range(1, len(runs) + 1):
        table.add_column(f"run {number}", justify="right")
    for heading in ("median", "min–max") if several else ():
        table.add_column(heading, justify="right", style="bold" if heading == "median" else None)
    for figure in plan.experiment.figures:
        found = spread(runs, figure.key)
        cells = [_shown(figure, run.get(figure.key)) for run in runs]
        if several:
            cells.append(_shown(figure, found and found.median))
            cells.append(f"{_shown(figure, found.low)}–{_shown(figure, found.high)}" if found else "–")
        table.add_row(figure.label, figure.unit, *cells)
    return table


def _ratio_table(report: Report) -> Table:
    """Return the variants' medians side by side, and their ratios to the first."""
    base, *others = report.results
    medians = {variant: _medians(report, variant) for variant in report.results}
    table = _table("medians side by side")
    for variant in report.results:
        table.add_column(variant, justify="right")
    for other in others:
        table.add_column(f"{other} / {base}", justify="right", style="bold")
    for figure in report.plan.experiment.figures:
        found = [medians[variant].get(figure.key) for variant in report.results]
        cells = [_shown(figure, value) for value in found]
        cells += [_ratio(found[0], value) for value in found[1:]]
        table.add_row(figure.label, figure.unit, *cells)
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("unit")
    return table


def _shown(figure: Figure, value: float | None) -> str:
    return "–" if value is None else f"{value:,.{figure.digits}f}"


def _ratio(base: float | None, value: float | None) -> str:
    return f"{value / base:.2f}" if base and value is not None else "–"


def _noise_lines(report: Report) -> list[str]:
    foreign = max(run["foreign"] for variant in report.results for run in report.values(variant))
    if foreign < NOISY:
        return []
    busy = f"up to {foreign:.2f} cores of this machine were busy with something else"
    return [f"[bold yellow]Noisy:[/] {busy}. Run it again when it is quiet, or take more runs."]


def _proof_lines(proofs: list[Proof]) -> list[str]:
    if not proofs:
        return ["Every job that was accepted is on record."]
    if all(proof.exactly_once for proof in proofs):
        return [f"Each of {sum(proof.jobs for proof in proofs):,} jobs ran exactly once and is on record."]
    return [
        f"[bold red]Wrong:[/] of {proof.jobs:,} jobs {proof.run:,} ran, {proof.repeated:,} of them more than"
        f" once, and {proof.completed:,} are on record as completed."
        for proof in proofs
        if not proof.exactly_once
    ]
