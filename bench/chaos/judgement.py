"""Brings the witnesses together, and comes to a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from bench.chaos.burden import weigh
from bench.chaos.evidence import Life, gather
from bench.chaos.findings import Result
from bench.chaos.review import reckon
from bench.chaos.strike import Strike
from bench.faults.ledger import Record
from bench.faults.verdict import Judge


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge.

    Attributes:
        database_url: where the record and its witness are.
        accepted: the file of ids that clients were given.
        ledger: what handlers did.
        notes: what the clients did each second.
        lives: the worker processes, by their ids.
        strikes: the faults.
    """

    database_url: str
    accepted: Path
    ledger: Path
    notes: Sequence[Path]
    lives: Mapping[int, Life]
    strikes: Sequence[Strike]


async def judge(
    case: Case,
    *,
    seed: int,
    rate: float,
    cores: Mapping[str, float],
    drained: float | None,
    complaints: Sequence[str] = (),
) -> Result:
    """Judge a case.

    Args:
        case: what there is to judge.
        seed, rate, cores, drained, complaints: as in `Result`.
    """
    record = Record(case.ledger)
    connection = await asyncpg.connect(case.database_url)
    try:
        evidence = await gather(connection, case.accepted, record, case.notes, case.lives)
    finally:
        await connection.close()
    accepted = [job_id for job_id, _ in evidence.accepted]
    injected = sum(strike.injected for strike in case.strikes)
    verdict = await Judge(case.database_url).verdict(
        "chaos", accepted, record, faults=injected, recovered=drained
    )
    reckoning = reckon(case.strikes, evidence)
    return Result(
        seed=seed,
        rate=rate,
        strikes=case.strikes,
        # A retry that the handler asked for is no extra execution, so the ledger alone can't tell.
        verdict=replace(verdict, extra=reckoning.extra, allowed_extra=reckoning.explained),
        evidence=evidence,
        reckoning=reckoning,
        burden=weigh(evidence.seconds, case.strikes, rate),
        cores=dict(cores),
        drained=drained,
        complaints=complaints,
    )
