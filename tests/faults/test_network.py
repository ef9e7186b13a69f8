"""A bad network before Redis and PostgreSQL: cut, slow, half-closed, refusing, and silent connections."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from bench.faults.load import HttpLoad, work_for
from bench.faults.proxy import Proxy

from tests.faults.stage import Stage, a_port
from tests.integration.cli.conftest import Running

HEALED_WITHIN = 15.0
IN_FLIGHT = 40
WINDOW = 1.0
SILENT = 3.0


@pytest.fixture
def redis_proxy(redis_url: str) -> Iterator[Proxy]:
    with Proxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
def postgres_proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture(params=["Redis", "PostgreSQL"])
def network(
    request: pytest.FixtureRequest, redis_proxy: Proxy, postgres_proxy: Proxy
) -> tuple[str, Proxy, dict[str, str]]:
    """The part that is behind the bad network, the network, and the setting that leads through it."""
    if request.param == "Redis":
        return "Redis", redis_proxy, {"redis_url": redis_proxy.url}
    return "PostgreSQL", postgres_proxy, {"database_url": postgres_proxy.url}


Network = tuple[str, Proxy, dict[str, str]]


async def begin(stage: Stage, port: int, settings: dict[str, str]) -> tuple[Running, Running]:
    """Start an API and a worker behind the network."""
    worker, api = stage.worker(concurrency=10, **settings), stage.api(port, **settings)
    await stage.working(worker)
    await stage.listening(api)
    return worker, api


async def test_broken_slow_and_refused_connections_cost_no_job(stage: Stage, network: Network) -> None:
    part, proxy, settings = network
    port = a_port()
    await begin(stage, port, settings)
    async with HttpLoad(port, rate=50, job=work_for(0.05)) as load:
        for trick in (
            proxy.cut,
            lambda: proxy.delay(0.2),
            proxy.half_close,
            lambda: proxy.delay(0.0),
            proxy.refuse,
            proxy.forward,
            proxy.cut,
        ):
            trick()
            await asyncio.sleep(WINDOW)
    healed_at = time.monotonic()
    recovered = await stage.ended() - healed_at
    assert set(load.statuses) <= ({201} if part == "Redis" else {201, 503})
    await stage.verdict(
        f"{part} cut, slow, half-closed, refused",
        load.accepted,
        faults=5,
        allowed_extra=IN_FLIGHT,
        recovered=recovered,
        figures={"503s": load.statuses[503]},
    )


async def test_a_network_that_falls_silent_is_noticed_and_all_works_again_after_it(
    stage: Stage, network: Network
) -> None:
    part, proxy, settings = network
    port, seconds = a_port(), {}
    await begin(stage, port, settings)
    async with HttpLoad(port, rate=20, job=work_for(0.05)) as load:
        for fate, keep in (("go on", True), ("are forgotten", False)):
            await asyncio.sleep(WINDOW)
            proxy.stall()
            await asyncio.sleep(SILENT)
            proxy.forward(keep=keep)
            seconds[f"s until all works where connections {fate}"] = await works_again(stage, load)
    await stage.ended()
    assert set(load.statuses) <= ({201} if part == "Redis" else {201, 503})
    await stage.verdict(
        f"{part} silent for {SILENT:g} s",
        load.accepted,
        faults=2,
        allowed_extra=IN_FLIGHT,
        figures=seconds | {"503s": load.statuses[503]},
        limits=dict.fromkeys(seconds, HEALED_WITHIN),
    )


async def works_again(stage: Stage, load: HttpLoad) -> float:
    """Wait until a job that is submitted from now on has been run; return how many seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(60):
        while True:
            asked = {each.body["id"] for each in load.answers if each.status == 201 and each.due >= began}
            if asked & stage.record.completions.keys():
                return round(loop.time() - began, 1)
            await asyncio.sleep(0.05)
