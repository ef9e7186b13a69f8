"""A stage for end-to-end tests: the API, workers and other programs as real processes on real servers."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "thumbnails"

Job = dict[str, Any]
Process = subprocess.Popen[bytes]


def until(condition: Callable[[], Any], *, within: float = 30.0) -> Any:
    """Wait for something that happens in another process; return the first true answer."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it has not happened within {within:g} seconds"
        time.sleep(0.02)
    return answer


class Stage:
    """Processes with one environment: the API from the start, and whatever a test starts.

    Args:
        folder: their working directory; what each of them prints goes to `<name>.out` there.
        environment: where the servers are, and what else they are to be told.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TORIL_")},
            "PYTHONPATH": str(EXAMPLE),
            **environment,
        }
        self._processes: list[Process] = []
        self.http = httpx.Client()

    def __enter__(self) -> Self:
        self.start("api", "-m", "toril", "api", "--port", "0")
        self.http.base_url = until(self._address)
        until(self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        for process in self._processes:
            process.kill()
            process.wait()
        for output in sorted(self.folder.glob("*.out")):  # which is shown when a test fails
            sys.stdout.write(f"== {output.name}\n{output.read_text()}\n")

    def start(self, name: str, *arguments: str) -> Process:
        """Start a Python program; its output goes to a file."""
        with (self.folder / f"{name}.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def start_worker(self, app: str) -> Process:
        """Start a worker that runs two jobs at a time, and wait until it is there."""
        before = self._workers()
        worker = self.start("worker", "-m", "toril", "worker", "--app", app, "--concurrency", "2")
        until(lambda: self._workers() > before)
        return worker

    def jobs(self, status: str) -> list[Job]:
        """Return the jobs with a status."""
        answer = self.http.get("/jobs", params={"status": status, "limit": 500})
        jobs: list[Job] = answer.raise_for_status().json()["jobs"]
        return jobs

    def job(self, job_id: int) -> Job:
        """Return all that is known of a job."""
        details: Job = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
        return details

    def run(self, name: str, payload: Job) -> Job:
        """Submit a job and return it when it has ended."""
        answer = self.http.post("/jobs", json={"name": name, "payload": payload})
        return self.ended(answer.raise_for_status().json()["id"])

    def ended(self, job_id: int) -> Job:
        """Return a job when it has ended."""
        until(lambda: self.job(job_id)["finished_at"])
        return self.job(job_id)

    def _workers(self) -> int:
        queues = self.http.get("/queues").raise_for_status().json()["queues"]
        return sum(queue["workers"] for queue in queues)

    def _ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def _address(self) -> str | None:
        found = re.search(r"listens on (\S+)", (self.folder / "api.out").read_text())
        return found and found[1]
