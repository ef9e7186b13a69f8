import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.api.asgi import JSON, LINES, call
from tests.unit.api.memory import Memory, registered

from toril.api.limits import Limits
from toril.domain.errors import Unavailable


def lines(*jobs: Mapping[str, object]) -> str:
    return "".join(json.dumps(job) + "\n" for job in jobs)


async def test_an_array_is_recorded_in_order(client: httpx.AsyncClient, memory: Memory) -> None:
    response = await client.post(
        "/jobs/bulk",
        json=[{"name": "report", "payload": {"n": 1}}, {"name": "anything", "delay": 5}, {"name": "report"}],
    )

    assert response.status_code == 201
    assert response.json() == {
        "count": 3,
        "jobs": [
            {"id": 1, "status": "pending"},
            {"id": 2, "status": "scheduled"},
            {"id": 3, "status": "pending"},
        ],
    }
    assert [job.name for job in memory.jobs] == ["report", "anything", "report"]


async def test_lines_are_recorded_in_order(client: httpx.AsyncClient, memory: Memory) -> None:
    response = await client.post(
        "/jobs/bulk",
        content='{"name":"report","payload":{"n":1}}\r\n\n {"name":"anything"}',
        headers=LINES,
    )

    assert [job["id"] for job in response.json()["jobs"]] == [1, 2]
    assert [job.payload for job in memory.jobs] == ['{"n":1}', "{}"]


async def test_ten_thousand_jobs_fit_and_one_more_does_not(client: httpx.AsyncClient, memory: Memory) -> None:
    full = lines({"name": "anything"}) * 10_000
    response = await client.post("/jobs/bulk", content=full, headers=LINES)
    assert response.status_code == 201
    assert response.json()["count"] == len(memory.jobs) == 10_000

    for body, headers in [(full + '{"name":"anything"}', LINES), (_array(full, '{"name":"anything"}'), JSON)]:
        refused = await client.post("/jobs/bulk", content=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (413, "too_many_jobs")
    assert len(memory.jobs) == 10_000


async def test_the_refusal_does_not_wait_for_the_rest(app: ASGIApp, memory: Memory) -> None:
    piece = (lines({"name": "anything"}) * 4_000).encode()
    answer = await call(app, "POST", "/jobs/bulk", [piece] * 30, headers=LINES)

    assert answer is not None
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert memory.jobs == []


WRONG = [
    ({"name": "thumbnail", "payload": {"url": "x"}}, "invalid_payload", "[2].payload.width"),
    ({"name": "thumbnial"}, "unknown_job", "[2].name"),
    ({"name": "anything", "delay": "x"}, "invalid_type", "[2].delay"),
    ({"name": "anything", "payload": {"a": "\0"}}, "nul_character", "[2].payload"),
    ({"name": "anything", "backoff": {"type": "fixed"}}, "missing_field", "[2].backoff.delay"),
    ({"name": "anything", "payload": {"a": "x" * 262_144}}, "too_large", "[2]"),
]


@pytest.mark.parametrize(("wrong", "code", "field"), WRONG, ids=[code for _, code, _ in WRONG])
async def test_one_wrong_job_refuses_all_and_is_named(
    client: httpx.AsyncClient, memory: Memory, wrong: dict[str, object], code: str, field: str
) -> None:
    good: dict[str, object] = {"name": "anything"}
    array = await client.post("/jobs/bulk", json=[good, good, wrong, good])
    ndjson = await client.post("/jobs/bulk", content=lines(good, good, wrong, good), headers=LINES)

    for response, place in [(array, "Job 3"), (ndjson, "Line 3")]:
        assert response.status_code in (413, 422)
        assert (response.json()["code"], response.json()["field"]) == (code, field)
        assert response.json()["detail"].startswith(place)
    assert memory.jobs == []


async def test_lines_are_counted_as_an_editor_counts_them(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/jobs/bulk", content='{"name":"anything"}\n\n\n{"name":"anything"', headers=LINES
    )

    problem = response.json()
    assert (problem["code"], problem["field"]) == ("invalid_json", "[1]")
    assert problem["detail"].startswith("Line 4: ")


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"", JSON, "invalid_json"),
        (b"", LINES, "empty_batch"),
        (b"\n\n", LINES, "empty_batch"),
        (b"[]", JSON, "empty_batch"),
        (b'{"name":"anything"}', JSON, "invalid_type"),
        (b'[{"name":"anything"}]\n', LINES, "invalid_type"),
        (b"[1]", JSON, "invalid_type"),
        (b'[{"name":"anything"},]', JSON, "invalid_json"),
        (b"[{]", JSON, "invalid_json"),
        (b"[{'name':1}]", JSON, "invalid_json"),
        (b"[" * 100_000, JSON, "invalid_type"),
        (b'[{"a":' * 20_000, JSON, "invalid_json"),
        (b"name=anything", {"content-type": "text/csv"}, "unsupported_media_type"),
    ],
)
async def test_hostile_bodies_are_refused(
    client: httpx.AsyncClient, memory: Memory, content: bytes, headers: dict[str, str], code: str
) -> None:
    response = await client.post("/jobs/bulk", content=content, headers=headers)

    assert response.json()["code"] == code
    assert response.status_code < 500
    assert memory.jobs == []


async def test_unknown_names_cost_one_read_of_the_registry_not_one_each(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.registered.append(registered("newcomer"))
    before = memory.registry_reads

    body = lines({"name": "newcomer"}, *({"name": f"unknown-{n}"} for n in range(100)))
    response = await client.post("/jobs/bulk?allow_unknown=true", content=body, headers=LINES)

    assert response.status_code == 201
    assert memory.registry_reads <= before + 1


async def test_a_client_that_leaves_before_the_end_has_submitted_nothing(
    app: ASGIApp, memory: Memory, errors: list[Exception]
) -> None:
    pieces = [lines({"name": "anything"}).encode(), lines({"name": "anything"}).encode(), None]
    answer = await call(app, "POST", "/jobs/bulk", pieces, headers=LINES)

    assert answer is None
    assert memory.jobs == []
    assert errors == []


async def test_nothing_is_recorded_when_postgresql_is_down(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.failure = Unavailable("PostgreSQL does not answer.")

    response = await client.post("/jobs/bulk", json=[{"name": "anything"}])

    assert response.status_code == 503
    assert memory.jobs == []


class TestWithSmallLimits:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(bulk=1000, bulk_calls=1)

    async def test_the_whole_body_is_bounded_declared_or_not(
        self, client: httpx.AsyncClient, memory: Memory
    ) -> None:
        body = lines({"name": "anything"}) * 100
        declared = await client.post("/jobs/bulk", content=body, headers=LINES)
        chunked = await client.post("/jobs/bulk", content=_stream(body), headers=LINES)

        for response in (declared, chunked):
            assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert memory.jobs == []

    async def test_calls_that_would_fill_the_memory_are_sent_away(
        self, client: httpx.AsyncClient, memory: Memory
    ) -> None:
        memory.committing = asyncio.Event()
        first = asyncio.create_task(client.post("/jobs/bulk", json=[{"name": "anything"}]))
        await memory.reached.wait()

        second = await client.post("/jobs/bulk", json=[{"name": "anything"}])
        assert (second.status_code, second.headers["retry-after"]) == (503, "1")

        memory.committing.set()
        assert (await first).status_code == 201
        assert (await client.post("/jobs/bulk", json=[{"name": "anything"}])).status_code == 201


def _array(ndjson: str, *more: str) -> str:
    return f"[{','.join([*ndjson.splitlines(), *more])}]"


async def _stream(body: str) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100].encode()


async def test_a_heavy_call_lets_others_have_the_event_loop(client: httpx.AsyncClient) -> None:
    heavy = lines({"name": "anything", "payload": {"a": [[]] * 20_000}}) * 40
    answering = asyncio.create_task(client.post("/jobs/bulk", content=heavy, headers=LINES))
    turns = 0
    while not answering.done():
        await asyncio.sleep(0)
        turns += 1

    assert (await answering).status_code == 201
    assert turns >= 40
