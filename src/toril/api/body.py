"""Reading a request's body: never more than the limit, never longer than the deadline.

A declared length is checked before anything is read; a chunked body is counted as it comes. A client that
goes away in the middle has asked for nothing.
"""

import asyncio

from starlette.types import Receive, Scope

from toril.api.idempotency_header import HEADER_BYTES, repeated
from toril.domain.errors import InvalidInput, PayloadTooLarge
from toril.operations.decoding import shortened

_PIECE = 64 * 1024
_LINGER_BYTES = 16 * 1024 * 1024
_LINGER_SECONDS = 2.0


class ClientGone(Exception):
    """The client closed the connection; nobody is left to answer."""


class Body:
    """The body of one request.

    Args:
        scope: the request, for its headers.
        receive: ASGI's.
        limit: bytes at most.
        timeout: seconds in which all of it must arrive.

    Attributes:
        complete: whether it has been read to its end.
        idempotency_key: the header of that name, as it came; known once the headers have been checked.
    """

    __slots__ = ("_deadline", "_headers", "_limit", "_receive", "_received", "complete", "idempotency_key")

    def __init__(self, scope: Scope, receive: Receive, *, limit: int, timeout: float) -> None:
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._limit = limit
        self._received = 0
        self._deadline = asyncio.get_running_loop().time() + timeout
        self.complete = False
        self.idempotency_key: bytes | None = None

    def check(self, accepted: tuple[bytes, ...]) -> bytes:
        """Return the content type, one of `accepted`, after a look at the headers.

        Raises:
            InvalidInput: `unsupported_media_type`; `too_large`, by the body's own declaration; or
                `invalid_key`, for two of them.
        """
        content_type = b""
        for name, value in self._headers:
            if name == b"content-type":
                content_type = value if value in accepted else _without_charset(value)
            elif name == b"content-length" and value.isdigit() and int(value) > self._limit:
                raise _too_large(self._limit)
            elif name == b"content-encoding" and value.lower() != b"identity":
                raise _unsupported(f"The body is compressed ({_shown(value)}).", "send it uncompressed")
            elif name == HEADER_BYTES:
                if self.idempotency_key is not None:
                    raise repeated()
                self.idempotency_key = value
        if content_type not in accepted:
            expected = b" or ".join(accepted).decode()
            found = f"is {_shown(content_type)}" if content_type else "is missing"
            raise _unsupported(f"The content type {found}.", f"send the header Content-Type: {expected}")
        return content_type

    async def read(self) -> bytes:
        """Return all of it.

        Raises:
            InvalidInput: `too_large` or `body_timeout`.
            ClientGone: the client closed the connection before the end.
        """
        parts: list[bytes] = []
        while not self.complete:
            parts.append(await self._receive_some())
        return b"".join(parts)

    async def piece(self) -> bytes:
        """Return the next 64 KiB or more, or what is left; raises as `read` does.

        However small the packets are that it comes in: who works through a body piece by piece must not be
        made to do so byte by byte.
        """
        parts: list[bytes] = []
        size = 0
        while size < _PIECE and not self.complete:
            parts.append(await self._receive_some())
            size += len(parts[-1])
        return b"".join(parts)

    async def linger(self) -> None:
        """Read on for a moment after the answer, and forget it.

        A connection that is closed while the client still sends is reset, and the reset may overtake the
        answer that would have told the client why.
        """
        self._limit = self._received + _LINGER_BYTES
        self._deadline = asyncio.get_running_loop().time() + _LINGER_SECONDS
        try:
            while not self.complete:
                await self._receive_some()
        except (InvalidInput, ClientGone):
            return

    async def _receive_some(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise InvalidInput(
                "The body took too long to arrive.", code="body_timeout", hint="send it again, or send less"
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        data: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self._received += len(data)
        if self._received > self._limit:
            raise _too_large(self._limit)
        return data


def too_large(what: str, limit: int, *, field: str | None = None) -> PayloadTooLarge:
    """Return the error for something over its size limit, in bytes."""
    return PayloadTooLarge(
        f"{what} is larger than {limit:,} bytes.",
        field=field,
        hint="store large data elsewhere, and send a reference to it",
    )


def _too_large(limit: int) -> PayloadTooLarge:
    return too_large("The body", limit)


def _without_charset(value: bytes) -> bytes:
    """Return the media type of a header; with a charset that isn't UTF-8, all of it."""
    kind, _, parameters = value.lower().partition(b";")
    _, is_charset, charset = parameters.partition(b"charset=")
    if is_charset and charset.strip(b'" ') not in (b"utf-8", b"utf8"):
        return value
    return kind.strip()


def _unsupported(message: str, hint: str) -> InvalidInput:
    return InvalidInput(message, code="unsupported_media_type", field="Content-Type", hint=hint)


def _shown(value: bytes) -> str:
    return shortened(value.decode("latin-1"))
