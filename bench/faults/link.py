"""One connection through a proxy: two directions, each reading at one end and writing at the other.

What has been read is written when its delay has passed and the gate is open, in order.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum

from bench.faults.addresses import Address

_PIECE = 65_536
_WAITING = 64
"""Pieces that may wait in one direction; beyond that nothing more is read, as with a real slow network."""


class Side(StrEnum):
    """An end of a connection."""

    CLIENT = "client"
    SERVER = "server"


class Gate:
    """What all connections of one proxy have to pass.

    Attributes:
        delay: seconds that every piece is held up.
        forwarded: bytes that have got through so far.
    """

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self.delay = 0.0
        self.forwarded = 0

    def open(self) -> None:
        """Let data pass."""
        self._open.set()

    def close(self) -> None:
        """Hold everything up."""
        self._open.clear()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()


class Link:
    """One client's connection, and the one made for it to the target.

    Args:
        reader: of the client.
        writer: to the client.
        gate: to be passed by all data.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate) -> None:
        self._reader = reader
        self._writers = {Side.CLIENT: writer}
        self._gate = gate
        self._silent = False
        self._dropped = asyncio.Event()
        self._closed: set[Side] = set()

    async def run(self, target: Address) -> None:
        """Connect to the target and forward until both directions have ended.

        Raises:
            OSError: the target can't be reached, or a connection broke.
        """
        await self._pass()  # a client that came during a stall waits here
        reader, writer = await target.open()
        self._writers[Side.SERVER] = writer
        async with asyncio.TaskGroup() as directions:
            directions.create_task(self._forward(self._reader, Side.SERVER))
            directions.create_task(self._forward(reader, Side.CLIENT))

    def fall_silent(self) -> None:
        """Never forward anything again, and leave both ends in the belief that they are connected."""
        self._silent = True

    def half_close(self, toward: Side) -> None:
        """Let one end hear the end of the stream; what still comes for it is dropped."""
        writer = self._writers.get(toward)
        if writer is not None and toward not in self._closed:
            self._closed.add(toward)
            with suppress(OSError):  # that end has gone already
                writer.write_eof()

    def abort(self) -> None:
        """Drop the connection at both ends, with whatever is under way."""
        self._dropped.set()
        for writer in self._writers.values():
            writer.transport.abort()

    async def _pass(self) -> None:
        await self._gate.passed()
        if self._silent:
            await self._dropped.wait()
            raise ConnectionAbortedError("dropped while it was silent")

    async def _forward(self, reader: asyncio.StreamReader, toward: Side) -> None:
        pieces: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue(_WAITING)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(reader, pieces))
            both.create_task(self._write(pieces, toward))

    async def _read(self, reader: asyncio.StreamReader, pieces: "asyncio.Queue[tuple[bytes, float]]") -> None:
        loop = asyncio.get_running_loop()
        piece = b"-"
        while piece:
            piece = await reader.read(_PIECE)
            await pieces.put((piece, loop.time() + self._gate.delay))

    async def _write(self, pieces: "asyncio.Queue[tuple[bytes, float]]", toward: Side) -> None:
        loop, writer = asyncio.get_running_loop(), self._writers[toward]
        while True:
            piece, at = await pieces.get()
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            await self._pass()
            if not piece:
                self.half_close(toward)
                return
            if toward not in self._closed:
                self._gate.forwarded += len(piece)
                writer.write(piece)
                await writer.drain()
