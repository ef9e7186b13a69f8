"""Every key that Toril uses in Redis, and the form of its job ids there.

The layout is BullMQ's (versions 5 and 6: `bull:<queue>:wait`, `…:active`, `…:delayed`, `…:<job id>`), so
that its tools see Toril's queues. Keys of our own carry `toril:` after the queue's name. A Toril job's id in
Redis is `t` and PostgreSQL's id: BullMQ's own ids are integers from a counter, so the two can't meet.
"""

import re
from dataclasses import dataclass
from uuid import UUID

DEFAULT_PREFIX = "bull"
_GIVEN = re.compile(rb"t[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue.

    Args:
        prefix: BullMQ's prefix option.
        queue: the queue's name.
    """

    prefix: str
    queue: str

    @property
    def base(self) -> str:
        """What all keys of the queue start with; a job's hash is this and its id."""
        return f"{self.prefix}:{self.queue}:"

    def named(self, *names: str) -> list[str]:
        """Return the keys with these BullMQ names (`wait`, `meta`, …), in this order."""
        base = self.base
        return [base + name for name in names]

    def taken(self, worker: UUID) -> str:
        """Return the key of the note about what a worker took last."""
        return f"{self.base}toril:taken:{worker}"

    @property
    def foreign(self) -> str:
        """The list of ids that came from other producers and have not been adopted."""
        return f"{self.base}toril:foreign"

    @property
    def marker(self) -> str:
        """The sorted set on which workers block."""
        return f"{self.base}marker"


def redis_id(job_id: int) -> str:
    """Return a job's id in Redis."""
    return f"t{job_id}"


def given_id(redis_id: bytes) -> int | None:
    """Return PostgreSQL's id, or None for an id that Toril can't have given; see `lua/prelude.lua`."""
    return int(redis_id[1:]) if _GIVEN.fullmatch(redis_id) else None


def job_id(redis_id: bytes) -> int:
    """Return PostgreSQL's id of a job that Toril pushed."""
    return int(redis_id[1:])
