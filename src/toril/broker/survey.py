"""What the audit asks of Redis: which ids a queue holds where, page by page, and to put some right."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from redis.asyncio import Redis

from toril.broker.connection import Script
from toril.broker.keys import QueueKeys, given_id, redis_id


class Place(StrEnum):
    """Where a queue keeps ids, in the order in which jobs move through; values are BullMQ's names."""

    DELAYED = "delayed"
    PRIORITIZED = "prioritized"
    WAIT = "wait"
    PAUSED = "paused"
    ACTIVE = "active"


_PLACES = list(Place)
_SORTED = (Place.DELAYED, Place.PRIORITIZED)
_MOVED = 1_000
"""Ids that may be pushed between two calls of one step; what has moved further is found the next time."""


class Cursor(NamedTuple):
    """Where a walk goes on: the number of the place, from 1, and how many of its ids have been read."""

    place: int = 1
    read: int = 0

    def after_removing(self, count: int, place: Place) -> "Cursor":
        """Return the cursor when ids that have been read were removed from a place."""
        return self._replace(read=max(0, self.read - count)) if _PLACES[self.place - 1] is place else self


class Page(NamedTuple):
    """A page of a walk.

    Attributes:
        found: PostgreSQL's ids by place; those of other producers are left out.
        size: how many ids were read, whoever they belong to.
        start: where the page began.
        end: where to go on, or None when that was all.
    """

    found: dict[Place, list[int]]
    size: int
    start: Cursor
    end: Cursor | None


class Survey:
    """Walks over the queues of one Redis. Every method raises `Unavailable` when it fails, `Refused` with it.

    Args:
        redis: a client.
        prefix: BullMQ's key prefix.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._prefix = prefix
        self._survey = Script(redis, "survey")
        self._remove = Script(redis, "remove")
        self._doubt = Script(redis, "doubt")

    async def page(self, queue: str, start: Cursor, limit: int) -> Page:
        """Read the next ids of a queue, `limit` at most."""
        names = QueueKeys(self._prefix, queue).named(*_PLACES)
        place, read, *found = await self._survey(names, [*start, limit])
        ids = {
            _PLACES[n]: [known for known in map(given_id, raw) if known is not None]
            for n, raw in enumerate(found)
        }
        end = Cursor(place, read) if place <= len(_PLACES) else None
        return Page(ids, sum(map(len, found)), start, end)

    async def remove(
        self, queue: str, page: Page, place: Place, ids: Sequence[int], *, with_hash: bool
    ) -> int:
        """Remove ids from the place in which a page found them just now; return how many there were.

        Args:
            queue: whose ids.
            page: where they were found.
            place: in which place of it.
            ids: some of those.
            with_hash: whether the jobs' hashes go too, but for those that boards show as finished.
        """
        keys = QueueKeys(self._prefix, queue)
        kind = "zset" if place in _SORTED else "list"
        first = page.start.read if _PLACES[page.start.place - 1] is place else 0
        span = len(page.found[place]) + _MOVED
        arguments = [kind, first, span, int(with_hash), *map(redis_id, ids)]
        return int(await self._remove(keys.named(place, "completed", "failed", ""), arguments))

    async def doubt(self, queue: str, ids: Sequence[int]) -> None:
        """Have the next push of these jobs carried out, whatever their hashes say."""
        await self._doubt([QueueKeys(self._prefix, queue).base], [redis_id(each) for each in ids])
