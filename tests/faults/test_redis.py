"""Redis emptied, restarted without its data or with old data, under load: no job lost, no outcome doubled."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bench.faults.load import HttpLoad, work_for
from redis import Redis

from tests.conftest import eventually
from tests.faults.stage import Stage, a_port
from tests.integration.cli.conftest import until
from tests.servers import LiveServers
from toril.store.connection import Lane

IN_FLIGHT = 40
"""Jobs that both workers run, and as many whose outcome is on its way."""

Disaster = Callable[[LiveServers], Awaitable[None]]


async def flushed(servers: LiveServers) -> None:
    """FLUSHALL, three times."""
    redis = Redis.from_url(servers.redis_url)
    for _ in range(3):
        redis.flushall()
        await asyncio.sleep(0.5)
    redis.close()


async def restarted_empty(servers: LiveServers) -> None:
    """Killed, and started as if its disk had been lost."""
    valkey = servers.embedded.valkey
    await asyncio.to_thread(valkey.restart, empty=True)


async def restarted_with_old_data(servers: LiveServers) -> None:
    """Stopped, and started with the data that it had a while ago."""
    data = servers.embedded.place.base / "valkey"
    old = data.with_name("valkey-old")
    await asyncio.to_thread(subprocess.check_call, ["cp", "-a", data, old])  # with its owner
    await asyncio.sleep(2)  # in which jobs come and go that the old data knows nothing of, or still has
    await asyncio.to_thread(servers.embedded.valkey.stop)
    shutil.rmtree(data)
    old.rename(data)
    await asyncio.to_thread(servers.embedded.valkey.start)


@pytest.mark.parametrize("disaster", [flushed, restarted_empty, restarted_with_old_data])
async def test_a_disaster_of_redis_under_load_costs_no_job(
    stage: Stage, servers: LiveServers, disaster: Disaster
) -> None:
    port = a_port()
    one, two, api = stage.worker(), stage.worker(), stage.api(port)
    await stage.working(one, two)
    await stage.listening(api)
    backlog = await stage.submit(500, seconds=0.05)
    delayed = await stage.submit(100, delay=3.0)
    async with HttpLoad(port, rate=150, job=work_for(0.01)) as load:
        await asyncio.sleep(0.5)
        await disaster(servers)
        struck_at = time.monotonic()
        await asyncio.sleep(1)
    recovered = await stage.ended() - struck_at
    assert set(load.statuses) == {201}, "Redis is not needed to accept jobs"
    await stage.verdict(
        f"Redis {disaster.__name__.replace('_', ' ')}",
        [*backlog, *delayed, *load.accepted],
        allowed_extra=0,
        recovered=recovered,
    )


QUEUED = 100_000
FILL = """
with made as (
    insert into toril.jobs (id, queue, name, payload, priority, created_at, queued_at, run_at, standing,
                            max_attempts, max_crashes)
    select nextval('toril.job_ids'), 'default', 'work', '{}', case when i % 10 = 0 then 1 + i % 3 else 0 end,
           now(), now(), now(), 0, 3, 3
    from generate_series(1, $1::int) as i returning queue
)
insert into toril.count_deltas (queue, status, n) select 'default', 'pending', count(*) from made
"""


async def test_a_hundred_thousand_queued_jobs_are_soon_back_by_priority_and_age(
    stage: Stage, lane: Lane, redis_url: str, prefix: str
) -> None:
    redis = Redis.from_url(redis_url)
    wait, prioritized = f"{prefix}:default:wait", f"{prefix}:default:prioritized"
    mark = f"{prefix}:toril:epoch"

    def back() -> bool:
        return redis.llen(wait) + redis.zcard(prioritized) == QUEUED

    async def settled() -> bool:
        rows = await lane.fetch("select mark from toril.redis_epoch")
        return back() and bool(rows) and rows[0]["mark"].encode() == redis.get(mark)

    await lane.fetch(FILL, QUEUED)
    await stage.listening(stage.api(a_port()), stage.api(a_port()))
    await eventually(settled, within=90)
    redis.flushall()
    flushed_at = time.monotonic()
    await asyncio.to_thread(until, lambda: redis.exists(f"{prefix}:toril:filling", mark))
    noticed = time.monotonic() - flushed_at
    await asyncio.to_thread(until, back, within=60)
    filled = time.monotonic() - flushed_at
    ids = [int(each[1:]) for each in reversed(redis.lrange(wait, 0, -1))]
    scored: Any = redis.zrange(prioritized, 0, -1, withscores=True)
    urgent = [(int(score) >> 32, int(each[1:])) for each, score in scored]
    assert (ids, urgent) == (sorted(ids), sorted(urgent))
    redis.close()
    figures = {"noticed after s": round(noticed, 2), "all back after s": round(filled, 2)}
    await stage.verdict(
        f"Redis flushed with {QUEUED:,} queued, two API processes",
        [],
        figures=figures,
        limits={"noticed after s": 2.0, "all back after s": 20.0},
    )
