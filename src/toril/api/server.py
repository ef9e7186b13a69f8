"""Serves the API with uvicorn: its socket, its settings, and a graceful end."""

import asyncio
import socket
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from toril.domain.errors import SettingsError

_GRACE = 10


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        SettingsError: the address can't be used; the message says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"The API can't listen on {host}:{port}: {error.strerror or error}.",
            field="TORIL_PORT",
            hint="Choose another with --port, or stop the program that uses it.",
        ) from error
    listener.setblocking(False)  # noqa: FBT003
    return listener


class ApiServer:
    """One uvicorn server on a listening socket.

    Args:
        app: what it serves.
        listener: from `listen`.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                loop="none",
                lifespan="off",
                ws="none",
                access_log=False,
                log_level="warning",
                server_header=False,
                date_header=True,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_GRACE,
                backlog=2048,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Accept requests from now on."""
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        # uvicorn's own `serve` would install signal handlers; the process that runs us has its own.
        await self._server.startup(sockets=[self._listener])
        self._serving = asyncio.create_task(self._serve(), name="http")

    async def stop(self) -> None:
        """Accept no more, and let the requests under way end."""
        self._server.should_exit = True
        if self._serving is not None:
            with suppress(asyncio.CancelledError):
                await self._serving

    async def wait(self) -> None:
        """Wait until the server has ended."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def _serve(self) -> None:
        await self._server.main_loop()
        await self._server.shutdown(sockets=[self._listener])
