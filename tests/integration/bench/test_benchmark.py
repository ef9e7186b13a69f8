"""The benchmark measures real jobs: counts and structure are asserted, times never."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.servers import LiveServers

ROOT = Path(__file__).resolve().parents[3]


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


def measured(*arguments: str) -> dict[str, Any]:
    done = bench(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def given(servers: LiveServers) -> list[str]:
    """The options to use the test run's servers, which saves starting others."""
    return ["--database-url", servers.endpoints.database_url, "--redis-url", servers.redis_url]


def test_drain_runs_every_job_once_on_servers_of_its_own() -> None:
    report = measured("drain", "--jobs", "500")
    [run] = report["runs"]
    assert run["jobs"] == {"jobs": 500, "run": 500, "repeated": 0, "completed": 500}
    assert report["exactly_once"]
    assert {"run_rate", "record_rate", "foreign"} <= set(run["figures"]) <= set(report["units"])
    assert set(report["medians"]["board"]) == set(run["figures"])
    assert report["machine"]["postgresql"].startswith("PostgreSQL ")
    assert report["machine"]["redis"].startswith("Valkey ")


def test_variants_take_turns_and_are_reported_side_by_side(given: list[str]) -> None:
    report = measured(
        "drain", "--jobs", "100", "--interop", "off", "--interop", "board", "--runs", "2", *given
    )
    assert [(run["interop"], run["run"]) for run in report["runs"]] == [
        ("off", 1),
        ("off", 2),
        ("board", 1),
        ("board", 2),
    ]
    assert set(report["medians"]) == {"off", "board"}


def test_handlers_in_threads_can_be_measured(given: list[str]) -> None:
    assert measured("drain", "--jobs", "50", "--handler", "thread", *given)["exactly_once"]


def test_e2e_runs_every_job_once(given: list[str]) -> None:
    report = measured("e2e", "--jobs", "200", *given)
    assert report["runs"][0]["jobs"] == {"jobs": 200, "run": 200, "repeated": 0, "completed": 200}
    assert {"rate", "start_p50", "enqueue_p99", "cpu_producer"} <= set(report["medians"]["board"])


def test_latency_reports_percentiles_in_order(given: list[str]) -> None:
    report = measured("latency", "--jobs", "10", *given)
    found = report["medians"]["board"]
    assert 0 < found["start_p50"] <= found["start_p90"] <= found["start_p99"] <= found["start_max"]
    assert report["exactly_once"]


@pytest.mark.parametrize("workers", ["0", "1"])
def test_http_counts_what_is_on_record(workers: str, given: list[str]) -> None:
    report = measured("http", "--requests", "200", "--workers", workers, *given)
    [run] = report["runs"]
    assert run["figures"]["rate"] > 0
    assert ("cpu_worker" in report["units"]) == (workers == "1")
    assert run["jobs"] == (
        {"jobs": 200, "run": 200, "repeated": 0, "completed": 200} if workers == "1" else None
    )


def test_a_table_says_that_each_job_ran_once(given: list[str]) -> None:
    done = bench("drain", "--jobs", "50", *given)
    assert done.returncode == 0, done.stderr
    assert "Each of 50 jobs ran exactly once and is on record." in done.stdout


def test_what_cannot_be_reached_is_said_in_words(given: list[str]) -> None:
    database, redis = given[1], given[3]
    for arguments, said in (
        (["--database-url", "postgresql://127.0.0.1:1/x", "--redis-url", redis], "PostgreSQL can't be used"),
        (["--database-url", database, "--redis-url", "redis://127.0.0.1:1"], "Redis can't be used"),
    ):
        done = bench("drain", "--jobs", "10", *arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
