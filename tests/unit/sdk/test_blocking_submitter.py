"""sdk/blocking.py and sdk/loopthread.py: submits from threads that have no event loop."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.sdk.desk import Desk

from toril import NewJob, Submitted, Toril, Unavailable
from toril.sdk.blocking import BlockingSubmitter
from toril.sdk.loopthread import LoopThread
from toril.sdk.submitting import PerLoopSubmitter

JOB = NewJob("default", "job", "{}")


class SlowDesk(Desk):
    """Takes jobs when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.told = threading.Event()
        self.failure: Exception | None = None

    async def submit(self, jobs: Sequence[NewJob], *, conn: object | None = None) -> list[Submitted]:
        assert not self.closed
        self.asked.set()
        while not self.told.is_set():
            await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        return await super().submit(jobs, conn=conn)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def submitter(desk: Desk) -> Iterator[BlockingSubmitter]:
    yield from running(desk)


@pytest.fixture
def slow() -> SlowDesk:
    return SlowDesk()


@pytest.fixture
def slowly(slow: SlowDesk) -> Iterator[BlockingSubmitter]:
    yield from running(slow)


def running(desk: Desk) -> Iterator[BlockingSubmitter]:
    async def open_desk() -> Desk:
        return desk

    connections = PerLoopSubmitter(open_desk)
    submitter = BlockingSubmitter(connections.connect, connections.close)
    yield submitter
    submitter.close()
    assert threads() == []


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "toril-submits"]


def test_nothing_starts_before_the_first_submit(submitter: BlockingSubmitter) -> None:
    assert threads() == []
    submitter.close()
    submitter.submit([JOB])
    assert len(threads()) == 1


def test_all_threads_share_one(submitter: BlockingSubmitter, desk: Desk) -> None:
    barrier = threading.Barrier(20)

    def submit(_: int) -> list[Submitted]:
        barrier.wait(10)
        return submitter.submit([JOB])

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(submit, range(20)))
    assert len(answers) == len(desk.calls) == 20
    assert set(desk.places) == set(threads())
    assert len(set(desk.places)) == 1


def test_with_a_connection_the_calling_thread_does_it(submitter: BlockingSubmitter, desk: Desk) -> None:
    conn = object()
    submitter.submit([JOB, JOB], conn)
    assert (desk.calls, desk.conns) == ([[JOB, JOB]], [conn])
    assert desk.places == [threading.current_thread()]


def test_errors_are_raised_where_they_were_caused(slowly: BlockingSubmitter, slow: SlowDesk) -> None:
    slow.told.set()
    slow.failure = Unavailable("PostgreSQL is down")
    with pytest.raises(Unavailable, match="PostgreSQL is down"):
        slowly.submit([JOB])
    slow.failure = None
    assert len(slowly.submit([JOB])) == 1


async def test_a_thread_with_an_event_loop_is_told_to_await(submitter: BlockingSubmitter) -> None:
    with pytest.raises(RuntimeError, match=r"await enqueue\(…\)"):
        submitter.submit([JOB])
    with pytest.raises(RuntimeError, match=r"await enqueue\(…\)"):
        submitter.submit([JOB], object())
    with pytest.raises(RuntimeError, match=r"asyncio\.to_thread\(app\.close_sync\)"):
        submitter.close()
    assert threads() == []


async def test_threads_of_a_program_with_an_event_loop_may_submit(
    submitter: BlockingSubmitter, desk: Desk
) -> None:
    await asyncio.to_thread(submitter.submit, [JOB])
    await asyncio.to_thread(submitter.close)
    assert desk.calls == [[JOB]]


def test_closing_waits_for_what_was_accepted_before_it_closes_the_connection(
    slowly: BlockingSubmitter, slow: SlowDesk
) -> None:
    with ThreadPoolExecutor() as pool:
        submitted = pool.submit(slowly.submit, [JOB])
        assert slow.asked.wait(10)
        closed = pool.submit(slowly.close)
        assert not slow.closed
        slow.told.set()
        assert len(submitted.result(10)) == 1
        closed.result(10)
    assert slow.closed


def test_after_closing_the_next_submit_opens_again(submitter: BlockingSubmitter, desk: Desk) -> None:
    for _ in range(3):
        submitter.submit([JOB])
        submitter.close()
        assert threads() == []
    assert len(desk.calls) == 3


def test_a_failure_to_close_is_told_and_the_thread_ends_all_the_same(desk: Desk) -> None:
    async def connect() -> Desk:
        return desk

    async def disconnect() -> None:
        raise Unavailable("no goodbye")

    submitter = BlockingSubmitter(connect, disconnect)
    submitter.submit([JOB])
    with pytest.raises(Unavailable, match="no goodbye"):
        submitter.close()
    assert threads() == []


def test_ctrl_c_ends_the_wait_and_not_the_submit(slowly: BlockingSubmitter, slow: SlowDesk) -> None:
    interrupt_when(slow.asked.is_set)
    with pytest.raises(KeyboardInterrupt):
        slowly.submit([JOB])
    slow.told.set()
    slowly.close()
    assert slow.calls == [[JOB]]


def test_ctrl_c_ends_the_wait_for_the_end(slowly: BlockingSubmitter, slow: SlowDesk) -> None:
    interrupt_when(slow.asked.is_set)
    with pytest.raises(KeyboardInterrupt):
        slowly.submit([JOB])
    assert slowly._thread is not None
    loop = slowly._thread._loop
    [thread] = threads()
    interrupt_when(lambda: len(asyncio.all_tasks(loop)) == 2)  # the submit, and the end that waits for it
    with pytest.raises(KeyboardInterrupt):
        slowly.close()
    slow.told.set()
    thread.join(10)
    assert slow.calls == [[JOB]]
    assert slow.closed


def interrupt_when(condition: Callable[[], bool]) -> None:
    """Press Ctrl-C, once the main thread has come so far."""

    def press() -> None:
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)  # nothing tells that the main thread has gone to sleep
        signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    threading.Thread(target=press).start()


def test_a_forked_child_starts_anew_even_when_the_lock_was_held(
    submitter: BlockingSubmitter, desk: Desk
) -> None:
    submitter.submit([JOB])

    def child() -> None:
        assert threads() == []
        assert len(submitter.submit([JOB])) == 1
        assert desk.places[0] is not desk.places[1]
        submitter.close()

    with submitter._lock:
        fork(child)
    submitter.submit([JOB])


def test_a_forked_child_has_nothing_to_close(submitter: BlockingSubmitter) -> None:
    submitter.submit([JOB])
    fork(submitter.close)
    submitter.submit([JOB])


def test_a_forked_child_has_none_of_its_parents_connections() -> None:
    thread = LoopThread("toril-submits")
    thread.start()
    line = thread.call(Line.opened).result(10)

    def child() -> None:
        thread.disown()
        line.writer.transport.abort()
        number = line.writer.get_extra_info("socket").fileno()
        assert os.path.samestat(os.fstat(number), Path(os.devnull).stat())

    fork(child)
    assert thread.call(line.ask).result(10) == b"still there?\n"
    thread.end(line.close)


def fork(action: Callable[[], None]) -> None:
    """Do something in a forked child, and wait for its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks of processes with threads are the point
        child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            action()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


class Line:
    """A connection to oneself."""

    def __init__(
        self, server: asyncio.Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    @classmethod
    async def opened(cls) -> "Line":
        server = await asyncio.start_server(cls._echo, "127.0.0.1", 0)
        return cls(server, *await asyncio.open_connection(*server.sockets[0].getsockname()))

    async def ask(self) -> bytes:
        self.writer.write(b"still there?\n")
        return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
        self.server.close()
        await self.server.wait_closed()

    @staticmethod
    async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("used_before", [False, True])
def test_a_host_can_be_looked_up_while_the_interpreter_ends(used_before: bool) -> None:
    program = f"""
import atexit
from toril.sdk.loopthread import LoopThread

def look_up():
    found = thread.call(lambda: thread._loop.getaddrinfo("localhost", 8080)).result(10)
    print({{address[4][1] for address in found}})

thread = LoopThread("toril-submits")
thread.start()
if {used_before}:
    look_up()
atexit.register(look_up)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{8080}\n" * (1 + used_before), "")


def test_an_application_that_nobody_uses_is_forgotten() -> None:
    app = Toril(submitter=Desk())
    app.enqueue_sync("elsewhere")
    app.close_sync()
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_blocking_submits_say_the_same_as_those_that_are_awaited(desk: Desk) -> None:
    app = Toril(submitter=desk)

    @app.job(queue="images")
    def thumbnail(path: str, size: int = 256) -> None:
        """Do nothing."""

    try:
        thumbnail.enqueue_sync("a.png", size=3, delay=5)
        thumbnail.options(delay=5).enqueue_sync("a.png", 3)
        thumbnail.options(delay=5).enqueue_many_sync([{"path": "a.png", "size": 3}])
        app.enqueue_sync("thumbnail", {"path": "a.png", "size": 3}, delay=5)
        app.enqueue_many_sync([thumbnail.options(delay=5).args("a.png", 3)])
        assert len(desk.jobs) == 5
        assert set(desk.jobs) == {NewJob("images", "thumbnail", '{"path":"a.png","size":3}', delay=5.0)}

        conn = object()
        thumbnail.enqueue_sync("a.png", conn=conn)
        thumbnail.options(conn=conn).enqueue_sync("a.png")
        thumbnail.enqueue_many_sync([{"path": "a.png"}], conn=conn)
        app.enqueue_sync("elsewhere", conn=conn)
        app.enqueue_many_sync([thumbnail.args("a.png")], conn=conn)
        assert desk.conns == [None] * 5 + [conn] * 5

        assert app.enqueue_many_sync([]) == thumbnail.enqueue_many_sync([]) == []
    finally:
        app.close_sync()
    assert not desk.closed
