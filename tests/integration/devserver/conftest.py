"""Data directories for embedded servers, and a parent process that a test can kill."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from toril.devserver.servers import EmbeddedServers

HOLDER = Path(__file__).with_name("holder.py")


def wait_until(condition: Callable[[], bool], *, within: float = 15.0) -> None:
    """Wait until the condition holds; fail when it doesn't in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected has."""
    try:
        state = subprocess.check_output(["ps", "-o", "stat=", "-p", str(pid)], text=True).strip()
    except subprocess.CalledProcessError:
        return True
    return state.startswith("Z")


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that the servers' user can get into; pytest's own are for one user only."""
    directory = Path(tempfile.mkdtemp(prefix="toril-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def scratch() -> Iterator[Path]:
    with open_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServers]:
    """Running servers for tests that only look."""
    with open_directory() as directory, EmbeddedServers(directory / "data") as servers:
        yield servers


@pytest.fixture(scope="session")
def used_before() -> Iterator[Path]:
    """A data directory from an earlier run, to be copied: a second start is much faster than a first one."""
    with open_directory() as directory:
        with EmbeddedServers(directory / "data"):
            pass
        yield directory / "data"


@pytest.fixture
def data_dir(scratch: Path, used_before: Path) -> Path:
    """A data directory for one test, set up already; take `scratch / "data"` to begin with nothing."""
    subprocess.run(["cp", "-Rp", str(used_before), str(scratch / "data")], check=True)
    return scratch / "data"


@dataclass(frozen=True, slots=True)
class Holder:
    """Another process that runs embedded servers, and the ids of all processes involved."""

    process: subprocess.Popen[str]
    database_url: str
    redis_url: str
    postgres: int
    valkey: int
    guards: list[int]

    @property
    def servers(self) -> list[int]:
        return [self.postgres, self.valkey]


@pytest.fixture
def hold(data_dir: Path) -> Iterator[Callable[[], Holder]]:
    """Start servers on the test's data directory from a process of their own."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> Holder:
        argv = [sys.executable, str(HOLDER), str(data_dir)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return Holder(process, **json.loads(process.stdout.readline()))

    yield start
    for process in processes:
        process.communicate()  # ends its input, which ends it


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: only root runs the servers as another user")
