"""Submits over HTTP: `python -m bench.http_client PORT CONNECTIONS`, a process driven through the probe.

Keep-alive connections, one request at a time on each, written by hand on asyncio's protocols: a full HTTP
client would need more CPU than the server that is measured.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from time import time
from typing import cast

import uvloop

from bench.failure import BenchError
from bench.handlers import PAD, probe

_HOST = "127.0.0.1"
_CREATED = b"HTTP/1.1 201 "
_LENGTH = b"content-length: "


class Flight:
    """A number of jobs being submitted over all connections.

    Args:
        indices: of the jobs.
    """

    def __init__(self, indices: range) -> None:
        self._left: Iterator[int] = iter(indices)
        self._missing = len(indices)
        self.landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self) -> int | None:
        """Return the next job, if there is one."""
        return next(self._left, None)

    def answered(self) -> None:
        """Note an answer."""
        self._missing -= 1
        if self._missing == 0 and not self.landed.done():
            self.landed.set_result(None)

    def failed(self, reason: str) -> None:
        """Give up."""
        if not self.landed.done():
            self.landed.set_exception(BenchError(reason))


class Connection(asyncio.Protocol):
    """One connection: sends a request, reads its answer, sends the next."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._flight: Flight
        self._index = 0
        self._began = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._flight.failed("The API closed a connection.")

    def join(self, flight: Flight) -> None:
        """Submit jobs of this flight from now on."""
        self._flight = flight
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _whole(self._answer):
            return
        if not self._answer.startswith(_CREATED):
            self._flight.failed(f"The API answered: {self._answer.decode(errors='replace')[:500]}")
            return
        self._answer = b""
        probe.submitted(self._index, self._began)
        self._flight.answered()
        self._send()

    def _send(self) -> None:
        index = self._flight.next()
        if index is not None:
            self._index, self._began = index, time()
            self._transport.write(_request(index))


def _request(index: int) -> bytes:
    body = b'{"name":"noop","payload":{"i":%d,"pad":"%s"}}' % (index, PAD.encode())
    return (
        b"POST /jobs HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (_HOST.encode(), len(body), body)
    )


def _whole(answer: bytes) -> bool:
    """Whether an answer has come completely; they all declare their length."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    start = answer.lower().index(_LENGTH, 0, head) + len(_LENGTH)
    return len(answer) >= head + 4 + int(answer[start : answer.index(b"\r\n", start)])


async def submit(port: int, connections: int) -> None:
    """Submit everything when told to go."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Connection, _HOST, port))[1] for _ in range(connections)]
    await _fly(opened, probe.warm_up)
    probe.say_ready()
    while not probe.go:  # noqa: ASYNC110  # the other process can only store a byte
        await asyncio.sleep(0.002)
    await _fly(opened, range(probe.jobs))


async def _fly(connections: list[Connection], indices: range) -> None:
    flight = Flight(indices)
    for connection in connections:
        connection.join(flight)
    await flight.landed


if __name__ == "__main__":
    uvloop.run(submit(*map(int, sys.argv[1:])))
    signal.pause()
