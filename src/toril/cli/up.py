"""`toril up`: everything on this machine with one command, for development and for a first look.

Starts the embedded servers, migrates, runs the API and the workers under one supervisor, and says what to
try next. Their output goes straight to the terminal. Ctrl-C stops the API, then the workers, then the
servers; a second one does so at once. Nothing outlives this process, not even after kill -9; the data stays
for the next time.
"""

import asyncio
import contextlib
import errno
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer

from toril.cli import output
from toril.devserver.servers import EmbeddedServers, Endpoints
from toril.domain.errors import ServerError
from toril.runtime.guarded import Program
from toril.runtime.processes import Child, Command, Supervisor
from toril.settings import read_settings

READY_TIMEOUT, WORKER_TIMEOUT, READY_POLL = 60.0, 15.0, 0.05
HOUSEKEEPING_INTERVAL = 2.0
API_LADDER = (("TERM", 15.0), ("KILL", 5.0))
LAST_WORDS = 20.0  # seconds that a worker needs beyond its grace, to record the last outcomes
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Application:
    """A module with job handlers to run when none is named, and a job to try.

    Args:
        app: the application as `toril worker --app` takes it.
        directory: where its module is found, relative to the current directory; None when it is installed.
        job: the body of a request that submits one of its jobs.
    """

    app: str
    directory: Path | None
    job: str


THUMBNAILS = Application(
    "thumbnails:app", Path("examples/thumbnails"), '{"name": "thumbnail", "payload": {"path": "coffee.png"}}'
)
DEMO = Application("toril.cli.demo:app", None, '{"name": "hello", "payload": {"name": "world"}}')
YOUR_JOB = '{"name": "the_name_of_a_job", "payload": {}}'


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API listens, and where a browser on this machine finds it."""

    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # not bound here

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a person is told when everything runs."""

    address: Address
    application: Application
    servers: EmbeddedServers
    processes: int
    environment_file: Path

    def text(self) -> str:
        return f"""
Toril is up.

  API     {self.address.url}/jobs    (documentation: {self.address.url}/docs)
  Data    {self.servers.place.base}
  Stop    Ctrl-C

Submit a job:

  curl -s {self.address.url}/jobs -H 'content-type: application/json' -d '{self.application.job}'

and look at it, with the id from the answer:

  curl -s {self.address.url}/jobs/1

Other commands, in another terminal:

  . {self.environment_file}
  {Path(sys.executable).with_name("toril")} jobs list
"""


def up(
    *,
    app: Annotated[
        str | None,
        typer.Option(envvar="TORIL_APP", help="The application, as module:attribute; else an example."),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar="TORIL_HOST", help="The address that the API listens on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, envvar="TORIL_PORT", help="The port that the API listens on.")
    ] = 3000,
    data: Annotated[Path, typer.Option(help="Where PostgreSQL and Valkey keep their data.")] = Path(".toril"),
    processes: Annotated[
        int,
        typer.Option("--processes", "--workers", min=0, envvar="TORIL_PROCESSES", help="Worker processes."),
    ] = 1,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Jobs at once in each process.")] = None,
    tcp: Annotated[
        bool,
        typer.Option("--tcp", help="Let PostgreSQL and Valkey listen on 127.0.0.1 too, with a password."),
    ] = False,
) -> None:
    """Run everything here: PostgreSQL, Valkey, the API and a worker."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the supervisor takes the signals
    application = Application(app, None, YOUR_JOB) if app is not None else example()
    address, servers = Address(host, port), EmbeddedServers(data, tcp=tcp)
    try:
        endpoints = servers.start()
        environment = child_environment(endpoints, application)
        if ports := read_settings(environment).metrics_port_for(processes + 1):  # the API has one too
            environment["TORIL_METRICS_PORT"] = ports
        environment_file = write_environment(data, endpoints)
        require_free(address)
        migrate(environment)
        workers = [
            worker(application, number, concurrency, environment) for number in range(1, processes + 1)
        ]
        stages: list[Sequence[Child]] = [
            [servers.postgres, servers.valkey],
            workers,
            [api(address, environment)],
        ]
        asyncio.run(supervise(stages, Welcome(address, application, servers, processes, environment_file)))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        servers.stop()
    output.note(f"Stopped. The data stays in {data}.")


def example() -> Application:
    """What to run when nothing is named: this repository's example when we are in it, else a small demo."""
    return THUMBNAILS if THUMBNAILS.directory and THUMBNAILS.directory.is_dir() else DEMO


def require_free(address: Address) -> None:
    """Find out now, and in words, that the API could not listen.

    Raises:
        ServerError: it could not.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program does already" if taken else error.strerror
        raise ServerError(
            f"The API can't listen on {address.host}:{address.port}: {reason}.",
            hint=f"Take another port: --port {address.port + 1}" if taken else "Check --host and --port.",
        ) from None


def child_environment(endpoints: Endpoints, application: Application) -> dict[str, str]:
    """Our environment, with the servers' addresses and the way to the application's module."""
    ours = os.environ | {"TORIL_DATABASE_URL": endpoints.database_url, "TORIL_REDIS_URL": endpoints.redis_url}
    if application.directory is not None:
        path = [str(application.directory.resolve()), os.environ.get("PYTHONPATH", "")]
        ours["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return ours


def write_environment(data: Path, endpoints: Endpoints) -> Path:
    """Write where the servers are, for other commands; for the owner alone: with --tcp it is a secret."""
    file = data / "env"
    file.touch(mode=0o600)
    file.chmod(0o600)
    settings = {"TORIL_DATABASE_URL": endpoints.database_url, "TORIL_REDIS_URL": endpoints.redis_url}
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))
    return file


def toril(*arguments: str) -> list[str | Path]:
    return [sys.executable, "-m", "toril", *arguments]


def migrate(environment: dict[str, str]) -> None:
    """Bring the database up to date; a failure has told why on the terminal."""
    status = subprocess.run(toril("migrate"), env=environment, check=False).returncode
    if status:
        raise typer.Exit(status)


def api(address: Address, environment: dict[str, str]) -> Command:
    argv = toril("api", "--host", address.host, "--port", str(address.port))
    return Command(Program("The API", argv, API_LADDER, environment))


def worker(
    application: Application, number: int, concurrency: int | None, environment: dict[str, str]
) -> Command:
    argv = toril("worker", "--app", application.app, "--processes", "1")
    if concurrency is not None:
        argv += ["--concurrency", str(concurrency)]
    ladder = (("TERM", read_settings(environment).grace + LAST_WORDS), ("KILL", 5.0))
    return Command(Program(f"Worker {number}", argv, ladder, environment))


async def supervise(stages: Sequence[Sequence[Child]], welcome: Welcome) -> None:
    """Run the children until we are told to stop; say so when everything is up, and when the stop begins."""
    supervisor = Supervisor(stages, on_ended=lambda ended: output.note(f"! {ended}", style="bold red"))
    supervisor.starting = True
    attendants = [greet(supervisor, welcome), announce_stop(supervisor), keep_house(welcome.servers)]
    tasks = [asyncio.create_task(attendant) for attendant in attendants]
    try:
        await supervisor.run()
    finally:
        for task in tasks:
            task.cancel()


async def greet(supervisor: Supervisor, welcome: Welcome) -> None:
    """Wait until a submitted job would be accepted and run, and say what to try."""
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            await answered(welcome.address, "/readyz", lambda _: True)
    except TimeoutError:
        late = f"The API has not become ready in {READY_TIMEOUT:g} s; see what it said above."
        supervisor.fail(ServerError(late))
        return
    if welcome.processes:
        with contextlib.suppress(TimeoutError):  # without a worker the API is useful, too
            async with asyncio.timeout(WORKER_TIMEOUT):
                await answered(welcome.address, "/queues", has_worker)
    supervisor.starting = False
    output.say(welcome.text())


def has_worker(queues: bytes) -> bool:
    """Whether a worker serves some queue; its job names are known to the API by then."""
    return any(queue["workers"] for queue in json.loads(queues)["queues"])


async def answered(address: Address, path: str, satisfies: Callable[[bytes], bool]) -> None:
    """Wait until the API answers with 200, and what it says satisfies."""
    while True:
        with contextlib.suppress(OSError):  # it doesn't listen yet
            status, body = await get(address, path)
            if status == HTTPStatus.OK and satisfies(body):
                return
        await asyncio.sleep(READY_POLL)


async def get(address: Address, path: str) -> tuple[int, bytes]:
    """GET a path; return the status and the body, or status 0 when the connection was closed early."""
    reader, writer = await asyncio.open_connection(address.reachable_host, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        words = head.split(maxsplit=2)
        return (int(words[1]) if len(words) > 1 else 0), body
    finally:
        writer.close()


async def announce_stop(supervisor: Supervisor) -> None:
    await supervisor.stopping.wait()
    output.note(
        "Stopping: the API, the workers when their jobs are done, the servers. Ctrl-C again to hurry."
    )


async def keep_house(servers: EmbeddedServers) -> None:
    """Keep the logs small, and warn once when the disk is full: the servers may go on, refusing to write."""
    warned = False
    while True:
        await asyncio.sleep(HOUSEKEEPING_INTERVAL)
        servers.trim_logs()
        try:
            servers.require_space()
            warned = False
        except ServerError as error:
            if not warned:
                output.note(f"! {error}", style="bold red")
            warned = True
