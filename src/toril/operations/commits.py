"""Dispatches jobs that were recorded in somebody else's transaction, soon after it has been committed.

Nobody tells us of that commit, so we look: after a few milliseconds, then at growing intervals, with one
statement for all that is open. What is never committed is never seen, and given up after a while; what is
committed later than that is found by the relay, which sees its promise at once because that has grown old.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toril.domain.errors import Unavailable
from toril.domain.job import Push
from toril.store.connection import Lane
from toril.store.outbox import Outbox

_FIRST = 0.004
_LONGEST = 0.5
_GIVE_UP = 60.0
_MAX_WAITING = 20_000


@dataclass(slots=True)
class _Awaited:
    push: Push
    since: float
    look_at: float


class CommitWatcher:
    """Waits for other people's commits.

    Args:
        outbox: where a committed job's promise can be seen.
        lane: a connection for looking.
        dispatch: tells Redis about jobs.
    """

    def __init__(self, outbox: Outbox, lane: Lane, dispatch: Callable[[Sequence[Push]], None]) -> None:
        self._outbox = outbox
        self._lane = lane
        self._dispatch = dispatch
        self._loop = asyncio.get_running_loop()
        self._awaited: dict[tuple[int, int], _Awaited] = {}
        self._looking: asyncio.Task[None] | None = None

    def expect(self, pushes: Sequence[Push]) -> None:
        """Dispatch these once they are committed. May be called from any thread."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self._expect(pushes)
        else:
            self._loop.call_soon_threadsafe(self._expect, pushes)

    async def close(self) -> None:
        """Look once more for what may have been committed just now; the rest is left to the relay."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._awaited:
            try:
                await self._look(list(self._awaited))
            except Unavailable:
                return

    def _expect(self, pushes: Sequence[Push]) -> None:
        now = self._loop.time()
        for push in pushes:
            if len(self._awaited) < _MAX_WAITING:
                self._awaited[push.id, push.generation] = _Awaited(push, now, now + _FIRST)
        if self._looking is None and self._awaited:
            self._looking = self._loop.create_task(self._run(), name="commits")

    async def _run(self) -> None:
        try:
            while self._awaited:
                look_at = min(each.look_at for each in self._awaited.values())
                await asyncio.sleep(max(_FIRST / 2, look_at - self._loop.time()))
                now = self._loop.time()
                try:
                    await self._look([key for key, each in self._awaited.items() if each.look_at <= now])
                except Unavailable:
                    await asyncio.sleep(_LONGEST)
                self._put_off(now)
        finally:
            self._looking = None

    async def _look(self, keys: list[tuple[int, int]]) -> None:
        committed = await self._outbox.committed(self._lane, keys)
        self._dispatch([self._awaited.pop(key).push for key in committed])

    def _put_off(self, now: float) -> None:
        """Look at those that were not committed yet after half as long again as they have waited."""
        for key, each in list(self._awaited.items()):
            if each.look_at <= now:
                each.look_at = now + min(_LONGEST, max(_FIRST, (now - each.since) / 2))
                if now - each.since > _GIVE_UP:
                    del self._awaited[key]
