"""A TCP proxy that does what networks do: drop connections, refuse them, delay, half-close, and fall silent.

It runs in a thread with an event loop of its own, so that both plain and `async` code can use it; its methods
return when what they ask for holds. What it can't do is to lose single packets: both of its ends are TCP.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from bench.faults.addresses import LOOPBACK, Address, address_of, redirected
from bench.faults.link import Gate, Link, Side

_PATIENCE = 10.0


class Mode(StrEnum):
    """What happens to connections."""

    FORWARD = "forward"
    STALL = "stall"
    REFUSE = "refuse"


class Proxy:
    """Stands between a client and a server; forwards until told otherwise. Use it in a `with` statement.

    Args:
        target: the server: a URL of PostgreSQL or Redis, `host:port`, or the path of a Unix socket.

    Attributes:
        port: where it listens on the loopback interface; the same whatever happens.
        mode: what it does with connections at present.
        accepted: how many clients have connected so far.
    """

    def __init__(self, target: str) -> None:
        self._target_url = target
        self._target: Address = address_of(target)
        self._gate = Gate()
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        # Bound and never listening: it keeps the port while connections are refused.
        self._claim = _bound(0)
        self.port: int = self._claim.getsockname()[1]
        self.mode = Mode.FORWARD
        self.accepted = 0

    @property
    def url(self) -> str:
        """The URL that was given as target, through the proxy."""
        return redirected(self._target_url, self.port)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    @property
    def forwarded(self) -> int:
        """How many bytes have got through so far, in both directions together."""
        return self._gate.forwarded

    def forward(self, *, keep: bool = True) -> None:
        """Forward again, and accept connections.

        Args:
            keep: connections that were stalled go on where they were. Without it they stay silent for ever,
                as behind a firewall that has forgotten them; only new ones work.
        """
        self._do(self._forward(keep=keep))

    def stall(self) -> None:
        """Forward nothing any more, in either direction; accept new connections, and say nothing to them."""
        self._do(self._stall())

    def refuse(self) -> None:
        """Close all connections and refuse new ones."""
        self._do(self._refuse())

    def cut(self) -> None:
        """Drop the present connections, once; new ones are welcome."""
        self._do(self._cut())

    def half_close(self, toward: Side = Side.CLIENT) -> None:
        """Shut down one direction of the present connections: `toward` hears the end of the stream.

        The other direction goes on, so that requests may still arrive whose answers never come.
        """
        self._do(self._half_close(toward))

    def delay(self, seconds: float) -> None:
        """Hold up every piece of data for so long from now on, in either direction; 0 for no longer."""
        self._do(self._delay(seconds))

    def __enter__(self) -> Self:
        self._thread.start()
        self.forward()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()
        self._claim.close()

    def _do(self, change: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(change, self._loop).result(_PATIENCE)

    async def _forward(self, *, keep: bool) -> None:
        if not keep:
            for link in self._links:
                link.fall_silent()
        self._gate.open()
        if self._server is None:
            listener = _bound(self.port)
            self._server = await asyncio.start_server(self._accept, sock=listener, backlog=1024)
        self.mode = Mode.FORWARD

    async def _stall(self) -> None:
        if self._server is None:
            await self._forward(keep=True)
        self._gate.close()
        self.mode = Mode.STALL

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()
        self.mode = Mode.REFUSE

    async def _cut(self) -> None:
        for link in list(self._links):
            link.abort()

    async def _half_close(self, toward: Side) -> None:
        for link in list(self._links):
            link.half_close(toward)

    async def _delay(self, seconds: float) -> None:
        self._gate.delay = seconds

    async def _close(self) -> None:
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which aborted connections are closed

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = Link(reader, writer, self._gate)
        self._links.add(link)
        self._tasks.add(task := self._loop.create_task(self._serve(link)))
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, link: Link) -> None:
        try:
            await link.run(self._target)
        except* OSError:  # the target refuses, or either end has gone: the client sees it closed
            pass
        finally:
            link.abort()
            self._links.discard(link)


def _bound(port: int) -> socket.socket:
    """Return a socket on this port of the loopback interface, which more than one may have."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((LOOPBACK, port))
    bound.setblocking(False)  # noqa: FBT003
    return bound
