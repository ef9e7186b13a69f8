"""The keys of a request, checked, and as the record takes them. Pure; called by `Submission.check`.

Both fields are rare, and whoever leaves them out pays nothing for them.
"""

from toril.domain.errors import InvalidInput
from toril.domain.job import Held, Idempotency, OnConflict, Unique
from toril.domain.keys import check_key, fingerprint
from toril.operations.request import UniqueRequest


def idempotency(key: str, text: bytes) -> Idempotency:
    """Return what makes a repeated request harmless.

    Args:
        key: the client's.
        text: the job as the client sent it. White space around it is not the job's: a line of NDJSON may end
            in another way than the same job sent alone.

    Raises:
        InvalidInput: `invalid_key`.
    """
    return Idempotency(check_key(key, "idempotency_key"), fingerprint([text.strip()]))


def unique(request: UniqueRequest) -> Unique:
    """Return what keeps other jobs out.

    Raises:
        InvalidInput: `invalid_key`; or `ttl` is missing, or stands where nothing heeds it.
    """
    held = request.held or Held.ACTIVE
    if held is Held.TTL and request.ttl is None:
        raise InvalidInput(
            "unique.ttl is missing: the key is to be held for a fixed time.",
            code="missing_field",
            field="unique.ttl",
            hint='say for how many milliseconds, such as "ttl": 600000',
        )
    if held is not Held.TTL and request.ttl is not None:
        raise InvalidInput(
            f"unique.ttl doesn't go with while {held}.",
            code="conflicting_fields",
            field="unique.ttl",
            hint='add "while": "ttl", or leave ttl out',
        )
    return Unique(
        key=check_key(request.key, "unique.key"),
        held=held,
        on_conflict=request.on_conflict or OnConflict.RETURN_EXISTING,
        ttl=None if request.ttl is None else request.ttl / 1000,
    )
