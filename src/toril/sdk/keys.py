"""The keys that a submit may carry: as users write them, and as they go on record.

`idempotency_key` makes repeating a submit harmless, `unique` keeps other jobs like it out. Both are read here
for `options.py`, and put on a job once all else about it is known.
"""

from collections.abc import Mapping
from datetime import UTC, timedelta
from enum import StrEnum
from typing import Any, Literal, Required, TypedDict, TypeVar

import msgspec

from toril.domain.errors import InvalidInput
from toril.domain.job import Held, Idempotency, NewJob, OnConflict, Unique
from toril.domain.keys import check_key, fingerprint
from toril.domain.names import suggest
from toril.sdk.encoding import ordered_json
from toril.sdk.limits import timeout_seconds

E = TypeVar("E", bound=StrEnum)

UniqueArguments = TypedDict(
    "UniqueArguments",
    {
        "key": Required[str],
        "while": Literal["queued", "active", "ttl"] | None,
        "on_conflict": Literal["reject", "return_existing", "replace", "extend"] | None,
        "ttl": float | timedelta | None,
    },
    total=False,
)
"""At most one job of a name holds a key at a time.

* `key`: 1 to 255 printable characters without spaces.
* `while`: for how long the job holds it: while it waits for a worker (`queued`), until it has ended
  (`active`, the default), or for a fixed time, whatever becomes of it (`ttl`).
* `ttl`: that time, in seconds or as a `timedelta`.
* `on_conflict`: what happens to a submit while another job holds the key. It is refused with `Conflict`
  (`reject`). It gets the other's id (`return_existing`, the default). The other, while it is queued, gets its
  payload, options and run time; after that it is refused (`replace`). The other, while it is queued, is
  postponed to its run time; and holds the key for another `ttl` (`extend`).
"""


def read_idempotency_key(key: object) -> str:
    """Return the key where it can be one.

    Raises:
        InvalidInput: with field `idempotency_key`.
    """
    return _key(key, "idempotency_key")


def read_unique(unique: object) -> Unique:
    """Return what a key, or the dict of `UniqueArguments`, asks for.

    Raises:
        InvalidInput: naming the part (`unique.ttl`) and what it takes.
    """
    if isinstance(unique, str):
        return Unique(_key(unique, "unique"))
    if not isinstance(unique, Mapping):
        raise InvalidInput(
            f"unique can't be {unique!r}",
            field="unique",
            hint="give a key, or a dict such as {'key': 'order-1001', 'while': 'queued'}",
        )
    parts = {name: value for name, value in unique.items() if value is not None}
    _refuse_unknown(parts)
    if "key" not in parts:
        raise InvalidInput(
            "unique.key is missing",
            code="missing_field",
            field="unique.key",
            hint="give the unique key",
        )
    held = _choice(Held, parts.get("while", Held.ACTIVE), "unique.while")
    on_conflict = _choice(
        OnConflict, parts.get("on_conflict", OnConflict.RETURN_EXISTING), "unique.on_conflict"
    )
    return Unique(_key(parts["key"], "unique.key"), held, on_conflict, _ttl(held, parts.get("ttl")))


def with_keys(
    job: NewJob, arguments: Mapping[str, Any], idempotency_key: str | None, unique: Unique | None
) -> NewJob:
    """Return `job` with the keys of its submit.

    Args:
        job: complete but for its keys.
        arguments: what its payload was written from.
        idempotency_key: checked; None without.
        unique: checked; None without.
    """
    if idempotency_key is None:
        return job if unique is None else job._replace(unique=unique)
    digest = fingerprint(_asked_for(job, arguments))
    return job._replace(idempotency=Idempotency(idempotency_key, digest), unique=unique)


def _asked_for(job: NewJob, arguments: Mapping[str, Any]) -> list[bytes]:
    """Return what makes two requests the same: all of the job but its keys, in a form without accidents.

    The payload is written again in a fixed order: sets, and dicts put together in another order, would
    otherwise make a conflict of the same call.
    """
    run_at = None if job.run_at is None else job.run_at.astimezone(UTC)
    bare = job._replace(payload="", run_at=run_at, idempotency=None, unique=None)
    return [msgspec.json.encode(bare), ordered_json(arguments, job.payload)]


def _key(key: object, field: str) -> str:
    if not isinstance(key, str):
        raise InvalidInput(
            f"{field} can't be {key!r}",
            code="invalid_key",
            field=field,
            hint="give text, such as str(order_id)",
        )
    return check_key(key, field)


def _refuse_unknown(parts: Mapping[object, object]) -> None:
    known = UniqueArguments.__annotations__
    for name in parts:
        if name not in known:
            field = f"unique.{name}"
            hint = suggest(str(name), known) or f"it takes {', '.join(known)}"
            raise InvalidInput(f"{field} is not a part of it", code="unknown_field", field=field, hint=hint)


def _choice(kind: type[E], value: object, field: str) -> E:
    if isinstance(value, str) and value in list(kind):
        return kind(value)
    raise InvalidInput(f"{field} can't be {value!r}", field=field, hint=f"give {_alternatives(kind)}")


def _alternatives(kind: type[StrEnum]) -> str:
    *first, last = (repr(member.value) for member in kind)
    return f"{', '.join(first)} or {last}"


def _ttl(held: Held, ttl: object) -> float | None:
    if held is not Held.TTL:
        if ttl is None:
            return None
        raise InvalidInput(
            f"unique.ttl doesn't go with while {held.value!r}",
            code="conflicting_fields",
            field="unique.ttl",
            hint="say 'while': 'ttl', or leave ttl out",
        )
    if ttl is None:
        raise InvalidInput(
            "unique.ttl is missing",
            field="unique.ttl",
            hint="give the seconds (or a timedelta) to hold the key for",
        )
    return timeout_seconds(ttl, "unique.ttl")
