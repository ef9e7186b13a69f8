"""Which names jobs and queues may have, and which known name an unknown one was probably meant to be.

The SDK checks names when a handler is decorated, the API when a request names one; both say the same.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from toril.domain.errors import InvalidInput

MAX_NAME = 200
"""The longest job or queue name, in characters."""

_RESERVED_IN_QUEUES = ":{}"
"""`:` separates the parts of BullMQ's Redis keys, `{…}` is Redis Cluster's hash tag."""


def check_job_name(name: object) -> str:
    """Return `name`, or raise `InvalidInput` (field `name`) where no job can be called that."""
    return _check_name(name, "job name", "name")


def check_queue_name(name: object) -> str:
    """Return `name`, or raise `InvalidInput` (field `queue`) where no queue can be called that."""
    checked = _check_name(name, "queue name", "queue")
    for character in _RESERVED_IN_QUEUES:
        if character in checked:
            raise InvalidInput(
                f"queue name {checked!r} contains {character!r}, which has a meaning in Redis keys",
                code="invalid_name",
                field="queue",
                hint="use letters, digits, dots, dashes or underscores",
            )
    return checked


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Return a hint of the form `did you mean …?`, or None where no known name is close to `word`."""
    nearest = get_close_matches(word, list(known), n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else None


def _check_name(name: object, what: str, field: str) -> str:
    if not isinstance(name, str):
        problem = f"a {what} is text, not {type(name).__name__}"
    elif not name.strip():
        problem = f"a {what} can't be empty"
    elif len(name) > MAX_NAME:
        problem = f"{what} {name[:40]!r}… has {len(name):,} characters, more than {MAX_NAME}"
    elif not name.isprintable():
        problem = f"{what} {name!r} contains a control or invisible character"
    else:
        return name
    raise InvalidInput(
        problem, code="invalid_name", field=field, hint=f"use 1 to {MAX_NAME} printable characters"
    )
