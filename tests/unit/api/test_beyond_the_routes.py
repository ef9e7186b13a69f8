import httpx
import pytest
from starlette.types import ASGIApp, Message, Scope
from tests.unit.api.asgi import JSON, call
from tests.unit.api.memory import Memory

from toril.api.limits import Limits
from toril.domain.errors import Unavailable


async def exchange(app: ASGIApp, scope: Scope, *received: Message) -> list[Message]:
    messages = iter(received)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def test_a_server_that_announces_its_life_is_answered(app: ASGIApp) -> None:
    sent = await exchange(
        app, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )

    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_websockets_are_turned_away(app: ASGIApp) -> None:
    scope: Scope = {"type": "websocket", "path": "/jobs", "headers": [], "query_string": b""}

    sent = await exchange(app, scope, {"type": "websocket.connect"})

    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1", "/queues"])
async def test_nothing_is_shown_while_postgresql_is_down(
    client: httpx.AsyncClient, memory: Memory, path: str
) -> None:
    memory.failure = Unavailable("PostgreSQL does not answer.", retry_after=0.2)

    response = await client.get(path)

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/jobs/0", "/queues", "/healthz", "/readyz", "/docs", "/openapi.json", "/nowhere"]
)
async def test_every_answer_carries_the_guards(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] in ("no-store", "no-cache")
    assert "access-control-allow-origin" not in response.headers


async def test_a_client_that_can_no_longer_be_told_is_no_error(app: ASGIApp, errors: list[Exception]) -> None:
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise OSError("gone")

    await app(scope, receive, send)

    assert errors == []


class TestWithASmallBodyLimit:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(job=20)

    @pytest.mark.parametrize(("size", "status"), [(20, 201), (21, 413)])
    async def test_the_limit_itself_is_allowed(self, app: ASGIApp, size: int, status: int) -> None:
        body = b'{"name":"anything"}'.ljust(size)
        for pieces in ([body], [body[:5], body[5:]]):
            answer = await call(app, "POST", "/jobs", pieces, headers=JSON)
            assert answer is not None
            assert answer.status == status
