"""HTTP as a careful client speaks it: it knows whether a request that failed can have been carried out.

Connections are kept alive. Written on asyncio's streams, because a full client would use more CPU than the
servers it is to load.
"""

import asyncio
import time
from collections import defaultdict
from typing import NamedTuple

_HOST = "127.0.0.1"
_STALE = 10.0
"""Seconds after which a kept connection isn't used again: the server closes it after 30."""


class NotSent(Exception):
    """Nobody listens: the request was not sent, so nothing can have come of it."""


class AnswerLost(Exception):
    """The request was sent, or a part of it, and no whole answer came: nobody knows what came of it."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float


class Wire:
    """Posts JSON to servers on the loopback interface.

    Args:
        path: where to post.
        deadline: seconds for an answer.
    """

    def __init__(self, path: str, deadline: float) -> None:
        self._path = path.encode()
        self._deadline = deadline
        self._idle: dict[int, list[_Connection]] = defaultdict(list)

    async def post(self, port: int, body: bytes) -> Answer:
        """Post and return the answer, whatever it says.

        Raises:
            NotSent: certainly nothing happened.
            AnswerLost: something may have.
        """
        reader, writer = await self._connected(port)
        try:
            async with asyncio.timeout(self._deadline):
                answer, kept = await self._ask(reader, writer, body)
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, (OSError, TimeoutError, EOFError, ValueError)):
                raise AnswerLost(f"{type(error).__name__}: {error}") from error
            raise
        if kept:
            self._idle[port].append(_Connection(reader, writer, time.monotonic()))
        else:
            writer.close()
        return answer

    def close(self) -> None:
        """Drop the connections that were kept."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.transport.abort()
        self._idle.clear()

    async def _connected(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        idle = self._idle[port]
        while idle:
            reader, writer, used_at = idle.pop()
            if not reader.at_eof() and time.monotonic() - used_at < _STALE:
                return reader, writer
            writer.transport.abort()
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.open_connection(_HOST, port)
        except (OSError, TimeoutError) as error:
            raise NotSent(str(error)) from error

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> tuple[Answer, bool]:
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (self._path, _HOST.encode(), len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status, *lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines if line)
        answer = Answer(int(status.split()[1]), await reader.readexactly(int(headers[b"content-length"])))
        return answer, headers.get(b"connection") != b"close"
