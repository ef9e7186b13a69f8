"""Workers that are blocked, wedged, killed, or paused past their lease: one outcome for each job."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Running, Start, until
from toril.worker.heartbeat import EXIT_WEDGED

APP = "tests.faults.handlers:app"
Enqueue = Callable[..., int]
Job = Callable[[int], dict[str, Any]]


@pytest.fixture
def worker(start: Start) -> Callable[..., Running]:
    """Start a worker with the shortest lease, and wait until it takes jobs."""

    def begin(**settings: str) -> Running:
        running = start("worker", "--app", APP, **({"lease": "2"} | settings))
        running.says("worker started")
        return running

    return begin


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A file outside of the system in which handlers count their runs."""
    file = tmp_path / "ledger"
    file.touch()
    return file


def runs(ledger: Path) -> int:
    return len(ledger.read_text().splitlines())


def completed(job: Job, job_id: int) -> dict[str, Any]:
    """Wait until a job is completed; return all that is known of it."""
    until(lambda: job(job_id)["status"] == "completed", within=40)
    return job(job_id)


def test_a_loop_blocked_for_longer_than_the_lease_costs_neither_lease_nor_job(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, ledger: Path
) -> None:
    blocked, watching = worker(), worker()
    ids = [enqueue("block_the_loop", ledger=str(ledger), seconds=5) for _ in range(2)]
    shown = [completed(job, job_id) for job_id in ids]
    assert [(each["attempt"], each["crashes"], each["interruptions"]) for each in shown] == [(1, 0, 0)] * 2
    assert runs(ledger) == 2
    said = blocked.err + watching.err
    assert '"loop blocked"' in said
    assert '"workers lost"' not in said


def test_a_loop_that_never_moves_again_ends_its_process_and_the_job_runs_elsewhere(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, ledger: Path
) -> None:
    wedged = worker(wedged_after="5")
    job_id = enqueue("block_the_loop", ledger=str(ledger), seconds=600)
    assert wedged.ended(within=30) == EXIT_WEDGED
    assert "handlers.py" in wedged.err  # where it hangs
    worker()
    shown = completed(job, job_id)
    assert (shown["crashes"], shown["failures"], shown["result"]) == (1, 0, 2)


def test_a_worker_paused_past_its_lease_can_not_overwrite_the_run_that_replaced_it(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, ledger: Path
) -> None:
    paused = worker()
    # Blocking, so that it has an outcome before the loop can hear that it was abandoned.
    job_id = enqueue("block_the_loop", ledger=str(ledger), seconds=1)
    until(lambda: runs(ledger) == 1)
    paused.tell(signal.SIGSTOP)
    worker()
    shown = completed(job, job_id)
    paused.tell(signal.SIGCONT)
    paused.says("worker declared lost")
    paused.tell(signal.SIGTERM)
    assert paused.ended() == 0
    after = job(job_id)
    (discarded,) = after.pop("discarded")
    assert shown.pop("discarded") == []
    assert after == shown
    assert (shown["attempt"], shown["crashes"], shown["result"]) == (2, 1, 2)
    assert (discarded["attempt"], discarded["worker"]) == (1, shown["attempts"][0]["worker"])


def test_a_worker_paused_for_longer_than_a_wedged_one_is_borne_with_goes_on(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, ledger: Path
) -> None:
    paused = worker(wedged_after="5", lease="15")
    paused.tell(signal.SIGSTOP)
    time.sleep(8)  # that is the fault
    paused.tell(signal.SIGCONT)
    shown = completed(job, enqueue("wait", ledger=str(ledger), seconds=4))
    assert (shown["attempt"], shown["crashes"]) == (1, 0)
    paused.tell(signal.SIGTERM)
    assert paused.ended() == 0
    assert "loop blocked" not in paused.err


def test_a_job_that_kills_its_workers_is_failed_as_poison_and_stops_nobody_else(
    worker: Callable[..., Running], enqueue: Enqueue, job: Job, ledger: Path, tmp_path: Path
) -> None:
    victim = worker()
    poison = enqueue("kill_the_worker", ledger=str(ledger))
    assert victim.ended(within=30) == 128 + signal.SIGKILL
    assert worker().ended(within=30) == 128 + signal.SIGKILL
    survivor = worker()
    until(lambda: job(poison)["status"] == "failed", within=30)
    shown = job(poison)
    assert (shown["crashes"], shown["failures"], shown["error"]["class"]) == (2, 0, "Poison")
    assert runs(ledger) == 2
    other = tmp_path / "other"
    other.touch()
    assert completed(job, enqueue("wait", ledger=str(other), seconds=0))["result"] == 1
    survivor.tell(signal.SIGTERM)
    assert survivor.ended() == 0
