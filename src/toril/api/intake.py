"""The frame around the two routes that take jobs: the body within its limits, refusals, the 201
or the 200.

Raw ASGI, without a framework's request and response objects: it is on the hot path.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.types import Message, Receive, Scope, Send

from toril.api.answers import GUARDS
from toril.api.body import Body
from toril.api.problems import problem
from toril.domain.errors import TorilError


class Accepted(NamedTuple):
    """What to answer: the JSON body, a Location where it is about one job, and whether anything is new."""

    body: bytes
    location: bytes | None = None
    created: bool = True


class Intake:
    """An ASGI application that hands bodies to `handle` and answers 201, or 200 where nothing was created.

    Args:
        handle: takes the request and its body, whose content type is one of `accepted`.
        accepted: content types.
        limit: bytes that a body may have.
        timeout: seconds in which it must arrive.
    """

    def __init__(
        self,
        handle: Callable[[Scope, Body, bytes], Awaitable[Accepted]],
        *,
        accepted: tuple[bytes, ...],
        limit: int,
        timeout: float,
    ) -> None:
        self._handle = handle
        self._accepted = accepted
        self._limit = limit
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(scope, receive, limit=self._limit, timeout=self._timeout)
        try:
            accepted = await self._handle(scope, body, body.check(self._accepted))
        except TorilError as error:
            await _refuse(error, body, scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(accepted.body)).encode()),
            *GUARDS,
        ]
        if accepted.location is not None:
            headers.append((b"location", accepted.location))
        status = 201 if accepted.created else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": accepted.body})


async def _refuse(error: TorilError, body: Body, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; a body that has not been read to its end costs the client its connection."""
    if body.complete:
        await problem(error)(scope, receive, send)
        return

    async def send_and_keep_open(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await problem(error, close=True)(scope, receive, send_and_keep_open)
    await body.linger()
    await send({"type": "http.response.body", "body": b""})
