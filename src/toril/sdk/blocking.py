"""Submits for code without an event loop: scripts, Django and Flask views, handlers that run in threads.

One background thread of the application runs an event loop for all of them, where they share connections and
batches. The first submit starts it; what was accepted is dispatched before the interpreter ends.
"""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from toril.domain.job import NewJob, Submitted
from toril.sdk.loopthread import LoopThread
from toril.sdk.submitting import Submitter

T = TypeVar("T")


class BlockingSubmitter:
    """Submits from any thread, and waits.

    Args:
        connect: returns the submitter of the event loop it is called in.
        disconnect: closes it.
    """

    def __init__(
        self,
        connect: Callable[[], Coroutine[Any, Any, Submitter]],
        disconnect: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._connect = connect
        self._disconnect = disconnect
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._watches_forks = False

    def submit(self, jobs: Sequence[NewJob], conn: object | None = None) -> list[Submitted]:
        """Record all of these jobs, or none; see `Submitter.submit`.

        A wait that Ctrl-C ends leaves the submit going on: whether it was recorded is then unknown.

        Args:
            jobs: at least one.
            conn: the caller's own synchronous connection, used in this thread.

        Raises:
            RuntimeError: an event loop runs in this thread.
        """
        _refuse_event_loop("await enqueue(…), or enqueue_many(…),")
        if conn is None:
            return self._call(partial(self._submit, jobs)).result()
        return self._call(self._connect).result().submit_sync(jobs, conn)

    def close(self) -> None:
        """Wait until what was accepted is recorded and dispatched, and end the thread.

        A later submit starts another.

        Raises:
            RuntimeError: an event loop runs in this thread.
        """
        _refuse_event_loop("await asyncio.to_thread(app.close_sync)")
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            atexit.unregister(self.close)
            thread.end(self._disconnect)

    async def _submit(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        return await (await self._connect()).submit(jobs)

    def _call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:  # what a thread takes on before it is told to end, it ends before
            if self._thread is None:
                self._thread = self._started()
            return self._thread.call(function)

    def _started(self) -> LoopThread:
        if not self._watches_forks:
            forked = weakref.WeakMethod(self._start_anew)
            os.register_at_fork(after_in_child=lambda: _call_if_alive(forked))
            self._watches_forks = True
        thread = LoopThread("toril-submits")
        thread.start()
        # After all threads that could submit have ended, and before logging and the like are shut down.
        atexit.register(self.close)
        return thread

    def _start_anew(self) -> None:
        """In a forked child: the thread is not here, and its connections are the parent's."""
        self._lock = threading.Lock()  # the old one may be held by a thread that is not here either
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.disown()


def _refuse_event_loop(instead: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"this call would block the event loop that runs in this thread; {instead} instead")


def _call_if_alive(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    function = method()
    if function is not None:
        function()
