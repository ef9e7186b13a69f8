"""Redis emptied under load, with real workers: every job still ends once."""

import json
from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis

from tests.integration.cli.conftest import Running, Start, Toril, until
from tests.integration.store.situations import new
from toril.bootstrap import Core
from toril.domain.lifecycle import Status
from toril.store.connection import Lane

APP = "tests.faults.handlers:app"
JOBS = 3_000


@pytest.fixture
def worker(start: Start) -> Callable[[], Running]:
    def begin() -> Running:
        running = start("worker", "--app", APP, "--concurrency", "5", lease="2")
        running.says("worker started")
        return running

    return begin


def completed(toril: Toril, at_least: float) -> bool:
    (queue,) = json.loads(toril("queues", "--json").stdout)["queues"]
    done: int = queue["counts"][Status.COMPLETED]
    return done >= at_least


async def test_emptying_redis_again_and_again_under_load_loses_no_job(
    worker: Callable[[], Running], toril: Toril, redis_url: str, core: Core, lane: Lane
) -> None:
    one, two = worker(), worker()
    recorded = await core.jobs.insert(lane, [new("pause", payload="{}") for _ in range(JOBS)])
    core.dispatcher.dispatch([each.push for each in recorded])
    redis = Redis.from_url(redis_url)
    for share in (0.1, 0.3, 0.6):
        until(partial(completed, toril, share * JOBS))
        redis.flushall()
    until(partial(completed, toril, JOBS), within=60)
    redis.close()
    rows = await lane.fetch(
        "select state::text, failures, crashes, count(*) as n from toril.jobs group by 1, 2, 3"
    )
    assert [(row["state"], row["failures"], row["crashes"], row["n"]) for row in rows] == [
        ("completed", 0, 0, JOBS)
    ]
    said = one.err + two.err
    assert said.count('"redis refilling"') >= 3
