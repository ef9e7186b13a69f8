"""The command line as people run it: real processes on real servers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
APP = "tests.integration.cli.handlers:app"

Toril = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "Running"]


def until(condition: Callable[[], Any], *, within: float = 30.0) -> Any:
    """Wait for something that happens in another process; return the first true answer."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it has not happened within {within:g} seconds"
        time.sleep(0.02)
    return answer


class Running:
    """A command that runs until it is stopped, and what it has printed so far.

    Args:
        folder: for its output.
        arguments: after `toril`.
        environment: all of it.
        module: what is run; the command line, unless something is to stand before it.
    """

    def __init__(
        self,
        folder: Path,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        module: tuple[str, ...] = ("toril",),
    ) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *module, *arguments],
                env=environment,
                cwd=folder,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said something, on either stream."""

        def has_said() -> bool:
            assert self.process.poll() is None or self._count(text) >= times, self.err
            return self._count(text) >= times

        until(has_said)

    @property
    def probes(self) -> str:
        """Where its metrics and probes are served, once it has said so."""
        self.says("probes served")
        found = re.search(r'"url": "([^"]+)"', self.err)
        assert found
        return found[1]

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self, within: float = 15.0) -> int:
        """Wait for its end and return the exit status as a shell would."""
        status = self.process.wait(within)
        return 128 - status if status < 0 else status

    def _count(self, text: str) -> int:
        return self.out.count(text) + self.err.count(text)


@pytest.fixture
def free_ports() -> str:
    """A range of ports whose first was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    return f"{first}-{min(first + 50, 65535)}"


@pytest.fixture
def environment(database_url: str, redis_url: str, prefix: str) -> dict[str, str]:
    """The environment of every command: ours, without our settings, with the test's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TORIL_", "COLUMNS"))}
    path = os.pathsep.join(filter(None, [str(ROOT), ours.get("PYTHONPATH", "")]))
    servers = {"TORIL_DATABASE_URL": database_url, "TORIL_REDIS_URL": redis_url, "TORIL_PREFIX": prefix}
    return ours | servers | {"PYTHONPATH": path, "TORIL_LOG": "json"}


@pytest.fixture
def toril(environment: dict[str, str], tmp_path: Path) -> Toril:
    """Run a command to its end; settings as keywords: `redis_url=…`."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        changes = {f"TORIL_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "toril", *arguments],
            env=environment | changes,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a command that goes on; it is killed with the test."""
    started: list[Running] = []

    def begin(*arguments: str, **settings: str) -> Running:
        changes = {f"TORIL_{name.upper()}": value for name, value in settings.items()}
        folder = tmp_path / f"process{len(started)}"
        folder.mkdir()
        started.append(Running(folder, arguments, environment | changes))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.wait()


@pytest.fixture
def enqueue(toril: Toril) -> Callable[..., int]:
    """Submit a job and return its id."""

    def submit(name: str, **parameters: object) -> int:
        given = [part for key, value in parameters.items() for part in ("-p", f"{key}={json.dumps(value)}")]
        answer = toril("enqueue", name, *given, "--json")
        assert answer.returncode == 0, answer.stderr
        job_id: int = json.loads(answer.stdout)["id"]
        return job_id

    return submit


@pytest.fixture
def job(toril: Toril) -> Callable[[int], dict[str, Any]]:
    """Return all that is known of a job."""

    def show(job_id: int) -> dict[str, Any]:
        details: dict[str, Any] = json.loads(toril("jobs", "show", str(job_id), "--json").stdout)
        return details

    return show
