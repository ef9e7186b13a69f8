"""PostgreSQL crashed and restarted under load: clear answers meanwhile, and no result lost."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from bench.faults.load import HttpLoad, work_for

from tests.faults.stage import Stage, a_port
from tests.servers import LiveServers

AWAY = 1.5


def immediately(pid: int) -> None:
    """As an administrator does who is in a hurry: recovery at the next start."""
    os.kill(pid, signal.SIGQUIT)


def killed(pid: int) -> None:
    """As the system does that is out of memory; its children end when they notice."""
    children = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(children, timeout=10)


@pytest.mark.parametrize("crash", [immediately, killed])
async def test_a_crash_of_postgresql_under_load_loses_no_job_and_no_result(
    stage: Stage, servers: LiveServers, crash: Callable[[int], None]
) -> None:
    port, postgres = a_port(), servers.embedded.postgres
    one, two, api = stage.worker(), stage.worker(), stage.api(port)
    await stage.working(one, two)
    await stage.listening(api)
    loop = asyncio.get_running_loop()
    async with HttpLoad(port, rate=150, job=work_for(0.2)) as load:
        await asyncio.sleep(1)
        down_at = loop.time()
        await asyncio.to_thread(crash, postgres.pid)
        await asyncio.sleep(AWAY)  # longer than most of what runs: its results have to wait
        up_at = loop.time()
        await asyncio.to_thread(postgres.restart)
        back_at = time.monotonic()
        await asyncio.sleep(1)
    recovered = await stage.ended() - back_at
    ran_twice = stage.record.executions.total() - len(stage.record.executions)
    refused = [answer for answer in load.answers if answer.status == 503]
    assert refused
    assert set(load.statuses) <= {201, 503}, "an outage is told as what it is"
    assert all(answer.body["code"] == "unavailable" for answer in refused)
    assert all(down_at - 1 <= answer.due <= up_at + 5 for answer in refused)
    await stage.verdict(
        f"PostgreSQL crashed ({crash.__name__})",
        load.accepted,
        recovered=recovered,
        figures={"503s": len(refused), "slowest 503 in s": round(max(a.seconds for a in refused), 2)},
    )
    assert ran_twice == 0, "what ran during the outage is on record, and not run again"
