"""Whatever bytes a client sends, it gets an answer below 500, and what is refused is not stored."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp
from tests.unit.api.asgi import JSON, LINES, Answer, call
from tests.unit.api.conftest import THUMBNAIL
from tests.unit.api.memory import Memory, registered

from toril.api.app import create_app
from toril.api.limits import Limits
from toril.operations.catalog import Catalog

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\0", "\ud800"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
keys = st.sampled_from(["a", "b", "a b", ""]) | st.text(max_size=300) | anything
requests = st.fixed_dictionaries(
    {"name": st.sampled_from(["thumbnail", "anything", "unknown"]) | anything},
    optional={
        "queue": st.sampled_from(["images", "a:b"]) | anything,
        "payload": st.fixed_dictionaries({"url": anything, "width": anything, "style": anything}) | anything,
        "delay": st.integers() | st.floats() | anything,
        "run_at": st.integers() | st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.text(),
        "priority": st.integers() | anything,
        "attempts": st.integers() | anything,
        "backoff": st.integers()
        | st.fixed_dictionaries({"type": st.sampled_from(["fixed", "x"]), "delay": anything})
        | anything,
        "timeout": st.integers() | st.floats() | anything,
        "idempotency_key": keys,
        "unique": st.fixed_dictionaries(
            {"key": keys},
            optional={
                "while": st.sampled_from(["queued", "active", "ttl", "x"]) | anything,
                "on_conflict": st.sampled_from(["reject", "return_existing", "replace", "extend"]) | anything,
                "ttl": st.integers() | st.floats() | anything,
                "surprise": anything,
            },
        )
        | anything,
        "surprise": anything,
    },
)
paths = st.sampled_from(["/jobs", "/jobs/bulk"])
content_types = st.sampled_from([JSON, LINES])


def _app() -> tuple[ASGIApp, Memory, Catalog, list[Exception]]:
    memory = Memory()
    memory.registered = [registered("thumbnail", THUMBNAIL), registered("anything", "true")]
    catalog = Catalog(memory, spacing=0.0)
    errors: list[Exception] = []
    app = create_app(
        submitter=memory,
        store=memory,
        catalog=catalog,
        health=memory,
        limits=Limits(job=2000, bulk=10_000),
        on_error=errors.append,
    )
    return app, memory, catalog, errors


APP, MEMORY, CATALOG, ERRORS = _app()


def _send(method: str, path: str, body: bytes, headers: dict[str, str], query: bytes = b"") -> Answer:
    MEMORY.forget()
    answer = asyncio.run(_answered(method, path, body, headers, query))
    assert answer is not None
    assert answer.status < 500, answer.body
    assert ERRORS == []
    assert b"Traceback" not in answer.body
    assert bool(MEMORY.jobs) == (answer.status == 201)
    assert isinstance(answer.json, dict)
    return answer


async def _answered(
    method: str, path: str, body: bytes, headers: dict[str, str], query: bytes
) -> Answer | None:
    await CATALOG.refresh()
    return await call(APP, method, path, [body[:7], body[7:]], headers=headers, query=query)


@given(paths, st.binary(max_size=300), content_types)
def test_random_bytes(path: str, body: bytes, headers: dict[str, str]) -> None:
    _send("POST", path, body, headers)


@given(paths, anything, content_types)
def test_random_json(path: str, value: Any, headers: dict[str, str]) -> None:
    _send("POST", path, _encoded(value), headers)


@given(requests, st.binary(max_size=300) | st.sampled_from([b"a", b'"b"', b'"a\\"']))
def test_random_keys_in_the_header(request: dict[str, Any], key: bytes) -> None:
    _send("POST", "/jobs", _encoded(request), {**JSON, "idempotency-key": key.decode("latin-1")})


@settings(max_examples=400)
@given(requests)
def test_random_requests(request: dict[str, Any]) -> None:
    _send("POST", "/jobs", _encoded(request), JSON)


@given(st.lists(requests, max_size=4))
def test_random_bulk_requests(requests: list[dict[str, Any]]) -> None:
    as_array = _send("POST", "/jobs/bulk", _encoded(requests), JSON)
    as_lines = _send("POST", "/jobs/bulk", b"\n".join(map(_encoded, requests)), LINES)

    assert as_array.status == as_lines.status


@pytest.mark.parametrize("path", ["/jobs", "/queues", "/jobs/1"])
@given(query=st.binary(max_size=60) | st.text(alphabet="&=%0;+limtbefor1", max_size=30).map(str.encode))
def test_random_queries(path: str, query: bytes) -> None:
    asked = asyncio.run(_answered("GET", path, b"", {}, query))

    assert asked is not None
    assert asked.status < 500


@given(st.text(max_size=40))
def test_random_paths(path: str) -> None:
    asked = asyncio.run(_answered("GET", f"/{path}", b"", {}, b""))

    assert asked is not None
    assert asked.status < 500


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
