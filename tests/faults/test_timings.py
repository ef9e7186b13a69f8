"""How soon others go on: after a kill, after a graceful stop, through twenty restarts under load.

FAULTS_LONG=1 also waits for the default lease.
"""

import asyncio
import os
import signal
import time

import pytest

from tests.faults.stage import Stage
from tests.integration.cli.conftest import Running, until
from toril.settings import Settings
from toril.store.connection import Lane

JOBS = 10
DEFAULT_LEASE = Settings().lease
RESTARTS = 20
BACKLOG = 60

long = pytest.mark.skipif(
    not os.environ.get("FAULTS_LONG"), reason="set FAULTS_LONG=1: it waits for a lease of 15 s"
)


@pytest.mark.parametrize("lease", [2.0, pytest.param(DEFAULT_LEASE, marks=long)])
async def test_the_jobs_of_a_killed_leader_run_again_within_its_lease_and_two_seconds(
    stage: Stage, lease: float
) -> None:
    victim = stage.worker(lease=str(lease))
    await stage.working(victim)  # it leads
    accepted = await stage.submit(JOBS, "work_long_at_first", seconds=3600)
    await asyncio.to_thread(until, lambda: len(stage.record.entries) == JOBS)
    await stage.working(stage.worker(lease=str(lease)))
    await asyncio.sleep(lease / 4)  # in which the other has seen it beat
    killed_at = time.monotonic()
    victim.process.kill()
    await stage.ended(within=lease + 20)
    again = max(stage.record.starts(job_id)[-1].monotonic for job_id in accepted) - killed_at
    await stage.verdict(
        f"worker killed, lease {lease:g} s",
        accepted,
        allowed_extra=JOBS,
        figures={"all run again after s": round(again, 2)},
        limits={"all run again after s": lease + 2},
    )


@pytest.mark.parametrize(
    ("handler", "seconds"), [("work_long_at_first", 3600), ("work_long_at_first_in_thread", 10)]
)
async def test_a_worker_that_stops_in_order_hands_its_jobs_back_within_a_second(
    stage: Stage, lane: Lane, handler: str, seconds: float
) -> None:
    stopping = stage.worker(grace="0")
    await stage.working(stopping)
    accepted = await stage.submit(JOBS, handler, seconds=seconds)
    await asyncio.to_thread(until, lambda: len(stage.record.entries) == JOBS)
    await stage.working(stage.worker())
    told_at = time.monotonic()
    stopping.tell(signal.SIGTERM)
    await stage.ended()
    again = max(stage.record.starts(job_id)[-1].monotonic for job_id in accepted) - told_at
    rows = await lane.fetch("select distinct attempt, failures, crashes, interruptions from toril.jobs")
    assert [tuple(row.values()) for row in rows] == [(2, 0, 0, 1)]  # none of its chances is used up
    await stage.verdict(
        f"worker stopped in order, {'threads' if 'thread' in handler else 'loop'}",
        accepted,
        allowed_extra=JOBS,
        figures={"all run again after s": round(again, 2)},
        limits={"all run again after s": 1.0},
    )


async def test_twenty_restarts_under_load_count_no_failure_and_complete_nothing_twice(
    stage: Stage, lane: Lane
) -> None:
    def start() -> Running:
        return stage.worker(concurrency=5, grace="0.1")

    serving, coming = [start(), start()], [start(), start()]
    await stage.working(*serving, *coming)
    accepted: list[int] = []
    stops: list[float] = []
    for _ in range(RESTARTS // 2):
        if await stage.judge.unended() < BACKLOG:
            accepted += await stage.submit(BACKLOG, seconds=0.3)
        leaving, serving, coming = serving, coming, [start(), start()]
        stops.append(await stage.stopped(*leaving))
        await stage.working(*coming)
    await stage.ended()
    rows = await lane.fetch(
        "select sum(failures)::int as failures, sum(crashes)::int as crashes,"
        " sum(interruptions)::int as interruptions from toril.jobs"
    )
    failures, crashes, interruptions = rows[0].values()
    assert (failures, crashes) == (0, 0)
    assert interruptions > 0
    assert set(stage.record.completions.values()) == {1}
    await stage.verdict(
        f"{RESTARTS} graceful restarts",
        accepted,
        faults=RESTARTS,
        allowed_extra=interruptions,
        figures={"handed back": interruptions, "slowest stop in s": round(max(stops), 2)},
    )
