"""Handlers in processes of their own, which can be killed: for code that blocks, leaks or crashes.

The processes belong to a pool (pebble) and are spawned, never forked: a fork of a process with threads may
deadlock. Each imports the application by its address and finds the handler by name; what travels between the
two are plain values and our own outcome classes, over private pipes, and what handlers say, as datagrams.
"""

import asyncio
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as PoolTimeoutError
from contextlib import suppress
from functools import partial
from signal import SIGTERM
from typing import Any

import msgspec
from pebble import ProcessExpired, ProcessPool

from toril.domain.job import ClaimedJob
from toril.domain.outcome import ErrorInfo, Failed, Interrupted, Outcome
from toril.sdk.context import JobContext, Journal
from toril.sdk.registry import Registry
from toril.worker.attempt import raised, returned, timed_out

LoadRegistry = Callable[[], Registry]

_HEARSAY = 1.0

MAX_MESSAGE = 262_144
"""Bytes of one datagram at most; log lines and progress are limited to much less."""


class Isolation:
    """Runs attempts in killable processes; the pool starts with the first of them.

    Args:
        load: makes the registry inside a process; must be picklable (a function of a module, or a partial).
        processes: how many run at once.
        journal: where what the handlers say goes.
    """

    def __init__(self, load: LoadRegistry, processes: int, journal: Journal) -> None:
        self._load = load
        self._processes = processes
        self._journal = journal
        self._pool: ProcessPool | None = None
        self._ending = asyncio.Event()

    async def run(self, job: ClaimedJob, timeout: float | None) -> Outcome:
        """Run one attempt; cancelling it kills its process."""
        future = self._started().schedule(_attempt, args=[job, timeout], timeout=timeout)
        try:
            outcome: Outcome = await asyncio.wrap_future(future)
        except PoolTimeoutError:
            return timed_out(timeout or 0.0)
        except ProcessExpired as error:
            if abs(error.exitcode) == SIGTERM and await self._ending_soon():
                return Interrupted()
            return Failed(ErrorInfo("ProcessDied", f"its process died with exit code {error.exitcode}"))
        return outcome

    def expect_end(self) -> None:
        """Take processes that are told to end from now on as interrupted: the whole worker was told to."""
        self._ending.set()

    async def _ending_soon(self) -> bool:
        """Whether the worker is stopping, or will hear of it: a service manager signals all at once."""
        try:
            async with asyncio.timeout(_HEARSAY):
                return await self._ending.wait()
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Kill all processes and end the pool."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            await asyncio.get_running_loop().run_in_executor(None, pool.join)
            self._saying.send(b"")  # ends the listener
            self._saying.close()

    def _started(self) -> ProcessPool:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._said, self._saying = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._pool = ProcessPool(
                max_workers=self._processes,
                context=context,
                initializer=_prepare,
                initargs=[self._load, self._saying],
            )
            threading.Thread(target=self._listen, args=[self._said], name="isolation", daemon=True).start()
        return self._pool

    def _listen(self, said: socket.socket) -> None:
        """Pass on what the processes say, until an empty message says that the pool has ended."""
        with said:
            while message := said.recv(MAX_MESSAGE):
                with suppress(Exception):  # a broken word of a handler is not worth the others
                    what, *words = msgspec.json.decode(message)
                    (self._journal.log if what == "log" else self._journal.progress)(*words)


class _SocketJournal:
    """The journal of a context in another process: each word is one datagram of the pool's one socket.

    Datagrams arrive whole or not at all, and no lock is held to send one: a process may be killed any time.
    """

    def __init__(self, saying: socket.socket) -> None:
        self._saying = saying

    def log(self, *words: object) -> None:
        self._saying.send(msgspec.json.encode(("log", *words)))

    def progress(self, *words: object) -> None:
        self._saying.send(msgspec.json.encode(("progress", *words)))


class _Home:
    """What a process of the pool keeps between attempts."""

    registry: Registry
    journal: Journal


def _prepare(load: LoadRegistry, saying: socket.socket) -> None:
    _Home.registry = load()
    _Home.journal = _SocketJournal(saying)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=[parent], daemon=True).start()


def _die_with(parent: Any) -> None:
    """End this process when the worker is gone: nobody would hear what comes of it."""
    parent.join()
    os._exit(1)


def _attempt(job: ClaimedJob, timeout: float | None) -> Outcome:
    job_type = _Home.registry.get(job.name)
    call = partial(job_type.function, **job_type.bind(job.payload))
    if job_type.takes_context:
        call = partial(call, JobContext(job, _Home.journal, timeout))
    try:
        value = call()
        if asyncio.iscoroutine(value):
            value = asyncio.run(_awaited(value))
    except BaseException as error:  # noqa: BLE001  # whatever user code raises is its outcome
        return raised(error)
    return returned(job_type, value)


async def _awaited(value: Any) -> Any:
    return await value
