"""`toril worker` as a process: what each signal does to it, whatever its handlers do."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.cli.conftest import APP, Running, Start, Toril, until

Enqueue = Callable[..., int]
Job = Callable[[int], dict[str, Any]]
TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.fixture
def worker(start: Start) -> Callable[..., Running]:
    """Start a worker and wait until it takes jobs."""

    def begin(*arguments: str) -> Running:
        running = start("worker", "--app", APP, *arguments)
        running.says("worker started")
        return running

    return begin


@pytest.mark.parametrize("number", [TERM, INT])
def test_an_idle_worker_stops_at_once(worker: Callable[..., Running], number: signal.Signals) -> None:
    idle = worker()
    idle.tell(number)
    assert idle.ended() == 0
    idle.says("worker stopped")


def test_running_jobs_are_let_finish(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, tmp_path: Path
) -> None:
    draining, file = worker(), tmp_path / "file"
    waiting = enqueue("wait_for", file=str(file))
    draining.says("waiting")
    draining.tell(TERM)
    draining.says("worker draining")
    file.touch()
    assert draining.ended() == 0
    assert job(waiting)["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "said"), [("never_return", "in a thread for ever"), ("never_obey", "in a loop for ever")]
)
def test_a_handler_that_never_ends_loses_its_job_and_holds_up_nothing(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, name: str, said: str
) -> None:
    held_up = worker("--grace", "0.1")
    endless = enqueue(name)
    held_up.says(said)
    held_up.tell(TERM)
    assert held_up.ended() == 0
    held_up.says("worker stopped")
    left = job(endless)
    assert (left["status"], left["interruptions"], left["failures"]) == ("pending", 1, 0)


@pytest.mark.parametrize(("second", "status"), [(TERM, 143), (INT, 130)])
def test_a_second_signal_ends_it_at_once(
    worker: Callable[..., Running], enqueue: Enqueue, second: signal.Signals, status: int, tmp_path: Path
) -> None:
    draining = worker("--grace", "60")
    enqueue("wait_for", file=str(tmp_path / "never"))
    draining.says("waiting")
    draining.tell(TERM)
    draining.says("worker draining")
    draining.tell(second)
    assert draining.ended(within=5) == status


def test_a_second_signal_works_even_when_a_handler_blocks_the_loop(
    worker: Callable[..., Running], enqueue: Enqueue
) -> None:
    blocked = worker()
    enqueue("block_the_loop")
    blocked.says("blocking")
    blocked.tell(TERM)

    def ends_with_another() -> bool:
        blocked.tell(TERM)  # two that come together are one for the kernel
        return blocked.process.poll() is not None

    until(ends_with_another, within=5)
    assert blocked.ended() == 143


def test_a_worker_can_be_stopped_while_it_waits_for_postgresql(start: Start) -> None:
    waiting = start("worker", "--app", APP, database_url="postgresql://127.0.0.1:1/x")
    waiting.says("part down")
    waiting.tell(TERM)
    assert waiting.ended() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "A worker needs an application"),
        (("--app", "nonsense"), "module:attribute"),
        (("--app", "tests.integration.cli.handlers:ap"), "did you mean 'app'?"),
        (("--app", APP, "--queues", "a:b"), "queue name"),
        (("--app", APP, "--concurrency", "0"), "--concurrency can't be 0"),
        (("--app", APP, "--metrics-port", "http"), "--metrics-port can't be 'http'"),
        (("--processes", "2"), "A worker needs an application"),
        (("--app", "tests.integration.cli.handlers:ap", "--processes", "2"), "did you mean 'app'?"),
    ],
    ids=" ".join,
)
def test_what_cant_work_ends_with_2_and_a_sentence(
    toril: Toril, arguments: tuple[str, ...], said: str
) -> None:
    answer = toril("worker", *arguments)
    assert answer.returncode == 2, answer.stderr
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_each_process_of_a_fleet_serves_its_metrics_on_the_first_free_port(
    start: Start, free_ports: str
) -> None:
    first = free_ports.partition("-")[0]
    fleet = start("worker", "--app", APP, "--processes", "2", metrics_port=first)
    fleet.says("probes served", times=2)
    urls = set(re.findall(r'"url": "([^"]+)"', fleet.err))
    assert urls == {f"http://127.0.0.1:{int(first) + number}" for number in range(2)}
    fleet.says("worker started", times=2)
    for url in urls:
        assert "toril_slots 100.0" in httpx.get(f"{url}/metrics").text
    fleet.tell(TERM)
    assert fleet.ended(within=30) == 0


def test_metrics_are_served_while_a_worker_waits_for_postgresql(start: Start, free_ports: str) -> None:
    waiting = start(
        "worker", "--app", APP, database_url="postgresql://127.0.0.1:1/x", metrics_port=free_ports
    )
    waiting.says("part down")
    assert httpx.get(f"{waiting.probes}/healthz").status_code == 200
    assert 'toril_part_up{part="postgresql"} 0.0' in httpx.get(f"{waiting.probes}/metrics").text


def test_a_fleet_replaces_who_dies_and_stops_together(
    start: Start, enqueue: Enqueue, job: Job, tmp_path: Path
) -> None:
    fleet = start("worker", "--app", APP, "--processes", "2")
    fleet.says("worker started", times=2)
    file = tmp_path / "file"
    file.touch()
    told = enqueue("wait_for", file=str(file))
    until(lambda: job(told)["finished_at"])
    pid = job(told)["result"]
    assert pid != fleet.process.pid
    os.kill(pid, signal.SIGKILL)
    fleet.says("was killed by SIGKILL")
    fleet.says("worker started", times=3)
    fleet.tell(TERM)
    assert fleet.ended(within=30) == 0
    fleet.says("worker stopped", times=2)
