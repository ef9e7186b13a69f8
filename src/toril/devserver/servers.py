"""PostgreSQL and Valkey for a machine that has neither: started together, private, gone when we are gone.

`toril up` and the test suite use this. The data stays in one directory from run to run; one process at a
time can have it. Every failure is a `ServerError` with one sentence.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from toril.devserver.access import load_access
from toril.devserver.lock import DirectoryLock
from toril.devserver.place import Place, make_directory, settle
from toril.devserver.postgres import Postgres
from toril.devserver.server import Server, in_words, require_space
from toril.devserver.valkey import Valkey
from toril.domain.errors import ServerError

AnyServer = TypeVar("AnyServer", bound=Server)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers can be reached, as asyncpg and redis-py understand it."""

    database_url: str
    redis_url: str


class EmbeddedServers:
    """PostgreSQL and Valkey on the data of one directory; `start()` and `stop()`, or a `with` statement.

    Args:
        data_dir: holds everything the servers keep; made when missing.
        tcp: listen on 127.0.0.1 as well, with a password, for tools that can't use a Unix socket.
        postgres_settings: override or add PostgreSQL settings.
    """

    def __init__(
        self, data_dir: Path, *, tcp: bool = False, postgres_settings: Mapping[str, str] | None = None
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._tcp = tcp
        self._postgres_settings = postgres_settings or {}
        self._lock = DirectoryLock(self._data_dir)
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None

    @property
    def postgres(self) -> Postgres:
        """The handle on PostgreSQL: `pid`, `start`, `stop`, `restart`."""
        return started(self._postgres)

    @property
    def valkey(self) -> Valkey:
        """The handle on Valkey: `pid`, `start`, `stop`, `restart`, the last three also with `empty=True`."""
        return started(self._valkey)

    @property
    def place(self) -> Place:
        """Where the servers live; usually the data directory."""
        return self.postgres.place

    def start(self) -> Endpoints:
        """Start both servers and wait until both answer. Also recovers what a killed run has left.

        Raises:
            ServerError: one of them can't be started, or another process has the data directory.
        """
        try:
            self._prepare()
            self._start_both()
        except OSError as error:
            self.stop()
            raise in_words(error, self._data_dir) from error
        except BaseException:
            self.stop()
            raise
        return Endpoints(self.postgres.url, self.valkey.url)

    def stop(self) -> None:
        """Stop both servers, gracefully first, and wait until they have ended."""
        servers = [server for server in (self._valkey, self._postgres) if server is not None]
        for server in servers:
            if server.process is not None:
                server.process.stop()
        for server in servers:
            server.stop()
        self._lock.release()

    def trim_logs(self) -> None:
        """Keep the log files from growing for ever; call it now and then."""
        self.postgres.log.trim()
        self.valkey.log.trim()

    def require_space(self) -> None:
        """See whether there is room for the servers to go on.

        Raises:
            ServerError: the disk is full, or nearly so.
        """
        require_space(self.place.base)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Take the directory, and decide where and how the servers run."""
        self._data_dir.parent.mkdir(parents=True, exist_ok=True)
        # As root the servers run as somebody else, who must get through here. Secrets inside are private.
        if make_directory(self._data_dir, mode=0o711 if os.geteuid() == 0 else 0o700):
            (self._data_dir / ".gitignore").write_text("*\n")
        self._data_dir = self._data_dir.resolve()
        self._lock.acquire()
        require_space(self._data_dir)
        place = settle(self._data_dir)
        access = load_access(place.base / "access.json") if self._tcp else None
        self._postgres = Postgres(place, access, self._postgres_settings)
        self._valkey = Valkey(place, access)

    def _start_both(self) -> None:
        valkey = self.valkey.launch()  # first, so that it starts while PostgreSQL is being set up
        postgres = self.postgres.launch()
        self.valkey.wait_ready(valkey)
        self.postgres.wait_ready(postgres)


def started(server: AnyServer | None) -> AnyServer:
    if server is None:
        raise ServerError("The embedded servers have not been started.")
    return server
