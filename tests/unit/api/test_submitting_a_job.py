import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.api.asgi import JSON, call
from tests.unit.api.memory import Memory, registered

from toril.domain.errors import Unavailable
from toril.domain.job import NewJob
from toril.operations.catalog import Catalog

PAYLOAD = {"url": "https://example.com/cat.jpg", "width": 320}


async def test_a_job_is_recorded_and_its_place_is_told(client: httpx.AsyncClient, memory: Memory) -> None:
    response = await client.post("/jobs", json={"name": "thumbnail", "payload": PAYLOAD})

    assert response.status_code == 201
    assert response.json() == {"id": 1, "status": "pending"}
    assert response.headers["location"] == "/jobs/1"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert [job.name for job in memory.jobs] == ["thumbnail"]


async def test_the_answer_waits_for_the_commit(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.committing = asyncio.Event()
    answering = asyncio.create_task(client.post("/jobs", json={"name": "anything"}))
    await memory.reached.wait()
    assert not answering.done()

    memory.committing.set()
    assert (await answering).status_code == 201


async def test_what_a_request_leaves_out_comes_from_the_registration(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    await client.post("/jobs", json={"name": "thumbnail", "payload": PAYLOAD})

    assert memory.jobs == [
        NewJob(
            queue="images",
            name="thumbnail",
            payload=json.dumps(PAYLOAD, separators=(",", ":")),
            priority=7,
            max_attempts=5,
            timeout=None,  # the handler's own at the time it runs
        )
    ]


async def test_every_field_can_be_given_in_bullmqs_units(client: httpx.AsyncClient, memory: Memory) -> None:
    response = await client.post(
        "/jobs",
        json={
            "queue": "urgent",
            "name": "thumbnail",
            "payload": PAYLOAD,
            "delay": 5000,
            "priority": 1,
            "attempts": 3,
            "backoff": {"type": "exponential", "delay": 1000, "factor": 3, "cap": 60000, "jitter": False},
            "timeout": 60000,
        },
    )

    assert response.json() == {"id": 1, "status": "scheduled"}
    job = memory.jobs[0]
    assert job.queue == "urgent"
    assert (job.delay, job.priority, job.max_attempts, job.timeout) == (5.0, 1, 3, 60.0)
    assert json.loads(job.backoff or "") == {
        "type": "exponential",
        "delay": 1.0,
        "factor": 3.0,
        "cap": 60.0,
        "jitter": False,
    }


async def test_a_bare_backoff_is_exactly_that_long_every_time(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    await client.post("/jobs", json={"name": "anything", "backoff": 1500})

    backoff = json.loads(memory.jobs[0].backoff or "")
    assert (backoff["type"], backoff["delay"], backoff["jitter"]) == ("fixed", 1.5, False)


async def test_the_payload_is_stored_as_it_came(client: httpx.AsyncClient, memory: Memory) -> None:
    payload = '{ "b": 1.50,  "a": "\\u00e9\u00e9", "big": 12345678901234567890123 }'
    await client.post("/jobs", content=f'{{"name":"anything","payload":{payload} }}', headers=JSON)

    assert memory.jobs[0].payload == payload


@pytest.mark.parametrize("body", ['{"name":"anything"}', '{"name":"anything","payload":null}'])
async def test_no_payload_is_an_empty_one(client: httpx.AsyncClient, memory: Memory, body: str) -> None:
    response = await client.post("/jobs", content=body, headers=JSON)

    assert response.status_code == 201
    assert memory.jobs[0].payload == "{}"


async def test_null_stands_for_leaving_a_field_out(client: httpx.AsyncClient, memory: Memory) -> None:
    fields = dict.fromkeys(
        ["queue", "payload", "delay", "run_at", "priority", "attempts", "backoff", "timeout"]
    )
    await client.post("/jobs", json={"name": "report", **fields})
    await client.post("/jobs", json={"name": "report"})

    assert memory.jobs[0] == memory.jobs[1]


@pytest.mark.parametrize(
    "run_at",
    ["2999-01-01T00:00:00Z", "2999-01-01T09:00:00.123+09:00", 4102444800000, 4102444800000.5],
)
async def test_times_ahead_are_bounded_to_ten_years(client: httpx.AsyncClient, run_at: object) -> None:
    response = await client.post("/jobs", json={"name": "anything", "run_at": run_at})

    assert response.status_code == 422
    assert response.json()["code"] == "out_of_range"


async def test_a_job_can_run_at_a_time(client: httpx.AsyncClient, memory: Memory) -> None:
    moment = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=123000)
    for run_at in (moment.isoformat(), moment.timestamp() * 1000):
        response = await client.post("/jobs", json={"name": "anything", "run_at": run_at})
        assert response.json()["status"] == "scheduled"
        stored = memory.jobs[-1].run_at
        assert stored is not None
        assert abs(stored - moment) < timedelta(milliseconds=1)


@pytest.mark.parametrize("run_at", ["2001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 0, 1, 978307200000])
async def test_a_time_that_has_passed_means_now(
    client: httpx.AsyncClient, memory: Memory, run_at: object
) -> None:
    response = await client.post("/jobs", json={"name": "anything", "run_at": run_at})

    assert response.json()["status"] == "pending"
    kept = memory.jobs[0].run_at
    assert kept is not None
    assert kept < datetime.now(UTC)


async def test_an_unknown_name_can_be_allowed_and_waits_in_the_default_queue(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    response = await client.post("/jobs?allow_unknown=true", json={"name": "later", "payload": {"a": 1}})

    assert response.status_code == 201
    assert memory.jobs == [NewJob("default", "later", '{"a":1}')]


async def test_allowing_unknown_names_still_checks_the_payloads_of_known_ones(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post("/jobs?allow_unknown=true", json={"name": "thumbnail"})

    assert response.json()["code"] == "invalid_payload"


async def test_the_name_of_a_worker_that_has_just_started_works(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.registered.append(registered("newcomer", queue="new"))

    response = await client.post("/jobs", json={"name": "newcomer"})

    assert response.status_code == 201
    assert memory.jobs[0].queue == "new"


async def test_a_full_buffer_or_a_lost_postgresql_is_a_503_with_a_time_to_come_back(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.failure = Unavailable("PostgreSQL does not answer.", retry_after=2.5, hint="see its log")

    response = await client.post("/jobs", json={"name": "anything"})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "3"
    assert response.json() == {
        "type": "/docs#unavailable",
        "title": "Unavailable",
        "status": 503,
        "code": "unavailable",
        "detail": "PostgreSQL does not answer.",
        "hint": "See its log.",
    }


async def test_a_name_is_not_called_unknown_while_the_registry_can_not_be_read(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.failure = Unavailable("PostgreSQL does not answer.")

    response = await client.post("/jobs", json={"name": "nobody-knows"})

    assert response.status_code == 503


async def test_known_names_are_checked_against_the_last_snapshot_meanwhile(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.failure = Unavailable("PostgreSQL does not answer.")

    response = await client.post("/jobs", json={"name": "thumbnail", "payload": {"url": 1, "width": 1}})

    assert response.json()["code"] == "invalid_payload"


async def test_a_broken_registration_does_not_break_the_api(
    client: httpx.AsyncClient, memory: Memory, catalog: Catalog
) -> None:
    memory.registered.append(registered("broken", '{"$ref": "https://example.com/schema.json"}'))

    response = await client.post("/jobs", json={"name": "broken", "payload": {"a": 1}})

    assert response.status_code == 201
    assert "was not fetched" in catalog.broken["broken"]


async def test_an_error_nobody_expected_is_reported_and_not_shown(
    client: httpx.AsyncClient, memory: Memory, errors: list[Exception]
) -> None:
    memory.failure = RuntimeError("password=hunter2")
    for response in [
        await client.post("/jobs", json={"name": "anything"}),
        await client.get("/queues"),
        await client.get("/jobs/1"),
    ]:
        assert response.status_code == 500
        assert response.json()["code"] == "internal"
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text
    assert errors == [memory.failure] * 3


async def test_a_client_that_leaves_before_the_end_has_submitted_nothing(
    app: ASGIApp, memory: Memory, errors: list[Exception]
) -> None:
    answer = await call(app, "POST", "/jobs", [b'{"name":', None], headers=JSON)

    assert answer is None
    assert memory.jobs == []
    assert errors == []


async def test_a_body_may_come_in_any_pieces(app: ASGIApp, memory: Memory) -> None:
    body = b'{"name":"anything","payload":{"a":[1,2,3]}}'
    answer = await call(app, "POST", "/jobs", [bytes([byte]) for byte in body], headers=JSON)

    assert answer is not None
    assert answer.status == 201
    assert memory.jobs[0].payload == '{"a":[1,2,3]}'


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_a_content_type_may_say_utf8(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post(
        "/jobs", content='{"name":"anything"}', headers={"content-type": content_type}
    )

    assert response.status_code == 201


async def test_behind_a_prefix_the_location_has_it(app: ASGIApp) -> None:
    answer = await call(
        app, "POST", "/toril/jobs", [b'{"name":"anything"}'], headers=JSON, root_path="/toril"
    )

    assert answer is not None
    assert answer.status == 201
    assert answer.headers["location"] == "/toril/jobs/1"
