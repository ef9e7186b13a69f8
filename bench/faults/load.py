"""Submits over HTTP at a steady rate, whatever the API does meanwhile, and notes every answer.

An open loop: requests are due at times of their own, and what one waits for another counts in its latency. A
request that got no answer, or another one than 201, is noted and never repeated: only what was answered with
201 has been accepted.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any, NamedTuple, Self

from bench.faults.addresses import LOOPBACK
from bench.figures import percentile

_PATIENCE = 30.0
_NO_ANSWER = 0


class Answered(NamedTuple):
    """One request.

    Attributes:
        due: when it was to be sent, on the loop's clock.
        seconds: from then until its answer.
        status: of the answer; 0 when there was none.
        body: the answer's JSON, or None.
    """

    due: float
    seconds: float
    status: int
    body: Any


def work_for(seconds: float) -> Callable[[int], dict[str, Any]]:
    """Return what makes jobs that take this long."""
    return lambda _: {"name": "work", "payload": {"seconds": seconds}}


class HttpLoad:
    """A steady stream of `POST /jobs`; it begins with an `async with` block, and ends with `stop()` or it.

    Args:
        port: of the API; more than one are used in turns.
        rate: requests a second.
        job: makes the body of the nth request.
        lanes: connections.

    Attributes:
        answers: all that have come.
    """

    def __init__(
        self,
        *port: int,
        rate: float,
        job: Callable[[int], dict[str, Any]] = work_for(0.0),  # noqa: B008  # it keeps nothing
        lanes: int = 32,
    ) -> None:
        self._ports = port
        self._rate = rate
        self._job = job
        self._lanes = lanes
        self._due: asyncio.Queue[tuple[int, float] | None] = asyncio.Queue()
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.answers: list[Answered] = []

    @property
    def accepted(self) -> list[int]:
        """The ids of the jobs that were accepted."""
        return [answer.body["id"] for answer in self.answers if answer.status == HTTPStatus.CREATED]

    @property
    def statuses(self) -> Counter[int]:
        """How many answers there were of each status; 0 counts requests without any."""
        return Counter(answer.status for answer in self.answers)

    def latency(self, share: float, since: float = 0.0, until: float = float("inf")) -> float:
        """Return a percentile of the seconds that accepted requests took which were due in a span of time."""
        return percentile(
            sorted(
                answer.seconds
                for answer in self.answers
                if answer.status == HTTPStatus.CREATED and since <= answer.due < until
            ),
            share,
        )

    async def stop(self) -> None:
        """Submit no more; returns when every answer has come."""
        self._stopped.set()
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._pace())]
        for lane in range(self._lanes):
            port = self._ports[lane % len(self._ports)]
            self._tasks.append(asyncio.create_task(self._serve(port)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        with suppress(asyncio.CancelledError):
            await self.stop()

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        due, number = loop.time(), 0
        while not self._stopped.is_set():
            while due <= loop.time():
                self._due.put_nowait((number, due))
                number += 1
                due += 1 / self._rate
            await asyncio.sleep(due - loop.time())
        for _ in range(self._lanes):
            self._due.put_nowait(None)

    async def _serve(self, port: int) -> None:
        """Send what is due over one connection, which is opened again when it has broken."""
        loop, wire = asyncio.get_running_loop(), Wire(port)
        while (request := await self._due.get()) is not None:
            number, due = request
            status, body = await wire.post("/jobs", self._job(number))
            self.answers.append(Answered(due, loop.time() - due, status, body))
        wire.close()


class Wire:
    """One keep-alive connection to the API, one request at a time. Far cheaper than a full HTTP client.

    Args:
        port: of the API.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        """Send a request once; return status and JSON of the answer, or 0 and None when none came."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(path, json.dumps(body).encode())
        except (OSError, EOFError, TimeoutError):
            self.close()
            return _NO_ANSWER, None

    def close(self) -> None:
        """Drop the connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()

    async def _exchange(self, path: str, body: bytes) -> tuple[int, Any]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port)
        head = f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.split("content-length: ")[1].split("\r\n")[0])
        content = await self._reader.readexactly(length)
        if "connection: close" in answer:
            self.close()
        return int(answer.split(" ", 2)[1]), json.loads(content)
