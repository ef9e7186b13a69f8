"""Where an application's jobs go: the submitter, and one connection of it per event loop.

Connections belong to the event loop that opened them. Programs that call `asyncio.run` more than once, tests,
and threads with loops of their own would otherwise fail in obscure ways; here each loop opens its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from toril.domain.job import NewJob, Submitted

Submit = Callable[[Sequence[NewJob], object | None], Awaitable[list[Submitted]]]
"""Records jobs, all or none, on a connection of the caller's if one is given; ids in their order."""

SubmitSync = Callable[[Sequence[NewJob], object | None], list[Submitted]]
"""The same, for code without an event loop."""


class Submitter(Protocol):
    """Records jobs."""

    async def submit(self, jobs: Sequence[NewJob], *, conn: object | None = None) -> list[Submitted]:
        """Record all of these jobs in one transaction, or none; ids in their order.

        Args:
            jobs: at least one.
            conn: the caller's connection, whose transaction decides then; see docs/transactions.md.

        Raises:
            Conflict: another job has the key of one of them; nothing was recorded.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """

    def submit_sync(self, jobs: Sequence[NewJob], conn: object) -> list[Submitted]:
        """Record these jobs in the transaction of a synchronous connection, in the calling thread.

        It is not the thread of the event loop that opened this submitter. Errors as for `submit`.
        """

    async def close(self) -> None:
        """Close the connections; what was recorded stays."""


class PerLoopSubmitter:
    """Opens a submitter on first use, once per event loop.

    Args:
        open_submitter: opens one for the running loop.
    """

    def __init__(self, open_submitter: Callable[[], Awaitable[Submitter]]) -> None:
        self._open = open_submitter
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[Submitter]] = {}

    async def connect(self) -> Submitter:
        """Return the running loop's submitter; the first call opens it, others meanwhile wait for it."""
        loop = asyncio.get_running_loop()
        opening = self._opening.get(loop)
        if opening is None:
            self._forget_closed_loops()
            opening = self._opening[loop] = loop.create_task(self._opened())
            opening.add_done_callback(self._forget_failure)
        # Shielded: the first caller may give up while others still wait for the same connection.
        return opening.result() if opening.done() else await asyncio.shield(opening)

    async def close(self) -> None:
        """Close the running loop's submitter. A later submit opens a new one."""
        opening = self._opening.pop(asyncio.get_running_loop(), None)
        if opening is None:
            return
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            await opening.result().close()

    async def _opened(self) -> Submitter:
        return await self._open()

    def _forget_failure(self, opening: asyncio.Task[Submitter]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._opening.pop(opening.get_loop(), None)

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._opening if loop.is_closed()]:
            del self._opening[loop]
