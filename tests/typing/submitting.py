"""What type checkers accept and refuse when jobs are declared and submitted.

Nothing here runs: mypy checks it with `warn_unused_ignores`, so every call marked `type: ignore[…]` must
be an error of exactly that kind, and every other call must be none.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from toril import Backoff, JobContext, NewJob, Retry, Snooze, Submitted, Toril

app = Toril()


@app.job(queue="images", retry=Retry(attempts=5, base=2.0), timeout=60)
async def thumbnail(ctx: JobContext, path: str, size: int = 256) -> dict[str, int] | Snooze:
    """With a context, and options."""
    return {"size": size}


@app.job
def add(first: int, second: int = 0) -> int:
    """Without a context, bare, sync."""
    return first + second


@app.job(isolation="process", timeout=timedelta(minutes=5), retry=3)
def crunch(*, rows: list[int], delay: str) -> None:
    """With a parameter that has an option's name."""


@app.job(name="anything")
async def anything(ctx: JobContext, table: dict[str, Any], limit: int = 1) -> dict[str, Any]:
    """With Any in its types, which makes type checkers give up on overloaded decorators."""
    return table


@app.job
def untyped(path, size=3):  # type: ignore[no-untyped-def]
    """Without types at all."""


async def the_functions_own_signature_is_checked() -> None:
    assert_type(await thumbnail.enqueue(path="a.png"), Submitted)
    assert_type(await thumbnail.enqueue("a.png", 128), Submitted)
    await thumbnail.enqueue("a.png", size=128)
    await thumbnail.enqueue()  # type: ignore[call-overload]
    await thumbnail.enqueue(path=1)  # type: ignore[call-overload]
    await thumbnail.enqueue(path="a.png", sise=1)  # type: ignore[call-overload]
    await add.enqueue(1, second=2)
    await add.enqueue("1")  # type: ignore[call-overload]


async def any_in_a_signature_hides_nothing_else() -> None:
    await anything.enqueue(table={}, limit=2)
    await anything.enqueue({"a": 1})
    await anything.enqueue()  # type: ignore[call-overload]
    await anything.enqueue(table=3)  # type: ignore[call-overload]
    anything.options(delay=3).args(limit=3)  # type: ignore[call-overload]
    await untyped.enqueue("a.png")
    await untyped.enqueue(path="a.png", size=4)
    assert_type(await anything(JobContext.for_tests(), {}), dict[str, Any])


async def options_are_checked_beside_the_arguments() -> None:
    await thumbnail.enqueue(path="a.png", delay=30)
    await thumbnail.enqueue("a.png", delay=timedelta(hours=1), priority=3)
    await thumbnail.enqueue(path="a.png", run_at=datetime.now(UTC))
    await thumbnail.enqueue(path="a.png", attempts=2, queue="slow", timeout=1.5)
    await thumbnail.enqueue(path="a.png", backoff=Backoff(type="fixed", delay=5))
    await thumbnail.enqueue(path="a.png", idempotency_key="order-1")
    await thumbnail.enqueue(path="a.png", unique="order-1")
    await thumbnail.enqueue(path="a.png", unique={"key": "k", "while": "ttl", "ttl": timedelta(hours=1)})
    await thumbnail.enqueue(path="a.png", unique={"key": "k", "on_conflict": "replace"}, conn=object())
    await thumbnail.enqueue(path="a.png", conn=object())
    await thumbnail.enqueue(path="a.png", idempotency_key=7)  # type: ignore[call-overload]
    await thumbnail.enqueue(path="a.png", unique={"while": "queued"})  # type: ignore[call-overload]
    await thumbnail.enqueue(path="a.png", unique={"key": "k", "while": "now"})  # type: ignore[call-overload]
    await thumbnail.enqueue(path="a.png", delay="soon")  # type: ignore[call-overload]
    await thumbnail.enqueue(path="a.png", backoff={"type": "fixed"})  # type: ignore[call-overload]


async def options_first_are_checked_in_full() -> None:
    assert_type(await thumbnail.options(delay=30).enqueue(path="a.png"), Submitted)
    await thumbnail.options(delay=30, queue="slow").enqueue("a.png", 3)
    await thumbnail.options(delay=30).enqueue(path=1)  # type: ignore[call-overload]
    await thumbnail.options(delay=30).enqueue()  # type: ignore[call-overload]
    await thumbnail.options(delay=30).enqueue(path="a.png", sise=1)  # type: ignore[call-overload]
    await thumbnail.options(idempotency_key="k", unique={"key": "k"}, conn=object()).enqueue("a.png")
    thumbnail.options(unique={"key": "k", "on_conflict": "ignore"})  # type: ignore[arg-type]
    thumbnail.options(unique={"kee": "k"})  # type: ignore[arg-type]
    thumbnail.options(dealy=30)  # type: ignore[call-arg]
    thumbnail.options(priority="high")  # type: ignore[arg-type]


async def a_parameter_with_an_options_name_is_the_parameter() -> None:
    await crunch.enqueue(rows=[1], delay="tomorrow")
    await crunch.options(delay=30).enqueue(rows=[1], delay="tomorrow")


async def many_jobs_are_made_of_checked_calls() -> None:
    assert_type(thumbnail.args(path="a.png"), NewJob)
    calls = [thumbnail.args("a.png"), thumbnail.options(priority=1).args(path="b.png")]
    assert_type(await thumbnail.enqueue_many(calls), list[Submitted])
    await thumbnail.enqueue_many([{"path": "a.png"}], conn=object())
    await app.enqueue_many([thumbnail.args("a.png"), add.args(1)])
    thumbnail.args(size=3)  # type: ignore[call-overload]
    thumbnail.args(path=b"a.png")  # type: ignore[call-overload]
    await thumbnail.enqueue_many(["a.png"])  # type: ignore[list-item]


def without_an_event_loop_the_same_is_checked() -> None:
    assert_type(thumbnail.enqueue_sync(path="a.png"), Submitted)
    assert_type(thumbnail.options(delay=30).enqueue_sync("a.png", 3), Submitted)
    assert_type(thumbnail.enqueue_many_sync([thumbnail.args("a.png"), {"path": "b.png"}]), list[Submitted])
    assert_type(app.enqueue_sync("thumbnail", {"path": "a.png"}, delay=3, conn=object()), Submitted)
    assert_type(app.enqueue_many_sync([add.args(1)], conn=object()), list[Submitted])
    thumbnail.enqueue_sync("a.png", delay=30, unique="k", conn=object())
    crunch.enqueue_sync(rows=[1], delay="tomorrow")
    thumbnail.enqueue_sync()  # type: ignore[call-overload]
    thumbnail.enqueue_sync(path=1)  # type: ignore[call-overload]
    thumbnail.enqueue_sync(path="a.png", delay="soon")  # type: ignore[call-overload]
    thumbnail.options(delay=30).enqueue_sync(path=1)  # type: ignore[call-overload]
    app.enqueue_sync("thumbnail", {"path": "a.png"}, dealy=3)  # type: ignore[call-arg]


async def by_name_only_the_options_are_checked() -> None:
    assert_type(await app.enqueue("thumbnail", {"path": "a.png"}, delay=3), Submitted)
    await app.enqueue("elsewhere")
    await app.enqueue("thumbnail", {"path": "a.png"}, dealy=3)  # type: ignore[call-arg]
    await app.enqueue("elsewhere", {"a": 1}, idempotency_key="k", unique="u", conn=object())
    await app.enqueue_many([app.new_job("elsewhere", {"a": 1}, queue="other")], conn=object())
    app.new_job("elsewhere", conn=object())  # type: ignore[call-arg]


async def a_decorated_function_is_still_the_function() -> None:
    assert_type(await thumbnail(JobContext.for_tests(), "a.png"), dict[str, int] | Snooze)
    assert_type(add(1, 2), int)
    crunch(rows=[], delay="")
    await thumbnail("a.png")  # type: ignore[arg-type,call-arg]
    add("1")  # type: ignore[arg-type]


def decorators_take_only_their_options() -> None:
    app.job(quue="images")  # type: ignore[call-overload]
    app.job(isolation="thread")  # type: ignore[call-overload]
    app.job(42)  # type: ignore[call-overload]
