"""The API as it is served: a real uvicorn on a real port, over real PostgreSQL and Valkey."""

import asyncio
import json

import httpx
import pytest
from msgspec.structs import replace

from tests.conftest import eventually
from tests.integration.worker import handlers
from tests.servers import LiveServers
from toril.bootstrap import running_api
from toril.settings import Settings
from toril.store.connection import Database, Lane
from toril.store.job_types import JobTypes


@pytest.fixture
def no_redis(settings: Settings) -> Settings:
    return replace(settings, redis_url="unix:///nonexistent/valkey.sock")


async def test_a_job_is_accepted_recorded_and_shown(client: httpx.AsyncClient) -> None:
    answer = await client.post("/jobs", json={"name": "echo", "payload": {"value": 5}})
    assert (answer.status_code, answer.json()) == (201, {"id": 1, "status": "pending"})
    assert answer.headers["location"] == "/jobs/1"
    shown = (await client.get("/jobs/1")).json()
    assert (shown["name"], shown["status"], shown["payload"]) == ("echo", "pending", {"value": 5})


async def test_a_delayed_job_is_scheduled(client: httpx.AsyncClient) -> None:
    answer = await client.post("/jobs", json={"name": "echo", "delay": 60_000, "priority": 3})
    assert answer.json() == {"id": 1, "status": "scheduled"}
    (queue,) = (await client.get("/queues")).json()["queues"]
    assert queue["counts"]["scheduled"] == 1


async def test_ten_thousand_jobs_in_one_call_have_ids_in_order(client: httpx.AsyncClient, lane: Lane) -> None:
    jobs = [{"name": "echo", "payload": {"value": n}} for n in range(10_000)]
    answer = await client.post("/jobs/bulk", json=jobs, timeout=60)
    assert answer.status_code == 201
    rows = await lane.fetch("select (payload->>'value')::int as value from toril.jobs order by id")
    assert [row["value"] for row in rows] == list(range(10_000))


async def test_one_bad_line_of_a_stream_stores_nothing(client: httpx.AsyncClient, lane: Lane) -> None:
    lines = [json.dumps({"name": "echo", "payload": {"value": n}}) for n in range(500)]
    lines[321] = json.dumps({"name": "ehco"})
    answer = await client.post(
        "/jobs/bulk", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
    )
    assert answer.status_code == 422
    assert "[321]" in answer.json()["field"]
    assert await lane.fetch("select from toril.jobs") == []


async def test_an_unknown_name_is_refused_with_a_suggestion_and_accepted_on_request(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/jobs", json={"name": "ehco"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "unknown_job")
    assert "echo" in json.dumps(problem)
    assert (await client.post("/jobs?allow_unknown=true", json={"name": "ehco"})).status_code == 201


async def test_a_hundred_submits_at_once_share_batches_and_get_ids_of_their_own(
    client: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(*(client.post("/jobs", json={"name": "echo"}) for _ in range(100)))
    assert sorted(answer.json()["id"] for answer in answers) == list(range(1, 101))


async def test_jobs_are_accepted_while_redis_is_down(no_redis: Settings, published: None) -> None:
    async with running_api(no_redis) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.post("/jobs", json={"name": "echo"})).status_code == 201
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")


async def test_a_lost_database_is_said_clearly_and_retried(
    client: httpx.AsyncClient, settings: Settings, servers: LiveServers
) -> None:
    assert (await client.post("/jobs", json={"name": "echo"})).status_code == 201
    await servers.drop_database(settings.database_url)
    answer = await client.post("/jobs", json={"name": "echo"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/jobs/1")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200


async def test_names_of_a_worker_that_has_just_started_work_at_once(settings: Settings) -> None:
    async with running_api(settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.post("/jobs", json={"name": "echo"})).status_code == 422
        lane = Database(settings.database_url).lane()
        await JobTypes().publish(lane, [job_type.published() for job_type in handlers.app.registry])
        await lane.close()

        async def accepted() -> bool:
            return (await client.post("/jobs", json={"name": "echo"})).status_code == 201

        await eventually(accepted, within=2)


async def test_pages_follow_each_other_without_gaps(client: httpx.AsyncClient) -> None:
    await client.post("/jobs/bulk", json=[{"name": "echo"} for _ in range(25)])
    seen, url = [], "/jobs?limit=10&name=echo"
    while url:
        page = (await client.get(url)).json()
        seen += [job["id"] for job in page["jobs"]]
        url = page["next"]
    assert seen == list(range(25, 0, -1))
