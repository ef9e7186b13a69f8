import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp
from tests.unit.api.memory import Memory, registered

from toril.api.app import create_app
from toril.api.limits import Limits
from toril.operations.catalog import Catalog

THUMBNAIL = json.dumps(
    {
        "type": "object",
        "properties": {
            "url": {"type": "string"},
            "width": {"type": "integer", "minimum": 1},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "style": {"$ref": "#/$defs/Style"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["url", "width"],
        "additionalProperties": False,
        "$defs": {
            "Style": {
                "type": "object",
                "properties": {"format": {"enum": ["jpeg", "png"]}, "quality": {"type": "integer"}},
                "required": ["format"],
                "additionalProperties": False,
            }
        },
    }
)


@pytest.fixture
def memory() -> Memory:
    memory = Memory()
    memory.registered = [
        registered("thumbnail", THUMBNAIL, queue="images", max_attempts=5, priority=7, timeout=30.0),
        registered("report", '{"type": "object"}', queue="reports"),
        registered("anything", "true"),
    ]
    return memory


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def catalog(memory: Memory) -> Catalog:
    return Catalog(memory, spacing=0.0)


@pytest.fixture
async def app(memory: Memory, catalog: Catalog, limits: Limits, errors: list[Exception]) -> ASGIApp:
    await catalog.refresh()
    return create_app(
        submitter=memory,
        store=memory,
        catalog=catalog,
        health=memory,
        limits=limits,
        on_error=errors.append,
    )


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://toril.test") as client:
        yield client
        await asyncio.sleep(0)
