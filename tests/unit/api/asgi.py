"""Calls an ASGI application without a server, with full control over how the body arrives."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from starlette.types import ASGIApp, Message, Scope

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    pieces: Iterable[bytes | None] = (b"",),
    *,
    query: bytes = b"",
    headers: dict[str, str] | None = None,
    root_path: str = "",
) -> Answer | None:
    """Send a request whose body arrives in these pieces; a client that leaves ends them with None."""
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "root_path": root_path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
    }
    messages = _messages(list(pieces))
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return None
    start, *bodies = sent
    shown = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], shown, b"".join(part["body"] for part in bodies))


def _messages(pieces: list[bytes | None]) -> Any:
    for index, piece in enumerate(pieces):
        if piece is None:
            yield {"type": "http.disconnect"}
        else:
            yield {"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1}
