from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.unit.api.memory import NOW, Memory, a_job

from toril.domain.lifecycle import Status
from toril.domain.views import AttemptView, DiscardedView, JobFilter, JobHistory, LogLine


def later(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


async def test_everything_known_of_a_job_is_shown(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.histories[17] = JobHistory(
        a_job(
            17,
            status=Status.COMPLETED,
            payload='{"a": 1.50}',
            result='["<b>", 12345678901234567890123]',
            progress="0.5",
            attempt=2,
            failures=1,
            timeout=0.5,
            backoff='{"type":"fixed","delay":0.25,"factor":2.0,"cap":3600.0,"jitter":false}',
            queued_at=NOW + later(1000),
            run_at=NOW + later(1250),
            started_at=NOW + later(1260),
            finished_at=NOW + later(1460),
            worker="host:1",
            error_kind="ValueError",
            error_message="no",
        ),
        [AttemptView(1, "failed", NOW, NOW + later(900), "host:1", "ValueError", "no", "Traceback …")],
        [LogLine(2, NOW + later(1300), "info", "half way")],
        [
            DiscardedView(1, NOW + later(1350), "host:2", "complete", '"cut at <som', None, None),
            DiscardedView(1, NOW + later(1300), None, "fail", None, "E", "late"),
        ],
    )

    response = await client.get("/jobs/17")

    assert response.status_code == 200
    assert '"payload":{"a": 1.50},"result":["<b>", 12345678901234567890123]' in response.text
    job = response.json()
    assert job["created_at"] == "2030-01-31T09:00:00.000Z"
    assert job["started_at"] == "2030-01-31T09:00:01.260Z"
    assert (job["waited_ms"], job["ran_ms"], job["timeout"]) == (10, 200, 500)
    assert job["backoff"] == {"type": "fixed", "delay": 250, "factor": 2, "cap": 3600000, "jitter": False}
    assert job["error"] == {"class": "ValueError", "message": "no"}
    assert job["progress"] == 0.5
    assert job["logs"] == [
        {"attempt": 2, "at": "2030-01-31T09:00:01.300Z", "level": "info", "message": "half way"}
    ]
    assert job["discarded"] == [
        {
            "attempt": 1,
            "at": "2030-01-31T09:00:01.350Z",
            "worker": "host:2",
            "event": "complete",
            "result": '"cut at <som',
            "error": None,
        },
        {
            "attempt": 1,
            "at": "2030-01-31T09:00:01.300Z",
            "worker": None,
            "event": "fail",
            "result": None,
            "error": {"class": "E", "message": "late"},
        },
    ]
    failed, completed = job["attempts"]
    assert (failed["outcome"], failed["ran_ms"], failed["worker"]) == ("failed", 900, "host:1")
    assert failed["error"] == {"class": "ValueError", "message": "no", "stack": "Traceback …"}
    assert (completed["attempt"], completed["outcome"], completed["ran_ms"]) == (2, "completed", 200)


async def test_a_running_job_shows_the_attempt_that_runs(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.histories[1] = JobHistory(
        a_job(1, status=Status.ACTIVE, attempt=1, started_at=NOW + later(20), worker="host:1"), [], []
    )

    job = (await client.get("/jobs/1")).json()

    assert [(each["outcome"], each["finished_at"]) for each in job["attempts"]] == [("active", None)]
    assert (job["waited_ms"], job["ran_ms"]) == (20, None)


async def test_a_job_that_waits_for_its_retry_has_no_timings_of_it_yet(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.histories[1] = JobHistory(
        a_job(
            1,
            status=Status.RETRYING,
            attempt=1,
            failures=1,
            started_at=NOW,
            queued_at=NOW + later(500),
            run_at=NOW + later(1500),
        ),
        [AttemptView(1, "failed", NOW, NOW + later(500), None, "E", None, None)],
        [],
    )

    job = (await client.get("/jobs/1")).json()

    assert (job["waited_ms"], job["ran_ms"], len(job["attempts"])) == (None, None, 1)
    assert job["attempts"][0]["error"] == {"class": "E", "message": "", "stack": ""}


async def test_a_worker_with_a_clock_ahead_never_makes_a_wait_negative(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.histories[1] = JobHistory(
        a_job(1, status=Status.ACTIVE, run_at=NOW + later(5), started_at=NOW + later(2)), [], []
    )

    assert (await client.get("/jobs/1")).json()["waited_ms"] == 0


async def test_a_page_leads_to_the_next_with_the_same_filters(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.histories = {number: JobHistory(a_job(number), [], []) for number in range(1, 6)}

    first = await client.get("/jobs?status=pending&queue=a%20b%26c&name=thumbnail&limit=2&include=payload")

    assert [job["id"] for job in first.json()["jobs"]] == [5, 4]
    following = first.json()["next"]
    assert first.headers["link"] == f'<{following}>; rel="next"'
    assert parse_qs(urlsplit(following).query) == {
        "status": ["pending"],
        "queue": ["a b&c"],
        "name": ["thumbnail"],
        "before": ["4"],
        "limit": ["2"],
        "include": ["payload"],
    }
    second = await client.get(following)
    assert [job["id"] for job in second.json()["jobs"]] == [3, 2]
    third = await client.get(second.json()["next"])
    assert [job["id"] for job in third.json()["jobs"]] == [1]
    assert third.json()["next"] is None
    assert "link" not in third.headers
    assert memory.filters[1] == JobFilter(Status.PENDING, "a b&c", "thumbnail", 4, 2, payloads=True)


async def test_without_parameters_the_newest_fifty_are_listed_without_payloads(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.histories[1] = JobHistory(a_job(1), [], [])

    response = await client.get("/jobs")

    assert memory.filters == [JobFilter()]
    job = response.json()["jobs"][0]
    assert "payload" not in job
    assert "result" not in job
    assert "attempts" not in job


async def test_a_payload_that_was_asked_for_comes_with_the_result(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.histories[1] = JobHistory(a_job(1, payload="{}"), [], [])

    job = (await client.get("/jobs?include=payload")).json()["jobs"][0]

    assert (job["payload"], job["result"]) == ({}, None)
