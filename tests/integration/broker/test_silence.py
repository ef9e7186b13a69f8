"""Connections on which Redis is not heard any more, as behind a firewall that has forgotten them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from bench.faults.proxy import Proxy

from toril.broker.broker import Broker, BrokerOptions
from toril.broker.marker import IDLE, MarkerWaiter
from toril.domain.errors import Unavailable

DEADLINE = 2.0
CALLS = 6

Behind = tuple[Proxy, Broker, MarkerWaiter]


@pytest.fixture
async def behind(redis_url: str, prefix: str) -> AsyncIterator[Behind]:
    """A firewall; a broker with open connections through it, and a waiter of the same process."""
    with Proxy(redis_url) as firewall:
        broker = Broker(firewall.url, BrokerOptions(prefix=prefix, deadline=DEADLINE))
        waiter = MarkerWaiter(firewall.url, prefix, broker.silence)
        await asyncio.gather(*(broker.epoch.read() for _ in range(CALLS)))
        yield firewall, broker, waiter
        await waiter.close()
        await broker.close()


def forget(firewall: Proxy) -> None:
    """Let all present connections fall silent."""
    firewall.stall()
    firewall.forward(keep=False)


async def test_one_deadline_is_enough_to_find_all_connections_silent(behind: Behind) -> None:
    firewall, broker, _ = behind
    assert firewall.connections >= CALLS
    forget(firewall)
    with pytest.raises(Unavailable):
        await broker.epoch.read()
    began = time.monotonic()
    for _ in range(CALLS):
        await broker.epoch.read()
    assert time.monotonic() - began < DEADLINE


async def test_who_waits_for_work_learns_of_a_silence_from_whoever_meets_it(behind: Behind) -> None:
    firewall, broker, waiter = behind
    connected = firewall.accepted
    waiting = asyncio.create_task(waiter.wait(["default"], IDLE))
    while firewall.accepted == connected:
        await asyncio.sleep(0.01)
    forget(firewall)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await broker.epoch.read()
    with pytest.raises(Unavailable):
        await waiting
    assert time.monotonic() - began < 2 * DEADLINE < IDLE
    assert await waiter.wait(["default"], 0.01) is None


async def test_a_wait_that_was_not_silent_is_not_disturbed_by_calls_that_are_answered(behind: Behind) -> None:
    _, broker, waiter = behind
    waiting = asyncio.create_task(waiter.wait(["default"], 0.5))
    await asyncio.gather(*(broker.epoch.read() for _ in range(CALLS)))
    assert await waiting is None
