"""Runs a command that serves until it is told to stop, and ends its process whatever is left in it.

SIGTERM, SIGINT (Ctrl-C) and SIGHUP ask for an orderly stop, whose exit status is 0; a second signal ends the
process at once with 128 + its number. Handlers are user code: a thread that never returns, or a coroutine
that swallows its cancellation, has lost its job to another worker by then, and must not hold up the end.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import uvloop

from toril.cli.output import report
from toril.domain.errors import TorilError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LAST_PATIENCE = 1.0
"""Seconds that threads and tasks have to end by themselves once everything has been stopped."""


class Stop:
    """Told by signals that the process is to stop; belongs to the task that serves.

    Attributes:
        requested: whether it has been told.
    """

    def __init__(self, serving: "asyncio.Task[Any]") -> None:
        self._serving = serving
        self._loop = serving.get_loop()
        self._under_way = False
        self.requested = False

    def listen(self) -> None:
        """Take the signals from now on.

        By Python's own handlers, not the loop's: they run, and a second signal works, in the middle of a
        handler that blocks the loop.
        """
        for number in _SIGNALS:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._told)

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Enclose what runs until the stop: it is cancelled there, and nothing after it."""
        try:
            yield
        except asyncio.CancelledError:
            if not self.requested:
                raise
            self._serving.uncancel()  # or timeouts in what follows would take it for theirs
        finally:
            self._under_way = True

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if self.requested or self._loop.is_closed():
            os._exit(128 + number)
        self.requested = True
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if not self._under_way:
            self._serving.cancel()


def run(serve: Callable[[Stop], Coroutine[Any, Any, None]]) -> None:
    """Run `serve` in an event loop; it encloses its waiting in `Stop.awaited`, and stops in order after it.

    What it raises is raised here, or told before the process is ended the hard way.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(serve))


async def _run(serve: Callable[[Stop], Coroutine[Any, Any, None]]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # we are in one
    stop = Stop(task)
    stop.listen()
    threads = ThreadPoolExecutor(thread_name_prefix="default")
    task.get_loop().set_default_executor(threads)
    try:
        await serve(stop)
    except asyncio.CancelledError:
        if not stop.requested:  # while it was starting, else
            raise
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        if await _something_is_left(task):
            _leave(sys.exception())


async def _something_is_left(task: "asyncio.Task[Any]") -> bool:
    tasks = asyncio.all_tasks() - {task}
    for other in tasks:
        other.cancel()
    deadline = time.monotonic() + _LAST_PATIENCE
    if tasks:
        await asyncio.wait(tasks, timeout=_LAST_PATIENCE)
    while _threads() and time.monotonic() < deadline:  # noqa: ASYNC110  # threads set no event
        await asyncio.sleep(0.01)
    return bool(_threads()) or not all(other.done() for other in tasks)


def _threads() -> list[threading.Thread]:
    """Return the threads that Python would wait for at its end."""
    return [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]


def _leave(error: BaseException | None) -> None:
    """End the process without waiting for anything."""
    status = 0
    if isinstance(error, TorilError):
        status = report(error)
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
