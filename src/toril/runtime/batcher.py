"""The component under every hot path: a batch that fills itself.

While one batch is being written the next one fills, so a lone item waits for nobody and a flood travels in
large batches; there is no timer to tune. Items are written in the order in which they came, one batch at a
time per batcher. Backpressure is explicit: at most `max_waiting` items wait; what to do when it is full is
the caller's business (`offer` refuses, `room` waits).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from toril.domain.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Gather items into batches for one writer.

    Args:
        name: what is written, for error messages.
        write: writes a batch and returns one result per item, in order; a result that is an exception
            is raised to that item's caller alone. If `write` itself raises, every item of the batch gets
            that exception: a writer that must not fail retries inside.
        max_batch: items per batch at most.
        max_waiting: items that may wait at most.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int,
        max_waiting: int,
    ) -> None:
        self._name = name
        self._write = write
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        """How many items wait; those of the batch in flight are not counted."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return self._writer is None

    def offer(self, item: Item) -> asyncio.Future[Result]:
        """Add an item; the future resolves when its batch has been written.

        Raises:
            Unavailable: too many items wait already; nothing was added.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable(f"Too much is waiting to be written ({self._name}).", retry_after=1.0)
        return self.add(item)

    def add(self, item: Item) -> asyncio.Future[Result]:
        """Add an item even when the batcher is full: for what already holds a place elsewhere."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if len(self._waiting) >= self._max_waiting:
            self._room.clear()
        if self._writer is None:
            self._writer = asyncio.create_task(self._run(), name=f"batcher:{self._name}")
        return done

    async def room(self) -> None:
        """Wait until the batcher is not full."""
        await self._room.wait()

    async def drain(self) -> None:
        """Wait until everything that was added has been written."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._max_batch]
                del self._waiting[: self._max_batch]
                if len(self._waiting) < self._max_waiting:
                    self._room.set()
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  # handed to every caller of the batch
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        except BaseException:
            for _, done in batch:
                done.cancel()
            raise
        for (_, done), result in zip(batch, results, strict=True):
            if done.done():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
