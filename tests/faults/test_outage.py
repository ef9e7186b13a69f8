"""Redis away under a steady load: nothing refused, nothing slowed down, all of it run afterwards.

FAULTS_OUTAGE says for how many seconds it is away.
"""

import asyncio
import os
import time

import pytest
from bench.faults.load import HttpLoad

from tests.faults.stage import Stage, a_port
from tests.servers import LiveServers

OUTAGE = float(os.environ.get("FAULTS_OUTAGE", "10"))
AROUND = max(5.0, OUTAGE / 4)
RATE = 500.0
SLACK = 0.05
"""Seconds that the busiest hundredth may take in any case: a test machine has other things to do."""


@pytest.mark.timeout(180 + 3 * OUTAGE)
async def test_an_outage_of_redis_refuses_no_submit_and_slows_none_down(
    stage: Stage, servers: LiveServers
) -> None:
    port, valkey = a_port(), servers.embedded.valkey
    worker, api = stage.worker(concurrency=100), stage.api(port)
    await stage.working(worker)
    await stage.listening(api)
    loop = asyncio.get_running_loop()
    async with HttpLoad(port, rate=RATE) as load:
        await asyncio.sleep(1)  # in which connections are opened
        began = loop.time()
        await asyncio.sleep(AROUND)
        down_at = loop.time()
        await asyncio.to_thread(valkey.stop)
        await asyncio.sleep(OUTAGE)
        up_at = loop.time()
        await asyncio.to_thread(valkey.start)
        back_at = time.monotonic()
        await asyncio.sleep(AROUND / 2)
    drained = await stage.ended(within=120) - back_at
    spans = {"before": (began, down_at), "during": (down_at, up_at), "after": (up_at, loop.time())}
    figures = {
        f"{name} {kind} ms": round(load.latency(share, *span) * 1000, 1)
        for name, span in spans.items()
        for kind, share in (("p50", 0.5), ("p99", 0.99))
    }
    assert set(load.statuses) == {201}
    await stage.verdict(
        f"Redis away for {OUTAGE:g} s at {RATE:g} submits/s",
        load.accepted,
        recovered=drained,
        figures=figures,
        limits={"during p99 ms": 2 * figures["before p99 ms"] + SLACK * 1000},
    )
