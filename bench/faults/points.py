"""The steps of a job's life at which a process can be made to die: a closed table of names.

Each point is a real method of the product, and whether the process dies before it, after it, or where it
first waits. The names say which two steps the death falls between.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from toril.broker.broker import Broker
from toril.broker.epoch import EpochMark
from toril.broker.wire import What
from toril.keeper.rescuer import Rescuer
from toril.operations.dispatch import Dispatcher
from toril.store.jobs import Jobs
from toril.store.outbox import Outbox
from toril.worker.executor import Executor
from toril.worker.recorder import OutcomeRecorder
from toril.worker.worker import Worker

When = Literal["before", "after", "during"]


def always(_arguments: Sequence[Any], _answer: Any) -> bool:
    """Count every passage."""
    return True


def with_answer(_arguments: Sequence[Any], answer: Any) -> bool:
    """Count a passage that came back with something."""
    return bool(answer)


def with_jobs(_arguments: Sequence[Any], taken: Any) -> bool:
    """Count a take that got suggestions."""
    return bool(taken.ids)


def of_failures(arguments: Sequence[Any], _answer: Any) -> bool:
    """Count a settling of attempts after which the job is queued again."""
    return any(settlement.what is What.BACK for settlement in arguments[1])


def of_found_jobs(_arguments: Sequence[Any], answer: Any) -> bool:
    """Count a step of refilling that found jobs."""
    return bool(answer.found)


def in_task(name: str) -> Callable[[Sequence[Any], Any], bool]:
    """Count passages on behalf of one background service."""

    def counts(_arguments: Sequence[Any], _answer: Any) -> bool:
        task = asyncio.current_task()
        return task is not None and task.get_name() == name

    return counts


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process can be made to die.

    Attributes:
        owner: the class.
        method: its method.
        when: `before` it is called, `after` it has returned, or `during`: where it first waits.
        counts: tells from its arguments (the object first) and its answer whether a passage counts.
            Before the call there is no answer.
        says: between which steps that is.
    """

    owner: type
    method: str
    when: When
    says: str
    counts: Callable[[Sequence[Any], Any], bool] = always


POINTS: dict[str, Point] = {
    # Whoever submits: the API, an application.
    "before-commit": Point(Jobs, "insert", "before", "jobs gathered, nothing committed"),
    "after-commit": Point(Jobs, "insert", "after", "committed; nobody answered, Redis not told"),
    "before-push": Point(Dispatcher, "_push", "before", "committed and on its way, not pushed"),
    "after-push": Point(Dispatcher, "_settle", "before", "pushed, the promise still in the outbox"),
    "promise-forgotten": Point(Outbox, "settle", "after", "pushed, the promise deleted"),
    # Workers.
    "taken": Point(Broker, "take", "after", "taken from Redis, not claimed", with_jobs),
    "claimed": Point(Jobs, "claim", "after", "claimed, not started", with_answer),
    "running": Point(Executor, "_call", "during", "in the middle of a handler"),
    "ran": Point(OutcomeRecorder, "record", "before", "the handler is done, its outcome not sent"),
    "completed": Point(Jobs, "complete", "after", "the result is on record, Redis not told", with_answer),
    "set-back": Point(Jobs, "set_back", "after", "the failure is on record, Redis not told", with_answer),
    "settled": Point(Broker, "settle", "after", "the failure is mirrored, the retry not pushed", of_failures),
    "stopping": Point(Worker, "_say_goodbye", "before", "handing jobs back while stopping in order"),
    # The keeper, in either.
    "relay-pushed": Point(
        Broker, "push", "after", "the relay has pushed, its promises still there", in_task("relay")
    ),
    "declared-lost": Point(
        Rescuer, "_declare_lost", "after", "a worker is declared lost, its jobs not taken back"
    ),
    "rescued": Point(Jobs, "rescue", "after", "jobs taken back, Redis not told", with_answer),
    "refill-begun": Point(EpochMark, "begin", "after", "a refill has left its token, promised nothing"),
    "refilling": Point(Outbox, "refill", "after", "in the middle of a refill", of_found_jobs),
    "refill-pushed": Point(
        Broker, "push", "after", "a refill has pushed, its promises still there", in_task("refiller")
    ),
    "refill-ended": Point(EpochMark, "end", "after", "a refill has left its mark, PostgreSQL not told"),
}
