import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.unit.api.asgi import JSON
from tests.unit.api.memory import NOW, Memory, a_job

from toril.api import examples
from toril.api.openapi import openapi_document
from toril.api.problems import PROBLEMS
from toril.api.routes import ROUTES
from toril.domain.lifecycle import Status
from toril.domain.views import JobHistory, QueueCounts
from toril.operations.ports import ComponentHealth

DOCUMENT = openapi_document(ROUTES)
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMES = [f"{method} {path}" for path, method, _ in OPERATIONS]
PERMISSIONS = {"public", "jobs:submit", "jobs:view", "queues:view"}


def schema_of(content: dict[str, Any]) -> dict[str, Any]:
    return {**content["schema"], "components": DOCUMENT["components"]}


def test_every_route_is_documented_and_has_a_permission() -> None:
    for route in ROUTES:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        assert route.permission in PERMISSIONS
        assert operation["x-permission"] == route.permission
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert set(re.findall(r"{(\w+)}", route.path)) == set(route.path_parameters)
    assert len(OPERATIONS) == len(ROUTES)


def test_only_reading_about_the_api_is_for_everybody() -> None:
    public = {route.path for route in ROUTES if route.permission == "public"}

    assert public == {"/", "/docs", "/docs/{file}", "/openapi.json", "/healthz", "/readyz"}


def test_every_problem_code_is_documented_and_no_other_is_used() -> None:
    documented = {
        code
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for code in answer.get("x-problem-codes", ())
    }
    assert documented <= set(PROBLEMS)
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(PROBLEMS)

    source = Path(__file__).parents[3] / "src" / "toril"
    used = {
        code
        for folder in ("api", "operations", "domain")
        for file in (source / folder).glob("*.py")
        for code in re.findall(r'code=\(?"(\w+)"', file.read_text())
    }
    assert used <= set(PROBLEMS)


def test_all_references_lead_somewhere_and_ids_are_unique() -> None:
    references = re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT))
    assert set(references) <= set(DOCUMENT["components"]["schemas"])

    operation_ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(operation_ids)) == len(operation_ids)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=NAMES)
def test_examples_have_the_documented_shape(path: str, method: str, operation: dict[str, Any]) -> None:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            for example in content.get("examples", {}).values():
                if "json" in media_type and "schema" in content:
                    jsonschema_rs.validate(schema_of(content), example["value"], validate_formats=True)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=NAMES)
async def test_example_requests_are_accepted(
    path: str, method: str, operation: dict[str, Any], client: httpx.AsyncClient, memory: Memory
) -> None:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for example in content["examples"].values():
            value = example["value"]
            sent: dict[str, Any] = {"content": value} if isinstance(value, str) else {"json": value}
            response = await client.request(method, path, headers={"content-type": media_type}, **sent)
            assert response.status_code == 201, response.text
            jsonschema_rs.validate(
                schema_of(operation["responses"]["201"]["content"]["application/json"]), response.json()
            )


@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("/jobs/1", examples.JOB_DETAILS),
        ("/jobs?limit=1", examples.JOB_LIST),
        ("/queues", examples.QUEUES),
        ("/readyz", examples.READY),
        ("/healthz", examples.ALIVE),
    ],
)
async def test_answers_have_the_fields_of_their_examples_in_their_order(
    path: str, example: dict[str, Any], client: httpx.AsyncClient, memory: Memory
) -> None:
    job = a_job(1, status=Status.COMPLETED, started_at=NOW, finished_at=NOW, result="1")
    memory.histories[1] = JobHistory(job._replace(payload="{}" if path == "/jobs/1" else None), [], [])
    memory.counts = [QueueCounts("images", {}, 0)]
    memory.components = [ComponentHealth("postgresql", up=True, detail="", required=True)]

    answered = (await client.get(path)).json()

    assert _keys(answered) == _keys(example)


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert response.json() == DOCUMENT
    assert response.json()["openapi"] == "3.1.0"


async def test_unknown_fields_are_refused_exactly_where_the_document_says_so(
    client: httpx.AsyncClient,
) -> None:
    assert DOCUMENT["components"]["schemas"]["JobRequest"]["additionalProperties"] is False
    response = await client.post("/jobs", json={"name": "anything", "x": 1}, headers=JSON)
    assert response.json()["code"] == "unknown_field"


def _keys(value: Any) -> Any:
    """Return the keys of a structure and of the first of each of its lists; leave optional parts out."""
    if not isinstance(value, dict):
        return None
    parts: list[Any] = []
    for key, part in value.items():
        inner = part[0] if isinstance(part, list) and part and key in ("jobs", "queues") else None
        parts.append((key, _keys(inner)))
    return parts
