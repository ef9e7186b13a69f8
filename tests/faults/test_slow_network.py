"""A slow way to PostgreSQL: whoever is slow is not dead."""

import asyncio

from bench.faults.proxy import Proxy

from tests.faults.stage import LEASE, Stage


async def test_a_worker_that_needs_a_fifth_of_its_lease_for_each_statement_keeps_it(
    stage: Stage, database_url: str
) -> None:
    with Proxy(database_url) as way:
        slow, watching = stage.worker(database_url=way.url), stage.worker()
        await stage.working(slow, watching)
        way.delay(LEASE / 10 + 0.02)  # each way
        accepted = await stage.submit(40, seconds=0.2)
        await asyncio.sleep(3 * LEASE)
        await stage.ended()
        assert "lost" not in slow.err + watching.err
        await stage.verdict("PostgreSQL slower than a beat, for three leases", accepted)
