"""The process that submits: `python -m bench.producer MODE HANDLER`, driven through the probe.

    bulk        chunks of 5,000, each pushed to Redis before the next one
    concurrent  single submits, 64 at a time
    paced       single submits, one every 20 ms, each at its own time

It warms up, says that it is ready, and waits for its go. Afterwards it stays, so that the CPU it has used can
still be read, until it is ended.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from time import time
from typing import Any

import uvloop

from bench.handlers import PAD, app, noop, noop_in_thread, probe

CHUNK = 5_000
LANES = 64
GAP = 0.02

_HANDLERS: dict[str, Any] = {"async": noop, "thread": noop_in_thread}


class Producer:
    """Submits the jobs of one handler.

    Args:
        handler: `async` or `thread`.
    """

    def __init__(self, handler: str) -> None:
        self._handler = _HANDLERS[handler]

    async def one(self, index: int) -> None:
        """Submit one job."""
        began = time()
        await self._handler.enqueue(i=index, pad=PAD)
        probe.submitted(index, began)

    async def bulk(self) -> None:
        """Submit all in chunks; closing the application waits until a chunk has reached Redis."""
        for start in range(0, probe.jobs, CHUNK):
            chunk = range(start, min(start + CHUNK, probe.jobs))
            began = time()
            await app.enqueue_many([self._handler.args(i=index, pad=PAD) for index in chunk])
            for index in chunk:
                probe.submitted(index, began)
            await app.close()

    async def concurrent(self) -> None:
        """Submit one by one in `LANES` tasks that share the work."""
        await self._in_lanes(range(probe.jobs))

    async def paced(self) -> None:
        """Submit one every `GAP` seconds."""
        first = time()
        for index in range(probe.jobs):
            await asyncio.sleep(first + index * GAP - time())
            await self.one(index)

    async def warm_up(self) -> None:
        """Submit what isn't measured, and wait until it has been run, so that every connection is open."""
        await self._in_lanes(probe.warm_up)
        while not all(probe.executions[probe.jobs :]):  # noqa: ASYNC110  # it happens in another process
            await asyncio.sleep(0.01)

    async def _in_lanes(self, indices: range) -> None:
        left = iter(indices)

        async def lane() -> None:
            for index in left:
                await self.one(index)

        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(lane())


async def produce(mode: str, handler: str) -> None:
    """Submit everything when told to go."""
    producer = Producer(handler)
    modes: dict[str, Callable[[], Awaitable[None]]] = {
        "bulk": producer.bulk,
        "concurrent": producer.concurrent,
        "paced": producer.paced,
    }
    async with app:
        if mode != "bulk":  # there is no worker yet
            await producer.warm_up()
        probe.say_ready()
        while not probe.go:  # noqa: ASYNC110  # the other process can only store a byte
            await asyncio.sleep(0.002)
        await modes[mode]()


if __name__ == "__main__":
    uvloop.run(produce(*sys.argv[1:]))
    signal.pause()
