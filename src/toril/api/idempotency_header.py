"""The header `Idempotency-Key` of `POST /jobs`: bare, or quoted as the IETF's draft has it.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header: a structured field (RFC 9651)
that is a string. Most clients send the key bare, so both are read, and mean the same key.
"""

import re

from toril.domain.errors import InvalidInput
from toril.domain.keys import check_key

HEADER = "Idempotency-Key"
HEADER_BYTES = HEADER.lower().encode()
"""As ASGI spells it."""

FIELD = "idempotency_key"
"""The field of a job that says the same."""

_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")


def read_key(value: bytes, in_body: str | None) -> str:
    """Return the key in a header.

    Args:
        value: of the header.
        in_body: what the body gives as the job's `idempotency_key`.

    Raises:
        InvalidInput: `invalid_key`; or `conflicting_fields`, where the body gives another.
    """
    key = check_key(_unquoted(value), HEADER)
    if in_body is not None and in_body != key:
        raise InvalidInput(
            f"The header {HEADER} and the field {FIELD} differ.",
            code="conflicting_fields",
            field=FIELD,
            hint="give the key once",
        )
    return key


def repeated() -> InvalidInput:
    """Return the error for a request with more than one such header."""
    return _invalid(f"The header {HEADER} is given twice.", "give it once")


def not_in_bulk() -> InvalidInput:
    """Return the error for a bulk with such a header: it would have to mean all jobs at once."""
    return _invalid(
        f"A bulk takes no header {HEADER}: each of its jobs has a key of its own.",
        f"remove the header, and give each job the field {FIELD}",
    )


def _unquoted(value: bytes) -> str:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        raise _invalid(
            f"The header {HEADER} is not ASCII.", f"use ASCII, or give the key as the body's field {FIELD}"
        ) from None
    if not text.startswith('"'):
        return text
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise _invalid(
            f"The header {HEADER} starts with a quote, but is not a quoted string.",
            'quote the whole key, as in "order-1001", or nothing of it',
        )
    return _ESCAPED.sub(r"\1", quoted[1])


def _invalid(message: str, hint: str) -> InvalidInput:
    return InvalidInput(message, code="invalid_key", field=HEADER, hint=hint)
