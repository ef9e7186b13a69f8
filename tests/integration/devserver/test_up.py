"""`toril up` as a person meets it: one command, a line to paste, Ctrl-C; and what kill -9 leaves behind."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.devserver.conftest import gone, wait_until

ROOT = Path(__file__).parents[3]  # `toril up` runs the example when it is there


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


class Up:
    """A running `toril up`, its output in a file."""

    def __init__(self, scratch: Path, *arguments: str, cwd: Path = ROOT) -> None:
        self._output = scratch / "output"
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "toril", "up", "--data", str(scratch / "data"), *arguments],
                cwd=cwd,
                env={**os.environ, "THUMBNAILS_OUTPUT": str(scratch / "thumbnails")},
                stdout=file,
                stderr=file,
            )

    def said(self) -> str:
        return self._output.read_text()

    def wait_ready(self) -> None:
        wait_until(lambda: "Toril is up" in self.said() or self.process.poll() is not None, within=60)
        assert self.process.poll() is None, self.said()


@pytest.fixture
def up(scratch: Path, data_dir: Path, port: int) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str, cwd: Path = ROOT) -> Up:
        started.append(Up(scratch, "--port", str(port), *arguments, cwd=cwd))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
        one.process.wait()


def descendants(pid: int) -> list[int]:
    """A process and all that it started, however deep."""
    pairs = subprocess.check_output(["ps", "-axo", "pid=,ppid="], text=True).split("\n")
    parents = {int(child): int(parent) for child, parent in (pair.split() for pair in pairs if pair)}
    found = [pid]
    for one in found:  # grows as it goes
        found += [child for child, parent in parents.items() if parent == one]
    return found


def test_the_line_it_prints_works_and_ctrl_c_ends_everything(up: Callable[..., Up]) -> None:
    running = up()
    running.wait_ready()
    line = next(
        line for line in running.said().splitlines() if line.strip().startswith("curl") and "-d" in line
    )
    words = shlex.split(line)
    url = next(word for word in words if word.startswith("http"))
    headers = {"content-type": "application/json"}
    submitted = httpx.post(url, content=words[words.index("-d") + 1], headers=headers)
    assert submitted.status_code == 201
    job = f"{url}/{submitted.json()['id']}"
    wait_until(lambda: httpx.get(job).json()["status"] == "completed")
    processes = descendants(running.process.pid)
    assert len(processes) > 8  # itself; guards and programs of two servers, API and worker
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait() == 0
    assert all(gone(pid) for pid in processes)
    assert "Stopped." in running.said()


def test_nothing_stays_after_kill_9_and_the_next_start_works(up: Callable[..., Up]) -> None:
    first = up()
    first.wait_ready()
    processes = descendants(first.process.pid)
    first.process.kill()
    first.process.wait()
    wait_until(lambda: all(gone(pid) for pid in processes), within=30)
    up().wait_ready()


def test_a_killed_server_is_told_of_and_comes_back(up: Callable[..., Up], scratch: Path, port: int) -> None:
    running = up()
    running.wait_ready()
    postmaster = int((scratch / "data" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    wait_until(
        lambda: re.search(r"PostgreSQL was killed by SIGKILL; .*postgresql\.log", running.said()) is not None
    )
    wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, within=30)


def test_a_taken_port_is_one_sentence(up: Callable[..., Up], port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        refused = up()
        assert refused.process.wait() == 1
    assert f"can't listen on 127.0.0.1:{port}" in refused.said()
    assert f"--port {port + 1}" in refused.said()
    assert "Traceback" not in refused.said()


def test_outside_of_a_project_it_runs_a_demo_and_other_commands_find_the_servers(
    up: Callable[..., Up], scratch: Path, port: int
) -> None:
    running = up(cwd=scratch)
    running.wait_ready()
    body = {"name": "hello", "payload": {"name": "Ada"}}
    submitted = httpx.post(f"http://127.0.0.1:{port}/jobs", json=body)
    job = f"http://127.0.0.1:{port}/jobs/{submitted.json()['id']}"
    wait_until(lambda: httpx.get(job).json()["status"] == "completed")
    assert httpx.get(job).json()["result"] == "Hello, Ada!"
    file = scratch / "data" / "env"
    assert file.stat().st_mode & 0o777 == 0o600
    listed = subprocess.check_output(
        ["sh", "-c", f". {file} && exec {sys.executable} -m toril jobs list --json"], text=True
    )
    assert '"hello"' in listed
