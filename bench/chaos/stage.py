"""Where a chaos run takes place: servers, a proxy on each way to them, the fleet, files for witnesses.

Everything is in one directory, so that it can be kept and looked at. We ourselves go to the servers directly;
only the fleet's ways are ever broken.
"""

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.chaos import clocks
from bench.chaos.fleet import Fleet, Member
from bench.chaos.kinds import APIS, CLIENT, EVERYONE, LEASE, POSTGRES, REDIS, WORKERS
from bench.faults import ledger
from bench.faults.addresses import LOOPBACK
from bench.faults.clock import set_clock
from bench.faults.proxy import Proxy
from bench.servers import SETTINGS
from toril.devserver.servers import EmbeddedServers

_CONCURRENCY = 50
_GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A run's surroundings; see `set_stage`.

    Attributes:
        directory: holds all of it.
        servers: PostgreSQL and Valkey.
        database_url: PostgreSQL, directly.
        redis_url: Valkey, directly.
        proxies: by (server, member).
        fleet: the processes.
    """

    directory: Path
    servers: EmbeddedServers
    database_url: str
    redis_url: str
    proxies: dict[tuple[str, str], Proxy]
    fleet: Fleet

    @property
    def ledger(self) -> Path:
        """What handlers did."""
        return self.directory / "ledger"

    @property
    def clocks(self) -> Path:
        """What time handlers believed it was."""
        return self.directory / "clocks"

    @property
    def accepted(self) -> Path:
        """The ids that clients were given."""
        return self.directory / "accepted"

    @property
    def redis_data(self) -> Path:
        """Valkey's data directory."""
        return self.servers.place.base / "valkey"

    def clock_of(self, member: str) -> Path:
        """Return the file that sets a member's clock."""
        return self.directory / f"clock-{member.replace(' ', '-')}"

    def links(self, server: str, target: str) -> list[Proxy]:
        """Return the proxies between a member, or everyone, and a server."""
        return [
            proxy
            for (to, member), proxy in self.proxies.items()
            if to == server and target in (member, EVERYONE)
        ]

    def second_notes(self) -> list[Path]:
        """Return the files of what clients did each second."""
        return sorted(self.directory.glob("client-*.jsonl"))

    @asynccontextmanager
    async def asked(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Open a connection to PostgreSQL for some questions."""
        connection = await asyncpg.connect(self.database_url, timeout=10, command_timeout=60)
        try:
            yield connection
        finally:
            await connection.close()


@contextmanager
def set_stage(directory: Path, seed: int, rate: float) -> Iterator[Stage]:
    """Start the servers and proxies, and prepare the fleet without starting it; stop all afterwards.

    Args:
        directory: an empty one, which is not removed.
        seed: the client draws its jobs from it.
        rate: submissions per second.
    """
    directory.chmod(0o711)  # as root the servers run as another user, who must get in
    (directory / "logs").mkdir()
    with ExitStack() as stack:
        servers = EmbeddedServers(directory / "servers", postgres_settings=SETTINGS)
        stack.callback(servers.stop)
        endpoints = servers.start()
        urls = {REDIS: endpoints.redis_url, POSTGRES: endpoints.database_url}
        proxies = {
            (server, member): stack.enter_context(Proxy(url))
            for server, url in urls.items()
            for member in (*WORKERS, *APIS)
        }
        ports = {api: stack.enter_context(_claimed_port()) for api in APIS}
        fleet = Fleet()
        stage = Stage(directory, servers, urls[POSTGRES], urls[REDIS], proxies, fleet)
        fleet.join(*_members(stage, ports, seed, rate))
        stack.callback(fleet.kill)
        yield stage


def _members(stage: Stage, ports: dict[str, int], seed: int, rate: float) -> Iterator[Member]:
    logs = stage.directory / "logs"
    for name in WORKERS:
        set_clock(stage.clock_of(name), 0.0)
        clock = ["-m", "bench.faults.saboteur", "--clock", str(stage.clock_of(name)), "--"]
        worker = [*clock, "worker", "--app", "bench.chaos.handlers:app"]
        yield Member(name, _always(worker), _environment(stage, name), "worker started", logs)
    for name, port in ports.items():
        api = ["-m", "toril", "api", "--port", str(port)]
        yield Member(name, _always(api), _environment(stage, name), "The API listens", logs)

    def client(run: int) -> list[str]:
        notes = stage.directory / f"client-{run:04}.jsonl"
        arguments = [rate, stage.accepted, notes, seed % 1_000_000 * 1_000 + run, *ports.values()]
        return ["-m", "bench.chaos.load", *map(str, arguments)]

    yield Member(CLIENT, client, _inherited(), "submitting", logs)


def _always(command: list[str]) -> Callable[[int], list[str]]:
    return lambda _run: command


def _inherited() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TORIL_")}
    return ours | {"PYTHONUNBUFFERED": "1"}


def _environment(stage: Stage, member: str) -> dict[str, str]:
    return _inherited() | {
        "TORIL_DATABASE_URL": stage.proxies[POSTGRES, member].url,
        "TORIL_REDIS_URL": stage.proxies[REDIS, member].url,
        "TORIL_PREFIX": "chaos",
        "TORIL_LEASE": str(LEASE),
        "TORIL_GRACE": str(_GRACE),
        "TORIL_CONCURRENCY": str(_CONCURRENCY),
        "TORIL_LOG": "json",
        ledger.VARIABLE: str(stage.ledger),
        clocks.VARIABLE: str(stage.clocks),
    }


@contextmanager
def _claimed_port() -> Iterator[int]:
    """Hold a port for an API: bound, never listening.

    While the API is dead, no outgoing connection on this machine gets the port, or it could not start again.
    """
    with socket.socket() as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind((LOOPBACK, 0))
        port: int = claim.getsockname()[1]
        yield port
