"""Idempotency keys and unique jobs over HTTP: what is asked of the record, and how its answers are told."""

import json
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.api.asgi import JSON, LINES, call
from tests.unit.api.memory import Memory

from toril.domain.job import Held, OnConflict, Unique
from toril.domain.keys import MAX_TTL, fingerprint

BODY = b'{"name":"anything","payload":{"a":1}}'
OTHER = b'{"name":"anything","payload":{"a":2}}'


def keyed(key: str) -> dict[str, str]:
    return {**JSON, "idempotency-key": key}


async def test_the_same_request_again_gets_the_same_job(client: httpx.AsyncClient, memory: Memory) -> None:
    first = await client.post("/jobs", content=BODY, headers=keyed("order-1001"))
    again = await client.post("/jobs", content=BODY, headers=keyed("order-1001"))

    assert (first.status_code, first.json()) == (201, {"id": 1, "status": "pending", "effect": "created"})
    assert (again.status_code, again.json()) == (200, {"id": 1, "status": "pending", "effect": "existing"})
    assert first.headers["location"] == again.headers["location"] == "/jobs/1"
    assert len(memory.jobs) == 1


async def test_another_request_under_the_same_key_is_a_conflict_that_names_the_job(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    await client.post("/jobs", content=BODY, headers=keyed("order-1001"))
    refused = await client.post("/jobs", content=OTHER, headers=keyed("order-1001"))

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "idempotency_conflict")
    assert (problem["job_id"], problem["field"]) == (1, "Idempotency-Key")
    assert refused.headers["content-type"] == "application/problem+json"
    assert "connection" not in refused.headers
    assert len(memory.jobs) == 1


async def test_a_space_more_is_another_request(client: httpx.AsyncClient) -> None:
    await client.post("/jobs", content=BODY, headers=keyed("k"))
    refused = await client.post("/jobs", content=BODY.replace(b":1", b": 1"), headers=keyed("k"))

    assert refused.json()["code"] == "idempotency_conflict"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("order-1001", "order-1001"),
        ('"order-1001"', "order-1001"),
        (r'"a\"b\\c"', 'a"b\\c'),
        (r"a\"b", r"a\"b"),
        ('a"b', 'a"b'),
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("!#$%&'*+-.^_`|~:/?=,;@", "!#$%&'*+-.^_`|~:/?=,;@"),
        ("k" * 255, "k" * 255),
    ],
)
async def test_the_header_is_bare_or_quoted(
    client: httpx.AsyncClient, memory: Memory, header: str, key: str
) -> None:
    response = await client.post("/jobs", content=BODY, headers=keyed(header))

    assert response.status_code == 201, response.text
    assert memory.jobs[0].idempotency == (key, fingerprint([BODY]))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b'""',
        b"a b",
        b'"a b"',
        b'"a',
        b'a"b" c',
        b'"a";p=1',
        b'"a", "b"',
        rb'"\a"',
        b'"a\\"',
        b'"\\',
        b"a\0b",
        b"a\nb",
        b"a\x7fb",
        b"\xc3\xa9",
        b'"\xff"',
        b"k" * 256,
        b"k" * 10_000,
        b'"' + b"\\" * 9_999,
    ],
)
async def test_a_header_that_is_no_key_is_refused(
    app: ASGIApp, memory: Memory, errors: list[Exception], header: bytes
) -> None:
    answer = await call(app, "POST", "/jobs", [BODY], headers=keyed(header.decode("latin-1")))

    assert answer is not None
    problem = answer.json
    assert (answer.status, problem["code"], problem["field"]) == (422, "invalid_key", "Idempotency-Key")
    assert problem["hint"]
    assert len(answer.body) < 1000
    assert (memory.jobs, errors) == ([], [])


async def test_two_headers_are_refused(client: httpx.AsyncClient, memory: Memory) -> None:
    headers = [*JSON.items(), ("idempotency-key", "a"), ("Idempotency-Key", "a")]
    response = await client.post("/jobs", content=BODY, headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_key")
    assert "twice" in response.json()["detail"]
    assert memory.jobs == []


async def test_the_field_says_the_same_as_the_header(client: httpx.AsyncClient, memory: Memory) -> None:
    body = b'{"name":"anything","idempotency_key":"k"}'
    first = await client.post("/jobs", content=body, headers=JSON)
    with_both = await client.post("/jobs", content=body, headers=keyed('"k"'))
    other = await client.post("/jobs", content=body[:-1] + b',"delay":1}', headers=JSON)

    assert (first.status_code, with_both.status_code) == (201, 200)
    assert (other.json()["code"], other.json()["field"]) == ("idempotency_conflict", "idempotency_key")
    assert len(memory.jobs) == 1


async def test_a_header_and_a_field_that_differ_are_refused(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    body = b'{"name":"anything","idempotency_key":"k"}'
    response = await client.post("/jobs", content=body, headers=keyed("K"))

    problem = response.json()
    assert (response.status_code, problem["code"], problem["field"]) == (
        422,
        "conflicting_fields",
        "idempotency_key",
    )
    assert memory.jobs == []


async def test_jobs_of_a_bulk_have_keys_of_their_own(client: httpx.AsyncClient, memory: Memory) -> None:
    jobs: list[dict[str, Any]] = [
        {"name": "anything", "idempotency_key": "a"},
        {"name": "anything"},
        {"name": "anything", "unique": {"key": "u"}},
    ]
    first = await client.post("/jobs/bulk", json=jobs)
    again = await client.post("/jobs/bulk", json=jobs)
    only_known = await client.post("/jobs/bulk", json=[jobs[0], jobs[2]])

    assert (first.status_code, again.status_code, only_known.status_code) == (201, 201, 200)
    assert first.json()["jobs"] == [
        {"id": 1, "status": "pending", "effect": "created"},
        {"id": 2, "status": "pending"},
        {"id": 3, "status": "pending", "effect": "created"},
    ]
    assert [job.get("effect") for job in again.json()["jobs"]] == ["existing", None, "existing"]
    assert [job["id"] for job in only_known.json()["jobs"]] == [1, 3]


async def test_a_job_is_the_same_alone_in_an_array_and_in_a_line(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    text = '{"name":"anything","idempotency_key":"k"}'
    answers = [
        await client.post("/jobs", content=f"{text}\n", headers=JSON),
        await client.post("/jobs/bulk", content=f"[ {text} ]", headers=JSON),
        await client.post("/jobs/bulk", content=f"{text}\r\n", headers=LINES),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len(memory.jobs) == 1


async def test_a_conflict_in_a_bulk_stores_nothing_and_names_the_job(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    await client.post("/jobs", content=BODY, headers=keyed("k"))
    jobs = [{"name": "anything"}, {"name": "report", "idempotency_key": "k"}]
    refused = await client.post("/jobs/bulk", json=jobs)

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "idempotency_conflict")
    assert (problem["field"], problem["job_id"]) == ("[1].idempotency_key", 1)
    assert len(memory.jobs) == 1


async def test_a_header_for_a_bulk_is_refused_with_the_way_to_say_it(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    response = await client.post("/jobs/bulk", json=[{"name": "anything"}], headers={"idempotency-key": "k"})

    problem = response.json()
    assert (response.status_code, problem["code"], problem["field"]) == (
        422,
        "invalid_key",
        "Idempotency-Key",
    )
    assert "idempotency_key" in problem["hint"]
    assert memory.jobs == []


@pytest.mark.parametrize(
    ("unique", "expected"),
    [
        ({"key": "k"}, Unique("k")),
        ({"key": "k", "while": None, "on_conflict": None, "ttl": None}, Unique("k")),
        ({"key": "é…✓"}, Unique("é…✓")),
        ({"key": "k", "while": "queued", "on_conflict": "replace"},
         Unique("k", Held.QUEUED, OnConflict.REPLACE)),
        ({"key": "k", "while": "active", "on_conflict": "reject"},
         Unique("k", Held.ACTIVE, OnConflict.REJECT)),
        ({"key": "k", "while": "ttl", "ttl": 1500, "on_conflict": "extend"},
         Unique("k", Held.TTL, OnConflict.EXTEND, 1.5)),
        ({"key": "k", "while": "ttl", "ttl": 315_360_000_000}, Unique("k", Held.TTL, ttl=MAX_TTL)),
    ],
)  # fmt: skip
async def test_what_is_unique_reaches_the_record(
    client: httpx.AsyncClient, memory: Memory, unique: dict[str, object], expected: Unique
) -> None:
    response = await client.post("/jobs", json={"name": "anything", "unique": unique})

    assert (response.status_code, response.json()["effect"]) == (201, "created")
    assert memory.jobs[0].unique == expected


@pytest.mark.parametrize(
    ("on_conflict", "effect"),
    [(None, "existing"), ("return_existing", "existing"), ("replace", "replaced"), ("extend", "extended")],
)
async def test_what_was_done_about_another_holder_is_told(
    client: httpx.AsyncClient, on_conflict: str | None, effect: str
) -> None:
    unique = {"key": "k", "on_conflict": on_conflict}
    await client.post("/jobs", json={"name": "anything", "unique": unique})
    response = await client.post("/jobs", json={"name": "anything", "delay": 5, "unique": unique})

    assert (response.status_code, response.json()["id"], response.json()["effect"]) == (200, 1, effect)
    assert response.headers["location"] == "/jobs/1"


async def test_a_holder_may_keep_others_out_with_a_conflict(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    unique = {"key": "k", "on_conflict": "reject"}
    await client.post("/jobs", json={"name": "anything", "unique": unique})
    response = await client.post("/jobs", json={"name": "anything", "unique": unique})
    of_another_name = await client.post("/jobs", json={"name": "report", "unique": unique})

    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "unique_conflict")
    assert (problem["field"], problem["job_id"]) == ("unique.key", 1)
    assert of_another_name.status_code == 201
    assert len(memory.jobs) == 2


async def test_null_means_no_key(client: httpx.AsyncClient, memory: Memory) -> None:
    body = {"name": "anything", "idempotency_key": None, "unique": None}
    response = await client.post("/jobs", json=body)

    assert response.json() == {"id": 1, "status": "pending"}
    assert (memory.jobs[0].idempotency, memory.jobs[0].unique) == (None, None)


async def test_both_kinds_of_keys_go_together(client: httpx.AsyncClient, memory: Memory) -> None:
    body = json.dumps({"name": "anything", "unique": {"key": "u"}})
    answers = [await client.post("/jobs", content=body, headers=keyed(key)) for key in ("a", "a", "b")]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert memory.jobs[0].idempotency is not None
    assert memory.jobs[0].unique is not None
