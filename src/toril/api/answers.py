"""Responses: JSON bytes with the headers that every answer carries."""

from collections.abc import Mapping

from starlette.responses import Response

JSON = "application/json"

GUARDS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""On every answer: never cached, never sniffed into another type."""

_GUARDS = {name.decode(): value.decode() for name, value in GUARDS}


def answer(
    body: bytes, *, status: int = 200, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with the guards; `headers` (lower case) come on top and win."""
    return Response(body, status, {**_GUARDS, **(headers or {})}, media_type)
