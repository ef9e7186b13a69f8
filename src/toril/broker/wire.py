"""How jobs and outcomes are written in BullMQ's hashes: pure conversions, no Redis.

Field and option names are BullMQ's (`data`, `opts`, `atm`, `failedReason`, `stacktrace`, …).
"""

from collections.abc import Sequence
from enum import StrEnum
from json import dumps
from typing import NamedTuple

from toril.broker.keys import redis_id
from toril.domain.job import Push

RESULT_SHOWN = 4_096
STACK_SHOWN = 8_192
DATA_SHOWN = 65_536


class Interop(StrEnum):
    """How much of BullMQ's layout a queue carries: what nobody reads need not be written."""

    OFF = "off"
    BOARD = "board"


class What(StrEnum):
    """What a settled job is to look like in Redis."""

    COMPLETED = "completed"
    FAILED = "failed"
    BACK = "back"
    GONE = "gone"


class Settlement(NamedTuple):
    """The mirror of one recorded outcome.

    Attributes:
        id: PostgreSQL's id.
        queue: its queue.
        what: where it is to be seen.
        finished_ms: Unix time in milliseconds.
        attempts_made: BullMQ's `atm`: attempts that ended by themselves.
        value: result (JSON text), or the reason of the failure.
        stack: the last stack trace.
    """

    id: int
    queue: str
    what: What
    finished_ms: int = 0
    attempts_made: int = 0
    value: str = ""
    stack: str = ""


def push_arguments(push: Push, interop: Interop) -> tuple[object, ...]:
    """Return the arguments of `push.lua` for one job."""
    place = (redis_id(push.id), push.generation, push.due_ms, push.priority, push.created_ms)
    if interop is Interop.OFF:
        return (*place, "", "", "", "")
    data = push.payload if len(push.payload) <= DATA_SHOWN else _too_large("payload", len(push.payload))
    return (*place, push.name, data, _opts(push), push.failures)


def as_shown(settlement: Settlement) -> Settlement:
    """Return the settlement with no more of its result and stack than is to be seen in Redis."""
    value, stack = settlement.value, settlement.stack
    if settlement.what is What.COMPLETED and len(value) > RESULT_SHOWN:
        value = _too_large("result", len(value))
    elif len(stack) <= STACK_SHOWN:
        return settlement  # nearly all of them; a copy of each would cost more than all else here
    return settlement._replace(value=value, stack=stack[-STACK_SHOWN:])


def settle_arguments(settlement: Settlement) -> tuple[object, ...]:
    """Return the arguments of `settle.lua` for one job."""
    settlement = as_shown(settlement)
    stack = dumps([settlement.stack]) if settlement.stack else "[]"
    return (
        redis_id(settlement.id),
        settlement.what.value,
        settlement.finished_ms,
        settlement.attempts_made,
        settlement.value,
        stack,
    )


def worth_writing(settlements: Sequence[Settlement], keep: dict[What, int]) -> list[Settlement]:
    """Return the settlements, with those that would be trimmed at once turned into `gone`.

    Args:
        settlements: of one queue, oldest first.
        keep: how many the queue keeps of each kind.
    """
    left = dict(keep)
    kept = []
    for settlement in reversed(settlements):
        if settlement.what in left:
            left[settlement.what] -= 1
            if left[settlement.what] < 0:
                settlement = settlement._replace(what=What.GONE)
        kept.append(settlement)
    return kept[::-1]


def _opts(push: Push) -> str:
    opts: dict[str, int] = {"attempts": push.max_attempts}
    if push.priority:
        opts["priority"] = push.priority
    return dumps(opts, separators=(",", ":"))


def _too_large(what: str, size: int) -> str:
    return dumps({"toril": f"{what} of {size} characters: see the job in Toril"})
