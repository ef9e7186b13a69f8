"""What is promised once: a handler's writes in its transaction, and the job of a key that is sent again."""

import asyncio
import random
import time

from bench.faults.load import Wire
from bench.faults.proxy import Proxy

from tests.faults.stage import LEASE, Stage, a_port
from toril.store.connection import Lane

CONCURRENCY = 10


async def test_what_handlers_write_with_their_completion_is_there_once_whatever_is_killed(
    stage: Stage, lane: Lane, database_url: str
) -> None:
    """Workers are killed, and the connections on which they commit are cut, while they commit."""
    rng, jobs, faults = random.Random(3), 300, 12
    await lane.fetch("create table effects (job_id bigint, attempt int)")
    with Proxy(database_url) as proxy:
        running = [stage.worker(concurrency=CONCURRENCY, database_url=proxy.url) for _ in range(2)]
        await stage.working(*running)
        accepted = await stage.submit(jobs, name="write_once", seconds=0.1)
        for number in range(faults):
            await asyncio.sleep(rng.uniform(0.1, 0.6))
            if number % 2:
                proxy.cut()
                continue
            victim = rng.randrange(2)
            running[victim].process.kill()
            running[victim].process.wait()
            running[victim] = stage.worker(concurrency=CONCURRENCY, database_url=proxy.url)
        last = time.monotonic()
        recovered = await stage.ended(within=60) - last
    rows = await lane.fetch(
        "select e.job_id, e.attempt, j.attempt as last from effects e join toril.jobs j on j.id = e.job_id"
    )
    assert sorted(row["job_id"] for row in rows) == sorted(accepted)
    assert [row["job_id"] for row in rows if row["attempt"] != row["last"]] == []
    await stage.verdict(
        "ctx.transaction() under kills and cuts: one write each",
        accepted,
        faults=faults,
        allowed_extra=faults * 2 * CONCURRENCY,
        recovered=recovered,
        figures={"rows": len(rows)},
    )


async def test_a_key_that_is_sent_until_it_is_answered_makes_one_job_whatever_is_killed(
    stage: Stage, lane: Lane
) -> None:
    rng, port, clients, kills = random.Random(4), a_port(), 16, 6
    worker, api = stage.worker(concurrency=CONCURRENCY), stage.api(port)
    await stage.working(worker)
    await stage.listening(api)
    accepted: dict[str, int] = {}
    unanswered = 0
    stop = asyncio.Event()

    async def client(number: int) -> None:
        nonlocal unanswered
        wire, turn = Wire(port), 0
        while not stop.is_set():
            key = f"client-{number}-{turn}"
            body = {"name": "work", "payload": {"seconds": 0}, "idempotency_key": key}
            while (answer := await wire.post("/jobs", body))[0] not in (200, 201):
                unanswered += 1
                await asyncio.sleep(0.05)
            accepted[key], turn = answer[1]["id"], turn + 1
        wire.close()

    tasks = [asyncio.create_task(client(number)) for number in range(clients)]
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.3, 0.8))
        api.process.kill()
        api.process.wait()
        api = stage.api(port)
        await stage.listening(api)
    stop.set()
    await asyncio.gather(*tasks)
    await stage.ended(within=30 + LEASE)
    (row,) = await lane.fetch("select count(*) as jobs from toril.jobs")
    assert row["jobs"] == len(accepted) == len(set(accepted.values()))
    assert unanswered > 0
    await stage.verdict(
        "API killed; clients repeat with their key until answered",
        set(accepted.values()),
        faults=kills,
        figures={"repeated": unanswered, "jobs": row["jobs"]},
    )
