"""`python -m bench chaos`, short: faults that overlap under load, judged by what the command itself says."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.integration.cli.conftest import ROOT, until

SEED = "1687"
"""Its 45 seconds strike workers, APIs, the client, both servers and the ways between them."""


def begin(folder: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench", "chaos", *options]
    with (folder / "err").open("w") as err:
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=err, text=True)


def says(folder: Path, text: str) -> Callable[[], bool]:
    return lambda: text in (folder / "err").read_text()


@pytest.mark.timeout(240)
def test_a_short_run_loses_nothing_doubles_nothing_and_keeps_its_promises(tmp_path: Path) -> None:
    chaos = begin(tmp_path, "--minutes", "0.75", "--seed", SEED, "--rate", "150", "--json")
    report = json.loads(chaos.communicate()[0])
    assert report["problems"] == []
    assert chaos.returncode == 0
    verdict = report["verdict"]
    assert verdict["held"]
    assert (verdict["lost"], verdict["doubled"], report["unexplained"]) == (0, 0, 0)
    assert verdict["accepted"] == verdict["completed"] + verdict["failed"] > 1_000
    assert verdict["failed"] > 0  # some jobs are meant to
    assert all(kind["injected"] == kind["promised"] == 1 for kind in report["kinds"])
    assert len(report["kinds"]) == len(report["faults"]) >= 20
    assert all(fault["proof"] and not fault["failure"] for fault in report["faults"])


def test_the_same_seed_prints_the_same_plan_and_runs_nothing(tmp_path: Path) -> None:
    plans = [begin(tmp_path, "--plan", "--minutes", "2", "--seed", "5").communicate()[0] for _ in range(2)]
    assert plans[0] == plans[1]
    assert "seed 5, 2" in plans[0]
    assert (tmp_path / "err").read_text() == ""


def test_a_run_that_is_too_short_for_any_fault_is_refused(tmp_path: Path) -> None:
    chaos = begin(tmp_path, "--minutes", "0.01")
    assert chaos.communicate(timeout=30)[0] == ""
    assert chaos.returncode == 1
    assert "No fault fits into 0.6 seconds." in (tmp_path / "err").read_text()


def test_an_interrupted_run_stops_everything_and_exits_with_130(tmp_path: Path) -> None:
    chaos = begin(tmp_path, "--minutes", "5", "--seed", SEED, "--rate", "20")
    until(says(tmp_path, "Submitting"))
    started = psutil.Process(chaos.pid).children(recursive=True)
    assert len(started) > 10
    chaos.send_signal(signal.SIGINT)
    assert chaos.communicate(timeout=60)[0] == ""
    assert chaos.returncode == 130
    assert not [process for process in started if process.is_running()]
    assert "Traceback" not in (tmp_path / "err").read_text()
