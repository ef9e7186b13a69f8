"""kill -9 between any two steps of a job's life, in any process: every accepted job still ends once."""

import asyncio

import pytest
from bench.faults.load import HttpLoad

from tests.faults.stage import SUBMITTER, Stage, a_port
from tests.integration.store.situations import new
from toril.bootstrap import Core
from toril.store.connection import Lane

CONCURRENCY = 10
IN_FLIGHT = 2 * CONCURRENCY
"""What runs, and as much again that has run and whose outcome is on its way."""

NTH = {"completed": 3, "running": 20, "ran": 20, "settled": 1, "set-back": 2}
SUBMITTING = ["before-commit", "after-commit", "before-push", "after-push", "promise-forgotten"]


@pytest.mark.parametrize("point", SUBMITTING)
async def test_api_and_application_killed_between_accepting_and_telling_redis(
    stage: Stage, point: str
) -> None:
    worker, port = stage.worker(), a_port()
    api = stage.api(port, at=f"{point}:10")
    await stage.working(worker)
    await stage.listening(api)
    application = stage.start(SUBMITTER, "100", "0", at=f"{point}:10")
    async with HttpLoad(port, rate=200) as load:
        killed_at = await stage.killed(api, application)
    told = [int(line) for line in application.out.splitlines()]
    assert told
    assert load.accepted
    recovered = await stage.ended() - killed_at
    await stage.verdict(
        f"API, application killed: {point}", [*load.accepted, *told], faults=2, recovered=recovered
    )


@pytest.mark.parametrize("point", ["taken", "claimed", "running", "ran", "completed", "set-back", "settled"])
async def test_a_worker_killed_between_taking_and_settling(stage: Stage, point: str) -> None:
    victim = stage.worker(concurrency=CONCURRENCY, at=f"{point}:{NTH.get(point, 2)}")
    await stage.working(victim)  # it leads
    survivor = stage.worker(concurrency=2)
    await stage.working(survivor)
    failing = point in ("set-back", "settled")
    accepted = await stage.submit(100, "work_at_second_try" if failing else "work", seconds=0.02)
    killed_at = await stage.killed(victim)
    recovered = await stage.ended() - killed_at
    await stage.verdict(f"worker killed: {point}", accepted, allowed_extra=IN_FLIGHT, recovered=recovered)


async def test_a_worker_killed_while_it_hands_jobs_back(stage: Stage) -> None:
    victim = stage.worker(concurrency=CONCURRENCY, at="stopping", grace="0")
    await stage.working(victim)
    survivor = stage.worker(concurrency=2)
    await stage.working(survivor)
    accepted = await stage.submit(40, seconds=0.1)
    while not stage.record.entries:
        await asyncio.sleep(0.01)
    victim.process.terminate()
    killed_at = await stage.killed(victim)
    recovered = await stage.ended() - killed_at
    await stage.verdict("worker killed: stopping", accepted, allowed_extra=IN_FLIGHT, recovered=recovered)


async def test_a_relay_killed_between_pushing_and_settling_its_promises(
    stage: Stage, core: Core, lane: Lane
) -> None:
    victim = stage.worker(at="relay-pushed")
    await asyncio.to_thread(victim.says, '"redis refilled"')  # or the refill would push them first
    recorded = await core.jobs.insert(lane, [new("work", payload="{}") for _ in range(100)])  # not dispatched
    killed_at = await stage.killed(victim)
    stage.worker()
    recovered = await stage.ended() - killed_at
    accepted = [each.submitted.id for each in recorded]
    await stage.verdict("relay killed: relay-pushed", accepted, allowed_extra=IN_FLIGHT, recovered=recovered)


@pytest.mark.parametrize("point", ["declared-lost", "rescued"])
async def test_a_rescuer_killed_in_the_middle_of_a_rescue(stage: Stage, point: str) -> None:
    rescuer = stage.worker(at=point, concurrency=1)
    await stage.working(rescuer)  # it leads
    lost = stage.worker(concurrency=CONCURRENCY)
    await stage.working(lost)
    accepted = await stage.submit(15, seconds=0.5)
    while sum(entry.pid == lost.process.pid for entry in stage.record.entries) < CONCURRENCY:
        await asyncio.sleep(0.01)
    lost.process.kill()
    killed_at = await stage.killed(rescuer)
    stage.worker(concurrency=CONCURRENCY)
    recovered = await stage.ended() - killed_at
    await stage.verdict(
        f"rescuer killed: {point}", accepted, allowed_extra=IN_FLIGHT + 2, faults=2, recovered=recovered
    )


@pytest.mark.parametrize("point", ["refill-begun", "refilling", "refill-pushed", "refill-ended"])
async def test_a_refiller_killed_in_the_middle_of_a_refill(
    stage: Stage, core: Core, lane: Lane, point: str
) -> None:
    recorded = await core.jobs.insert(lane, [new("work", payload="{}") for _ in range(100)])
    await lane.fetch("delete from toril.outbox where job_id > 0")  # told to a Redis that is no more
    victim = stage.worker(at=point)  # the first to lead finds an unknown Redis
    killed_at = await stage.killed(victim)
    stage.worker()
    recovered = await stage.ended() - killed_at
    accepted = [each.submitted.id for each in recorded]
    await stage.verdict(f"refiller killed: {point}", accepted, allowed_extra=IN_FLIGHT, recovered=recovered)
