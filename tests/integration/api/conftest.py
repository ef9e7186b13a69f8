"""The API as it is served: a real uvicorn on a real port, over real PostgreSQL and Valkey."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.worker import handlers
from toril.bootstrap import running_api
from toril.settings import Settings
from toril.store.connection import Lane
from toril.store.job_types import JobTypes


@pytest.fixture
async def published(lane: Lane) -> None:
    """The handlers' types, as a worker would have published them."""
    await JobTypes().publish(lane, [job_type.published() for job_type in handlers.app.registry])


@pytest.fixture
async def client(settings: Settings, published: None) -> AsyncIterator[httpx.AsyncClient]:
    async with running_api(settings) as server, httpx.AsyncClient(base_url=server.url) as opened:
        yield opened
