"""A daemon thread with an event loop: takes calls from other threads, ends them, and then itself.

Made for two moments at which event loops are usually not at home: the end of the interpreter, and a fork.
"""

import asyncio
import os
import selectors
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads.

    Args:
        name: the thread's.
    """

    def __init__(self, name: str) -> None:
        self._selector = selectors.DefaultSelector()  # asyncio's own choice; named, because `disown` needs it
        self._loop = _Loop(self._selector)
        self._calls: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Call `function` in the loop; returns at once. Whoever stops waiting doesn't stop it."""
        call = asyncio.run_coroutine_threadsafe(function(), self._loop)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    def end(self, finish: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for all calls so far, then for `finish`, then for the thread's end.

        Nothing may be called after. When this wait is broken off, the rest goes on without it.
        """
        ending = asyncio.run_coroutine_threadsafe(self._finish(finish), self._loop)
        ending.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        try:
            ending.result()
        finally:
            if ending.done():
                self._thread.join()

    def disown(self) -> None:
        """In a forked child, where the thread is not: see to it that its connections stay the parent's.

        From now on they lead nowhere. Otherwise finalizers in the child might say goodbye on them (TLS does),
        and strike them off the list of what the parent listens to, which the kernel shares (epoll).
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        for key in self._selector.get_map().values():
            os.dup2(nowhere, key.fd, inheritable=False)
        os.close(nowhere)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _finish(self, finish: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await asyncio.gather(*map(asyncio.wrap_future, self._calls), return_exceptions=True)
        await finish()


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's loop, which can still look up a host's name while the interpreter ends."""

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> Any:
        # asyncio asks a thread pool, which takes nothing any more once the main thread has ended.
        try:
            return await super().getaddrinfo(host, port, **hints)
        except RuntimeError:
            return socket.getaddrinfo(host, port, **hints)
