"""What Toril says to Redis: push, take, settle, give back. Transport only; nothing here decides about a job.

Batches are cut to `BATCH` jobs a script call, so that no call stops Redis for more than a few milliseconds.
A call over several queues does all that Redis lets it do, and then raises `Refused` with the others.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from redis.exceptions import RedisError

from toril.broker.connection import Script, Silence, connect, unavailable
from toril.broker.epoch import EpochMark
from toril.broker.keys import DEFAULT_PREFIX, QueueKeys, job_id
from toril.broker.survey import Survey
from toril.broker.wire import Interop, Settlement, What, push_arguments, settle_arguments, worth_writing
from toril.domain.errors import Refused
from toril.domain.job import Push

BATCH = 100
"""Jobs per script call: at 10–35 µs each a call stays within a few milliseconds."""

_QueueItem = TypeVar("_QueueItem", Push, Settlement)


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How Redis is used.

    Args:
        prefix: BullMQ's key prefix.
        interop: the level of queues that have none of their own.
        queue_interop: levels of single queues.
        keep_completed: completed jobs that Redis keeps per queue, for boards.
        keep_failed: failed jobs likewise.
        deadline: seconds for a call to answer.
    """

    prefix: str = DEFAULT_PREFIX
    interop: Interop = Interop.BOARD
    queue_interop: dict[str, Interop] = field(default_factory=dict)
    keep_completed: int = 1_000
    keep_failed: int = 5_000
    deadline: float = 5.0


def wall_ms() -> int:
    """Return this machine's Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Taken(NamedTuple):
    """A batch of suggestions.

    Attributes:
        ids: PostgreSQL's ids, in the order in which they should run.
        next_due_ms: when the next delayed job of the queue is due (Unix ms), or None.
        paused: whether the queue is paused.
    """

    ids: list[int]
    next_due_ms: int | None
    paused: bool


class Broker:
    """Batched calls to Redis. Every method raises `Unavailable` when Redis fails or is too slow.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        options: how to use it.
        now_ms: Unix time in milliseconds, by which delayed jobs are due.

    Attributes:
        epoch: tells one filling of Redis from the next.
        silence: of this process; told when a call gets no answer.
    """

    def __init__(self, url: str, options: BrokerOptions, now_ms: Callable[[], int] = wall_ms) -> None:
        self._options = options
        self._now_ms = now_ms
        self.silence = Silence()
        self._redis = connect(url, deadline=options.deadline, connections=8, silence=self.silence)
        self._push = Script(self._redis, "push")
        self._take = Script(self._redis, "take")
        self._settle = Script(self._redis, "settle")
        self._give_back = Script(self._redis, "give_back")
        self.epoch = EpochMark(self._redis, options.prefix)
        self.survey = Survey(self._redis, options.prefix)

    async def push(self, pushes: Sequence[Push], *, again: bool = False) -> int:
        """Tell Redis about queued jobs; return how many it did not know yet.

        Args:
            pushes: the jobs, each with its generation: one that Redis knows is skipped.
            again: push those too, because they have been taken and could not be claimed yet.
        """
        return await _each_queue(pushes, partial(self._push_to, again=again))

    async def _push_to(self, queue: str, pushes: Sequence[Push], *, again: bool) -> int:
        interop, keys = self._interop(queue), self._keys(queue)
        names = keys.named(
            "wait", "prioritized", "delayed", "marker", "meta", "pc", "active", "completed", "failed", ""
        )
        new = 0
        for batch in _batches(pushes):
            arguments: list[object] = [self._now_ms(), interop.value, int(again)]
            for push in batch:
                arguments += push_arguments(push, interop)
            new += int(await self._push(names, arguments))
        return new

    async def take(self, queue: str, count: int, *, worker: UUID, name: str, ticket: int) -> Taken:
        """Take up to `count` suggestions (at most `BATCH`).

        Args:
            queue: from which queue.
            count: how many at most.
            worker: for whom; the batch is noted under this id.
            name: what boards show as the worker.
            ticket: a number that grows with every call but the repetition of one whose answer was lost.
        """
        keys = self._keys(queue)
        names = keys.named("wait", "prioritized", "delayed", "marker", "meta", "pc", "active")
        names += [keys.taken(worker), keys.foreign, keys.base]
        arguments = [self._now_ms(), self._interop(queue).value, min(count, BATCH), ticket, name]
        next_due, paused, *ids = await self._take(names, arguments)
        return Taken([job_id(found) for found in ids], next_due if next_due > 0 else None, bool(paused))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Mirror recorded outcomes; queues of level `off` have no mirror."""
        await _each_queue(settlements, self._settle_in)

    async def _settle_in(self, queue: str, settlements: Sequence[Settlement]) -> int:
        if self._interop(queue) is Interop.OFF:
            return 0
        keep = {What.COMPLETED: self._options.keep_completed, What.FAILED: self._options.keep_failed}
        names = self._keys(queue).named("active", "completed", "failed", "")
        for batch in _batches(worth_writing(settlements, keep)):
            arguments: list[object] = list(keep.values())
            for settlement in batch:
                arguments += settle_arguments(settlement)
            await self._settle(names, arguments)
        return len(settlements)

    async def give_back(self, queue: str, worker: UUID) -> int:
        """Put back what a worker took and never claimed; return how many suggestions that were."""
        keys = self._keys(queue)
        names = [*keys.named("wait", "marker", "active"), keys.taken(worker), keys.base]
        return int(await self._give_back(names, []))

    async def ping(self) -> None:
        """Check that Redis answers."""
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error

    async def describe(self) -> dict[str, str]:
        """Return what an operator needs to know of the server: version, eviction policy, persistence."""
        try:
            server = await self._redis.info("server")
            memory = await self._redis.info("memory")
            persistence = await self._redis.info("persistence")
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error
        product = "valkey" if "valkey_version" in server else "redis"
        return {
            "product": product,
            "version": str(server[f"{product}_version"]),
            "maxmemory_policy": str(memory.get("maxmemory_policy", "unknown")),
            "aof_enabled": str(persistence.get("aof_enabled", "unknown")),
        }

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    def _keys(self, queue: str) -> QueueKeys:
        return QueueKeys(self._options.prefix, queue)

    def _interop(self, queue: str) -> Interop:
        return self._options.queue_interop.get(queue, self._options.interop)


async def _each_queue(
    items: Sequence[_QueueItem], tell: Callable[[str, list[_QueueItem]], Awaitable[int]]
) -> int:
    """Tell Redis queue by queue, also those after one that it refuses; return the sum of the answers."""
    queues: dict[str, list[_QueueItem]] = {}
    for item in items:
        queues.setdefault(item.queue, []).append(item)
    answers, refused = 0, {}
    for queue, of_queue in queues.items():
        try:
            answers += await tell(queue, of_queue)
        except Refused as error:
            refused[queue] = error.message
    if refused:
        raise Refused(next(iter(refused.values())), refused)
    return answers


def _batches(items: Sequence[_QueueItem]) -> Iterator[Sequence[_QueueItem]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
