"""Servers that stop answering, without a word: processes that have gone deaf show it, and recover."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.cli.conftest import Running, Start, until
from tests.servers import LiveServers

APP = "tests.faults.handlers:app"


class Paused:
    """Processes that a test has stopped."""

    def __init__(self) -> None:
        self._stopped: list[psutil.Process] = []

    def stop(self, pid: int) -> None:
        """Stop a process and all of its children: PostgreSQL serves each connection in one."""
        process = psutil.Process(pid)
        self._stopped = [process, *process.children(recursive=True)]
        for each in self._stopped:
            each.suspend()

    def resume(self) -> None:
        for each in self._stopped:
            if each.is_running():
                each.resume()
        self._stopped = []


@pytest.fixture
def paused() -> Iterator[Paused]:
    processes = Paused()
    yield processes
    processes.resume()


def overdue(running: Running) -> set[str]:
    """Return the loops that a scrape shows to have been silent for too long."""
    shown: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(httpx.get(f"{running.probes}/metrics").text):
        for sample in family.samples:
            if "loop" in sample.labels:
                shown.setdefault(sample.labels["loop"], {})[sample.name] = sample.value
    return {
        loop
        for loop, values in shown.items()
        if values["toril_loop_silent_seconds"] > values["toril_loop_silence_limit_seconds"]
    }


def ready(running: Running) -> int:
    return httpx.get(f"{running.probes}/readyz").status_code


def up(running: Running, part: str) -> bool:
    return f'toril_part_up{{part="{part}"}} 1.0' in httpx.get(f"{running.probes}/metrics").text


@pytest.mark.parametrize(
    ("part", "deaf"),
    [("redis", {"markers"}), ("postgresql", {"relay", "leader"})],
    ids=["redis", "postgresql"],
)
@pytest.mark.timeout(240)
def test_loops_that_a_silent_server_has_made_deaf_are_shown_and_recover(
    start: Start, servers: LiveServers, free_ports: str, paused: Paused, part: str, deaf: set[str]
) -> None:
    worker = start("worker", "--app", APP, metrics_port=free_ports)
    worker.says("worker started")
    until(lambda: ready(worker) == 200)
    assert up(worker, part)
    server = servers.embedded.valkey if part == "redis" else servers.embedded.postgres
    paused.stop(server.pid)
    until(lambda: deaf <= overdue(worker), within=90)
    assert ready(worker) == 503
    assert not up(worker, part)
    assert httpx.get(f"{worker.probes}/healthz").status_code == 200  # its event loop is fine
    paused.resume()
    until(lambda: ready(worker) == 200, within=60)
    until(lambda: up(worker, part))
    worker.tell(signal.SIGTERM)
    assert worker.ended(within=30) == 0


def test_a_loop_that_a_handler_blocks_is_shown_by_the_process_itself(
    start: Start, enqueue: Callable[..., int], free_ports: str, tmp_path: Path
) -> None:
    worker = start("worker", "--app", APP, metrics_port=free_ports)
    worker.says("worker started")
    ledger = tmp_path / "ledger"
    ledger.touch()
    enqueue("block_the_loop", ledger=str(ledger), seconds=10)
    until(lambda: "event loop" in overdue(worker))
    assert ready(worker) == 503
    assert httpx.get(f"{worker.probes}/healthz").status_code == 200  # not yet for long enough to end it
    until(lambda: ready(worker) == 200)
