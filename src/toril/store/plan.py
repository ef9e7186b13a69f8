"""Statements as a plan that any connection can carry out: ours, or somebody else's.

A plan is a generator: it yields statements with their arguments and is sent the rows of each. So one plan
runs on our lanes, and on a connection of asyncpg, psycopg or SQLAlchemy inside its owner's transaction, with
or without an event loop.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Call(NamedTuple):
    """A statement to run, and its arguments."""

    statement: str
    arguments: tuple[Any, ...]


Plan = Generator[Call, Sequence[Any], T]
"""Yields statements, is sent their rows (mappings by column name), returns what came of it."""


async def carry_out(plan: Plan[T], fetch: Callable[..., Awaitable[Sequence[Any]]]) -> T:
    """Run a plan's statements with `fetch(statement, *arguments)`; return what came of it."""
    try:
        call = next(plan)
        while True:
            call = plan.send(await fetch(call.statement, *call.arguments))
    except StopIteration as end:
        result: T = end.value
        return result


def carry_out_sync(plan: Plan[T], fetch: Callable[..., Sequence[Any]]) -> T:
    """Run a plan's statements with a `fetch` that returns the rows itself; return what came of it."""
    try:
        call = next(plan)
        while True:
            call = plan.send(fetch(call.statement, *call.arguments))
    except StopIteration as end:
        result: T = end.value
        return result


def columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Return rows as the parallel arrays that our statements take."""
    return tuple(map(list, zip(*rows, strict=True)))
