"""Log lines and progress of running handlers on their way to PostgreSQL: batched and bounded.

Called from any thread. Lines over the bound are dropped, and so are those that PostgreSQL could not take:
what a handler says must never delay what it does. Of several values of progress only the newest is written.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from toril.domain.errors import Unavailable
from toril.runtime.batcher import Batcher
from toril.store.connection import Lane
from toril.store.jobs import Jobs, LogEntry

_MAX_LINES = 20_000
_MAX_BATCH = 500


class JobJournal:
    """Writes what handlers say; the `Journal` of every context of this worker.

    Args:
        jobs: the job rows.
        lane: a connection of its own.
        loop: the loop that writes.
    """

    def __init__(self, jobs: Jobs, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        self._jobs = jobs
        self._lane = lane
        self._loop = loop
        self._newest: dict[tuple[int, int], str] = {}
        self._lines: Batcher[LogEntry, None] = Batcher(
            "log lines", self._write_lines, max_batch=_MAX_BATCH, max_waiting=_MAX_LINES
        )
        self._progress: Batcher[tuple[int, int], None] = Batcher(
            "progress", self._write_progress, max_batch=_MAX_BATCH, max_waiting=_MAX_LINES
        )

    def log(self, job_id: int, attempt: int, level: str, message: str, /) -> None:
        """Take a line."""
        entry = LogEntry(job_id, attempt, datetime.now(UTC), level, message)
        self._in_loop(lambda: self._lines.offer(entry).add_done_callback(_seen))

    def progress(self, job_id: int, attempt: int, value_json: str, /) -> None:
        """Take the newest progress."""
        self._in_loop(lambda: self._note(job_id, attempt, value_json))

    async def drain(self) -> None:
        """Wait until everything taken has been written."""
        await self._lines.drain()
        await self._progress.drain()

    def _in_loop(self, call: Callable[[], None]) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        with suppress(Unavailable, RuntimeError):  # full, or the loop has closed: a line less
            if running is self._loop:
                call()
            else:
                self._loop.call_soon_threadsafe(_quietly, call)

    def _note(self, job_id: int, attempt: int, value_json: str) -> None:
        known = (job_id, attempt) in self._newest
        self._newest[job_id, attempt] = value_json
        if not known:
            try:
                self._progress.offer((job_id, attempt)).add_done_callback(_seen)
            except Unavailable:
                del self._newest[job_id, attempt]
                raise

    async def _write_lines(self, lines: list[LogEntry]) -> list[None]:
        await self._jobs.append_logs(self._lane, lines)
        return [None] * len(lines)

    async def _write_progress(self, attempts: list[tuple[int, int]]) -> list[None]:
        notes = [(job_id, attempt, self._newest.pop((job_id, attempt))) for job_id, attempt in attempts]
        await self._jobs.note_progress(self._lane, notes)
        return [None] * len(attempts)


def _quietly(call: Callable[[], None]) -> None:
    with suppress(Unavailable):
        call()


def _seen(done: "asyncio.Future[None]") -> None:
    """Mark a lost line's exception as seen: nobody waits for it."""
    done.exception()
