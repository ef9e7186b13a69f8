"""`toril enqueue`, `toril jobs` and `toril queues`, with and without a worker."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.cli.conftest import APP, Start, Toril, until

Enqueue = Callable[..., int]
Job = Callable[[int], dict[str, Any]]
HOSTILE = "\x1b[31m[red]\u202e\x9b2J"


def test_a_job_is_submitted_run_and_shown(toril: Toril, start: Start, enqueue: Enqueue, job: Job) -> None:
    start("worker", "--app", APP).says("worker started")
    answer = toril("enqueue", "hello", "-p", "name=world")
    assert answer.returncode == 0
    assert answer.stdout == "Job 1 is pending. Look at it with: toril jobs show 1\n"
    until(lambda: job(1)["finished_at"])
    assert job(1)["result"] == "hello world"
    failing = enqueue("explode", message=HOSTILE)
    until(lambda: job(failing)["status"] == "failed")
    page = toril("jobs", "show", str(failing)).stdout
    assert r"ValueError: \u001b[31m[red]\u202e\u009b2J" in page
    assert "Traceback (most recent call last)" in page
    everything = toril("jobs", "list", "--payload").stdout + toril("jobs", "list", "--json").stdout
    assert not set(page + everything) & set("\x1b\u202e\x9b")
    queues = json.loads(toril("queues", "--json").stdout)["queues"]
    assert (queues[0]["name"], queues[0]["counts"]["completed"], queues[0]["workers"]) == ("default", 1, 1)


def test_a_request_is_checked_as_by_the_api(toril: Toril, start: Start) -> None:
    start("worker", "--app", APP).says("worker started")
    misspelt = toril("enqueue", "helo", "-p", "name=x")
    assert misspelt.returncode == 2
    assert "did you mean 'hello'?" in misspelt.stderr
    assert "--allow-unknown" in misspelt.stderr
    wrong = toril("enqueue", "hello", "-p", "nam=x")
    assert wrong.returncode == 2
    assert "payload.nam" in wrong.stderr
    assert json.loads(toril("jobs", "list", "--json").stdout) == {"jobs": [], "next": None}


def test_options_arrive(toril: Toril, job: Job) -> None:
    flags = ("--queue", "mail", "--delay", "1h30m", "--priority", "7", "--attempts", "5", "--timeout", "90s")
    answer = toril("enqueue", "letter", "--payload", "@-", *flags, "--allow-unknown", stdin='{"to": "Ada"}')
    assert answer.stdout.startswith("Job 1 is scheduled.")
    shown = job(1)
    assert (shown["queue"], shown["priority"], shown["max_attempts"]) == ("mail", 7, 5)
    assert (shown["timeout"], shown["payload"], shown["status"]) == (90_000, {"to": "Ada"}, "scheduled")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("enqueue", "x", "--payload", "{nope"), "not valid JSON"),
        (("enqueue", "x", "--delay", "5"), "unit"),
        (
            ("enqueue", "x", "--allow-unknown", "--idempotency-key", "a b"),
            "printable characters without spaces",
        ),
        (("enqueue", "x", "--unique", "k", "--ttl", "10m"), "--ttl and --while ttl go together"),
        (("enqueue", "x", "--while", "queued"), "--while says nothing without --unique"),
        (("enqueue", "x", "--allow-unknown", "--run-at", "2030-01-01"), "offset from UTC"),
        (("jobs", "show", "nonsense"), "There is no job 'nonsense'"),
    ],
)
def test_what_cant_be_is_refused_in_words(toril: Toril, arguments: tuple[str, ...], said: str) -> None:
    answer = toril(*arguments)
    assert answer.returncode in (1, 2)
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_jobs_are_listed_page_by_page(toril: Toril, enqueue: Enqueue) -> None:
    for _ in range(3):
        toril("enqueue", "unheard-of", "--allow-unknown", "--queue", "a")
    first = toril("jobs", "list", "--queue", "a", "--limit", "2")
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["id", "3", "2"]
    assert first.stderr == "2 jobs. Next page: toril jobs list --queue a --limit 2 --before 2\n"
    second = json.loads(
        toril("jobs", "list", "--queue", "a", "--limit", "2", "--before", "2", "--json").stdout
    )
    assert [job["id"] for job in second["jobs"]] == [1]
    assert second["next"] is None
    table = toril("queues").stdout.splitlines()
    assert table[0].split()[:2] == ["queue", "pending"]
    assert table[1].split()[:2] == ["a", "3"]


def test_a_job_is_recorded_while_redis_is_away(toril: Toril) -> None:
    answer = toril("enqueue", "x", "--allow-unknown", "--json", redis_url="redis://127.0.0.1:1/0")
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == {"id": 1, "status": "pending"}


def test_an_unknown_setting_stops_every_command(toril: Toril) -> None:
    answer = toril("queues", databse_url="x")
    assert answer.returncode == 2
    assert answer.stderr == (
        "error: There is no setting TORIL_DATABSE_URL.\nhint: Did you mean TORIL_DATABASE_URL?\n"
    )


def test_a_key_makes_it_safe_to_submit_again(toril: Toril, job: Job) -> None:
    submit = ("enqueue", "x", "--allow-unknown", "--idempotency-key", "order-1001")
    first, again = toril(*submit, "-p", "a=1"), toril(*submit, "-p", "a=1")
    assert first.stdout == "Job 1 is pending. Look at it with: toril jobs show 1\n"
    assert again.stdout == (
        "Job 1 was there already; nothing was stored. Look at it with: toril jobs show 1\n"
    )
    as_json = toril(*submit, "-p", "a=1", "--json")
    assert json.loads(as_json.stdout) == {"id": 1, "status": "pending", "effect": "existing"}
    other = toril(*submit, "-p", "a=2")
    assert other.returncode == 1
    assert "'order-1001' came with another request before, for job 1" in other.stderr
    assert "hint: " in other.stderr
    assert "Traceback" not in other.stderr
    assert job(1)["payload"] == {"a": 1}


def test_a_unique_job_keeps_others_out(toril: Toril, job: Job) -> None:
    submit = ("enqueue", "x", "--allow-unknown", "--unique", "report-7")
    assert toril(*submit, "-p", "a=1").stdout.startswith("Job 1 is pending. ")
    replaced = toril(*submit, "-p", "a=2", "--delay", "1h", "--on-conflict", "replace")
    assert replaced.stdout.startswith("Job 1 was there already; it has this payload now and is scheduled. ")
    assert (job(1)["payload"], job(1)["status"]) == ({"a": 2}, "scheduled")
    refused = toril(*submit, "--on-conflict", "reject")
    assert refused.returncode == 1
    assert "Job 1 (scheduled) holds the unique key 'report-7'" in refused.stderr
    kept = toril(*submit, "--while", "ttl", "--ttl", "10m", "--on-conflict", "extend")
    assert kept.stdout.startswith("Job 1 was there already; it has been extended and is scheduled. ")
