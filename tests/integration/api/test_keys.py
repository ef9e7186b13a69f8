"""Idempotency keys and unique jobs over HTTP, many at once and one after the other, on the real record."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.integration.store.situations import claim
from toril.bootstrap import running_api
from toril.settings import Settings
from toril.store.connection import Lane
from toril.store.jobs import Jobs

JSON = {"content-type": "application/json"}
TEN_MINUTES = 600_000


def body(value: int = 1, **fields: Any) -> str:
    return json.dumps({"name": "echo", "payload": {"value": value}, **fields})


async def post(
    client: httpx.AsyncClient, content: str, *, key: str | None = None, path: str = "/jobs"
) -> httpx.Response:
    headers = JSON if key is None else {**JSON, "Idempotency-Key": key}
    return await client.post(path, content=content, headers=headers, timeout=30)


async def unique(
    client: httpx.AsyncClient, value: int = 1, *, delay: int = 0, **unique: Any
) -> httpx.Response:
    return await post(client, body(value, delay=delay, unique={"key": "u", **unique}))


async def values(lane: Lane) -> list[int]:
    """Return what the jobs on record carry, oldest first."""
    rows = await lane.fetch("select (payload->>'value')::int as value from toril.jobs order by id")
    return [row["value"] for row in rows]


@pytest.fixture
async def other_client(settings: Settings, published: None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a second API on the same record."""
    async with running_api(settings) as server, httpx.AsyncClient(base_url=server.url) as opened:
        yield opened


async def test_the_same_key_a_hundred_times_at_once_is_one_job(client: httpx.AsyncClient, lane: Lane) -> None:
    answers = await asyncio.gather(*(post(client, body(), key="order-1001") for _ in range(100)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 99}
    assert {answer.json()["id"] for answer in answers} == {1}
    assert {answer.headers["location"] for answer in answers} == {"/jobs/1"}
    assert Counter(answer.json()["effect"] for answer in answers) == {"created": 1, "existing": 99}
    assert await values(lane) == [1]


async def test_two_apis_with_the_same_key_make_one_job_of_one_request(
    client: httpx.AsyncClient, other_client: httpx.AsyncClient, lane: Lane
) -> None:
    sent = [(each, value) for _ in range(20) for each in (client, other_client) for value in (1, 2)]
    answers = await asyncio.gather(*(post(each, body(value), key="k") for each, value in sent))

    (winner,) = await values(lane)
    statuses = Counter(
        (value == winner, answer.status_code) for (_, value), answer in zip(sent, answers, strict=True)
    )
    assert statuses == {(True, 201): 1, (True, 200): 39, (False, 409): 40}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(each["code"], each["job_id"], each["field"]) for each in refusals} == {
        ("idempotency_conflict", 1, "Idempotency-Key")
    }


async def test_a_unique_key_a_hundred_times_at_once_is_one_job(
    client: httpx.AsyncClient, other_client: httpx.AsyncClient, lane: Lane
) -> None:
    both = [client, other_client] * 50
    answers = await asyncio.gather(*(unique(each, n) for n, each in enumerate(both)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 99}
    assert len(await values(lane)) == 1


async def test_a_client_that_gave_up_gets_its_job_when_it_asks_again(
    client: httpx.AsyncClient, lane: Lane
) -> None:
    for number in range(20):
        sending = asyncio.create_task(post(client, body(number), key=f"order-{number}"))
        await asyncio.wait(
            [sending], timeout=number / 2000
        )  # whether it has been stored by then is left open
        sending.cancel()
        await asyncio.wait([sending])

    answers = [await post(client, body(number), key=f"order-{number}") for number in range(20)]

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sorted(await values(lane)) == list(range(20))
    assert len({answer.json()["id"] for answer in answers}) == 20


async def test_a_key_outlives_its_job(client: httpx.AsyncClient, lane: Lane) -> None:
    await post(client, body(), key="k")
    await lane.fetch("delete from toril.jobs")

    again = await post(client, body(), key="k")
    assert (again.status_code, again.json()) == (200, {"id": 1, "status": "pending", "effect": "existing"})
    assert await values(lane) == []


async def test_a_refused_submit_leaves_its_key_free(client: httpx.AsyncClient) -> None:
    await unique(client)
    rejected = body(2, unique={"key": "u", "on_conflict": "reject"})
    assert (await post(client, rejected, key="k")).json()["code"] == "unique_conflict"
    assert (await post(client, '{"name":"ehco"}', key="k")).json()["code"] == "unknown_job"

    assert (await post(client, body(3), key="k")).status_code == 201


async def test_a_bulk_is_repeated_as_a_whole(client: httpx.AsyncClient, lane: Lane) -> None:
    bulk = json.dumps([json.loads(body(n, idempotency_key=f"order-{n}")) for n in range(500)])
    first = await post(client, bulk, path="/jobs/bulk")
    again = await post(client, bulk, path="/jobs/bulk")

    assert (first.status_code, again.status_code) == (201, 200)
    assert [job["id"] for job in first.json()["jobs"]] == [job["id"] for job in again.json()["jobs"]]
    assert {job["effect"] for job in again.json()["jobs"]} == {"existing"}
    assert await values(lane) == list(range(500))


async def test_a_conflict_in_a_bulk_stores_nothing_of_it(client: httpx.AsyncClient, lane: Lane) -> None:
    await post(client, body(1, idempotency_key="k"))
    await unique(client, 2)
    in_the_way: dict[str, dict[str, Any]] = {
        "idempotency_key": {"idempotency_key": "k"},
        "unique.key": {"unique": {"key": "u", "on_conflict": "reject"}},
    }
    for field, fields in in_the_way.items():
        lines = [body(3), body(4, idempotency_key="new"), body(5, **fields)]
        refused = await client.post(
            "/jobs/bulk", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
        )
        assert (refused.status_code, refused.json()["field"]) == (409, f"[2].{field}")

    assert await values(lane) == [1, 2]
    assert (await post(client, body(6), key="new")).status_code == 201


async def test_a_waiting_job_is_replaced_and_one_that_runs_is_not(
    client: httpx.AsyncClient, lane: Lane
) -> None:
    await unique(client, 1)
    replaced = await unique(client, 2, delay=TEN_MINUTES, on_conflict="replace")
    assert (replaced.status_code, replaced.json()) == (
        200,
        {"id": 1, "status": "scheduled", "effect": "replaced"},
    )
    assert (await client.get("/jobs/1")).json()["payload"] == {"value": 2}

    await unique(client, 3, on_conflict="replace")
    await claim(lane, Jobs(600), [1])
    refused = await unique(client, 4, on_conflict="replace")

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["job_id"]) == (409, "unique_conflict", 1)
    assert "can no longer be replaced" in problem["detail"]
    assert await values(lane) == [3]


async def test_while_queued_one_more_may_wait_while_one_runs(client: httpx.AsyncClient, lane: Lane) -> None:
    queued: dict[str, Any] = {"while": "queued"}
    assert (await unique(client, 1, **queued)).status_code == 201
    assert (await unique(client, 2, **queued)).json()["effect"] == "existing"
    await claim(lane, Jobs(600), [1])

    assert (await unique(client, 3, **queued)).json() == {"id": 2, "status": "pending", "effect": "created"}
    assert (await unique(client, 4, **queued)).json()["id"] == 2
    assert await values(lane) == [1, 3]


async def test_a_waiting_job_is_postponed_and_never_made_earlier(client: httpx.AsyncClient) -> None:
    extend: dict[str, Any] = {"while": "ttl", "ttl": TEN_MINUTES, "on_conflict": "extend"}
    await unique(client, 1, **extend)
    due = []
    for delay in (TEN_MINUTES, 0):
        answer = await unique(client, 2, delay=delay, **extend)
        assert (answer.status_code, answer.json()["effect"]) == (200, "extended")
        shown = (await client.get("/jobs/1")).json()
        assert (shown["payload"], shown["status"]) == ({"value": 1}, "scheduled")
        due.append(datetime.fromisoformat(shown["run_at"]))

    assert due[0] == due[1]


async def test_a_time_to_live_is_counted_in_milliseconds(client: httpx.AsyncClient, lane: Lane) -> None:
    options: dict[str, Any] = {"while": "ttl", "ttl": 90_000}
    await unique(client, **options)

    (row,) = await lane.fetch(
        "select extract(epoch from expires_at - now())::float8 as left from toril.unique_keys"
    )
    assert 60 < row["left"] <= 90
