"""Connections that PostgreSQL is not heard on any more, as behind a firewall that has forgotten them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from bench.faults.proxy import Proxy

from toril.domain.errors import Unavailable
from toril.store.connection import Database, Lane

DEADLINE = 2.0
LANES = 4


@pytest.fixture
async def behind(database_url: str) -> AsyncIterator[tuple[Proxy, Database, list[Lane]]]:
    """A firewall, and open connections through it."""
    with Proxy(database_url) as firewall:
        database = Database(firewall.url, deadline=DEADLINE)
        lanes = [database.lane() for _ in range(LANES)]
        for lane in lanes:
            await lane.fetch("select 1")
        yield firewall, database, lanes
        for lane in lanes:
            await lane.close()


async def test_one_deadline_is_enough_to_find_all_connections_silent(
    behind: tuple[Proxy, Database, list[Lane]],
) -> None:
    firewall, _, (first, *others) = behind
    firewall.stall()
    firewall.forward(keep=False)
    with pytest.raises(Unavailable):
        await first.fetch("select 1")
    began = time.monotonic()
    for lane in (first, *others):
        assert await lane.fetch("select 1")
    assert time.monotonic() - began < DEADLINE


async def test_a_hurried_connection_finds_out_for_all(behind: tuple[Proxy, Database, list[Lane]]) -> None:
    firewall, database, lanes = behind
    hurried = database.hurried(0.3).lane()
    await hurried.fetch("select 1")
    firewall.stall()
    firewall.forward(keep=False)
    with pytest.raises(Unavailable):
        await hurried.fetch("select 1")
    began = time.monotonic()
    for lane in lanes:
        assert await lane.fetch("select 1")
    assert time.monotonic() - began < DEADLINE
    await hurried.close()


async def test_a_statement_that_takes_too_long_costs_no_connection_that_was_heard_meanwhile(
    behind: tuple[Proxy, Database, list[Lane]],
) -> None:
    _, _, (slow, other, *_rest) = behind
    waiting = asyncio.create_task(slow.fetch("select pg_sleep(60)"))
    await asyncio.sleep(0)  # it begins
    before = await other.fetch("select pg_backend_pid()")
    with pytest.raises(Unavailable):
        await waiting
    assert await other.fetch("select pg_backend_pid()") == before
