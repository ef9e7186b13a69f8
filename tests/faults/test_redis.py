"""Redis emptied, restarted without its data or with old data, under load: no job lost, no outcome doubled."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable

import pytest
from bench.faults.load import HttpLoad, work_for
from redis import Redis

from tests.faults.stage import Stage, a_port
from tests.servers import LiveServers

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
