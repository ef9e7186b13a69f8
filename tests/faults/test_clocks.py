"""Wrong clocks: processes that are an hour ahead or behind, or whose clock jumps while they work."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bench.faults.clock import set_clock
from bench.faults.load import HttpLoad, Wire

from tests.faults.stage import LEASE, Stage, a_port
from tests.integration.cli.conftest import Running

HOUR = 3600.0
DELAY = 2.0
LATE = 3.0
"""Seconds by which a job may be late on a busy machine; the relay alone may take two of them."""


def clock(stage: Stage, name: str, offset: float) -> Path:
    """Make a wrong clock."""
    file = stage.folder / name
    set_clock(file, offset)
    return file


async def delays(stage: Stage, ids: list[int]) -> list[float]:
    """Return by how much each job's last run began after its time, by the clock of the machine."""
    due = await stage.judge.due(ids)
    record = stage.record
    starts = {job_id: record.starts(job_id)[-1].wall for job_id in ids}
    return [starts[job_id] - due[job_id] for job_id in ids]


def no_lease_was_lost(*workers: Running) -> None:
    """Make sure that nobody was taken for dead, and nothing was taken back."""
    for worker in workers:
        assert '"workers lost"' not in worker.err
        assert '"worker declared lost"' not in worker.err
        assert '"job rescued"' not in worker.err


@pytest.mark.parametrize("offset", [HOUR, -HOUR], ids=["an hour ahead", "an hour behind"])
async def test_jobs_run_when_postgresql_says_whatever_the_workers_and_the_api_believe(
    stage: Stage, offset: float, request: pytest.FixtureRequest
) -> None:
    port, wrong = a_port(), ["--clock", str(clock(stage, "wrong", offset))]
    worker, api = stage.worker(sabotage=wrong), stage.api(port, sabotage=wrong)
    await stage.working(worker)
    await stage.listening(api)

    def job(number: int) -> dict[str, object]:
        at = datetime.now(UTC) + timedelta(seconds=DELAY)
        when = ({}, {"delay": DELAY * 1000}, {"run_at": at.isoformat()})[number % 3]
        return {"name": "work_at_second_try" if number % 6 < 3 else "work", "payload": {}, **when}

    async with HttpLoad(port, rate=60, job=job, lanes=4) as load:
        await asyncio.sleep(2)
    wire = Wire(port)
    status, later = await wire.post("/jobs", job(2))
    wire.close()
    assert (status, later["status"]) == (
        201,
        "scheduled",
    )  # and not at once, as the API's clock would have it
    submitted_at = time.monotonic()
    here = await stage.submit(20, delay=DELAY)  # by somebody whose clock is right
    recovered = await stage.ended(within=20) - submitted_at
    late = await delays(stage, [*load.accepted, *here, later["id"]])
    no_lease_was_lost(worker)
    await stage.verdict(
        f"API and worker {request.node.callspec.id}",
        [*load.accepted, *here, later["id"]],
        recovered=recovered,
        figures={"earliest s": round(min(late), 3), "latest s": round(max(late), 3)},
        limits={"latest s": LATE},
    )
    assert min(late) > -0.01


async def test_a_clock_that_jumps_while_a_worker_works_costs_no_lease_and_no_job(stage: Stage) -> None:
    jumping = clock(stage, "jumping", 0.0)
    worker, other = stage.worker(sabotage=["--clock", str(jumping)]), stage.worker()
    await stage.working(worker, other)
    accepted = await stage.submit(300, seconds=0.1) + await stage.submit(100, delay=DELAY)
    for offset in (HOUR, -HOUR, 0.0, 5.0):
        set_clock(jumping, offset)
        accepted += await stage.submit(20, delay=1.0)
        await asyncio.sleep(LEASE / 2)
    await stage.ended()
    late = await delays(stage, accepted[300:])
    no_lease_was_lost(worker, other)
    await stage.verdict(
        "a worker's clock jumps",
        accepted,
        faults=4,
        figures={"earliest s": round(min(late), 3), "latest s": round(max(late), 3)},
        limits={"latest s": LATE},
    )
    assert min(late) > -0.01
