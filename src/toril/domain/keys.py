"""The keys that submitters choose: what they may look like, and the digest that tells two requests apart."""

from collections.abc import Iterable
from hashlib import sha256

from toril.domain.errors import InvalidInput
from toril.domain.payload import storable_text
from toril.domain.retry import MAX_DELAY

MAX_KEY = 255
"""Characters of a key."""

IDEMPOTENCY_TTL = 24 * 3600.0
"""Seconds for which idempotency keys are kept, unless told otherwise."""

MAX_TTL = MAX_DELAY
"""Seconds for which a unique job may hold its key."""


def check_key(key: str, field: str) -> str:
    """Return `key` if it can be one.

    Args:
        key: 1 to `MAX_KEY` characters; spaces, control characters and half surrogate pairs are refused,
            because a key that looks like another must be that other.
        field: what carries it, for the error.

    Raises:
        InvalidInput: `invalid_key`.
    """
    if 0 < len(key) <= MAX_KEY and key.isprintable() and not any(map(str.isspace, key)):
        return key
    shown = storable_text(key, limit=40)
    raise InvalidInput(
        f"{field} can't be {shown!r}.",
        code="invalid_key",
        field=field,
        hint=f"use 1 to {MAX_KEY} printable characters without spaces, such as order-1001",
    )


def fingerprint(parts: Iterable[bytes]) -> bytes:
    """Return a digest of a request; every part and its length count."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
