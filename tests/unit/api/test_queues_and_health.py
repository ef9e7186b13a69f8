import asyncio

import httpx
import pytest
from tests.unit.api.memory import Memory

from toril.api.limits import Limits
from toril.domain.lifecycle import Status
from toril.domain.views import QueueCounts
from toril.operations.ports import ComponentHealth

POSTGRESQL = ComponentHealth("postgresql", up=True, detail="Answered in 1 ms.", required=True)
REDIS = ComponentHealth("redis", up=True, detail="Answered in 1 ms.", required=False)


async def test_a_queue_shows_every_status_even_those_without_jobs(
    client: httpx.AsyncClient, memory: Memory
) -> None:
    memory.counts = [QueueCounts("images", {Status.PENDING: 2, Status.FAILED: 1}, workers=3)]

    response = await client.get("/queues")

    assert response.json() == {
        "queues": [
            {
                "name": "images",
                "counts": {status.value: {"pending": 2, "failed": 1}.get(status, 0) for status in Status},
                "workers": 3,
            }
        ]
    }


async def test_alive_asks_nobody(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.failure = RuntimeError("must not be asked")

    response = await client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("postgresql", "redis", "status", "word"),
    [(True, True, 200, "ok"), (True, False, 200, "degraded"), (False, True, 503, "down")],
)
async def test_ready_means_that_jobs_can_be_accepted(
    client: httpx.AsyncClient, memory: Memory, postgresql: bool, redis: bool, status: int, word: str
) -> None:
    memory.components = [POSTGRESQL._replace(up=postgresql), REDIS._replace(up=redis)]

    response = await client.get("/readyz")

    assert response.status_code == status
    assert response.json()["status"] == word
    assert response.json()["components"][1] == {
        "name": "redis",
        "up": redis,
        "required": False,
        "detail": "Answered in 1 ms.",
    }


class TestWithAShortPatience:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(health_timeout=0.05)

    async def test_checks_that_hang_count_as_down(
        self, client: httpx.AsyncClient, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "check", asyncio.Event().wait)

        response = await client.get("/readyz")

        assert (response.status_code, response.json()["status"]) == (503, "down")
