"""A chaos run's judgement of real rows and fabricated ledgers: whatever is wrong is said."""

import json
import os
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path

import pytest
from bench.chaos.command import conclude
from bench.chaos.evidence import Life
from bench.chaos.findings import Result
from bench.chaos.judgement import Case, judge
from bench.faults.ledger import Ledger
from bench.faults.verdict import Judge
from rich.console import Console
from tests.integration.store.situations import claim, new, submit

from toril.bootstrap import Core
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision
from toril.store.connection import Lane
from toril.store.jobs import Finish

Judged = Callable[[], Awaitable[Result]]
Run = Callable[..., Awaitable[int]]


@pytest.fixture
async def watched(core: Core) -> None:
    """The witness is in place."""
    await Judge(core.settings.database_url).watch()


@pytest.fixture
def run(core: Core, lane: Lane, tmp_path: Path, watched: None) -> Run:
    """Submit a job, run it as a worker would, and note all of it."""

    async def go(key: int, *, ended: bool = True) -> int:
        (job_id,) = await submit(lane, core.jobs, new("plain", payload=json.dumps({"key": key})))
        with (tmp_path / "accepted").open("a") as accepted:
            accepted.write(f"{job_id} {key}\n")
        (job,) = await claim(lane, core.jobs, [job_id])
        ledger = Ledger(tmp_path / "ledger")
        ledger.started(job_id, 1)
        ledger.ended(job_id, 1)
        if ended:
            done = Decision(Event.COMPLETE, result=json.dumps({"attempt": job.attempt}))
            await core.jobs.complete(lane, [Finish(job_id, 1, done)])
        return job_id

    return go


@pytest.fixture
def judged(core: Core, tmp_path: Path) -> Judged:
    """Judge what was run, as under a load that was all that was wanted."""

    async def go() -> Result:
        notes = tmp_path / "client-0001.jsonl"
        notes.write_text(json.dumps({"since": 0.0, "at": 1.0, "strange": "", "sent": 10}) + "\n")
        url, pid = core.settings.database_url, os.getpid()
        lives = {pid: Life("worker 1", float("inf"))}
        case = Case(url, tmp_path / "accepted", tmp_path / "ledger", [notes], lives, [])
        return await judge(case, seed=1, rate=10, cores={}, drained=0.1)

    return go


def concluded(result: Result) -> tuple[bool, str]:
    """Whether the command would say that all was well, and what it prints."""
    console = Console(file=StringIO(), width=120)
    return conclude(result, console, as_json=False), console.file.getvalue()  # type: ignore[attr-defined]


async def test_jobs_that_all_ended_once_are_no_reason_to_complain(run: Run, judged: Judged) -> None:
    await run(1)
    await run(2)
    result = await judged()
    assert result.problems == []
    assert (result.verdict.accepted, result.verdict.completed) == (2, 2)
    fine, printed = concluded(result)
    assert fine
    assert "Nothing was lost, nothing was doubled, and every fault happened." in printed


async def test_an_accepted_job_that_never_ended_is_lost(run: Run, judged: Judged) -> None:
    await run(1)
    await run(2, ended=False)
    result = await judged()
    assert result.verdict.lost == 1
    assert "1 accepted jobs are lost" in result.problems
    fine, printed = concluded(result)
    assert not fine
    assert "Wrong: 1 accepted jobs are lost" in printed


async def test_an_accepted_job_that_is_not_on_record_is_lost(run: Run, judged: Judged, lane: Lane) -> None:
    await lane.fetch("delete from toril.jobs where id = $1", await run(1))
    result = await judged()
    assert "1 accepted jobs are lost" in result.problems
    assert not concluded(result)[0]


async def test_a_job_that_ended_twice_is_doubled(run: Run, judged: Judged, lane: Lane) -> None:
    await lane.fetch("update toril.jobs set finished_at = now() where id = $1", await run(1))
    result = await judged()
    assert result.verdict.doubled == 1
    assert "1 jobs ended more than once" in result.problems
    fine, printed = concluded(result)
    assert not fine
    assert "doubled outcomes 1" in printed


async def test_an_execution_that_no_fault_explains_is_told(run: Run, judged: Judged, tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger").started(await run(1), 2)
    result = await judged()
    assert any("explained by no fault" in problem for problem in result.problems)
    assert not concluded(result)[0]


async def test_the_json_document_says_the_same(run: Run, judged: Judged) -> None:
    await run(1, ended=False)
    console = Console(file=StringIO(), width=120)
    assert not conclude(await judged(), console, as_json=True)
    document = json.loads(console.file.getvalue())  # type: ignore[attr-defined]
    assert document["verdict"]["lost"] == 1
    assert not document["verdict"]["held"]
    assert "1 accepted jobs are lost" in document["problems"]
