"""sdk/handler.py and sdk/jobtype.py: decorated functions, and the jobs they submit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.sdk.desk import Desk

from toril import Backoff, InvalidInput, JobContext, NewJob, Retry, Submitted, Toril
from toril.domain.lifecycle import Status
from toril.domain.views import RegisteredJob

desk = Desk()
app = Toril(submitter=desk)


@pytest.fixture(autouse=True)
def fresh_desk() -> None:
    desk.calls.clear()
    desk.conns.clear()


@app.job(queue="images", retry=Retry(attempts=5, base=2.0), timeout=60, priority=7, max_crashes=2)
async def thumbnail(ctx: JobContext, path: str, size: int = 256) -> dict[str, Any]:
    """Make a small image.

    Of a large one.
    """
    ctx.log("made", size=size)
    return {"path": path, "size": size}


@app.job
def add(first: int, second: int = 0) -> int:
    return first + second


@app.job(name="reports.crunch", isolation="process", retry=1)
async def crunch(delay: str, **rest: int) -> None:
    """Do nothing."""


def expected(payload: str, **changes: Any) -> NewJob:
    job = NewJob("images", "thumbnail", payload, priority=7, max_attempts=5, max_crashes=2)
    return job._replace(**changes)


async def test_a_job_is_submitted_as_the_decorator_says() -> None:
    assert await thumbnail.enqueue(path="a.png") == Submitted(1, Status.PENDING)
    await thumbnail.enqueue("a.png", size=3)
    assert desk.calls == [[expected('{"path":"a.png"}')], [expected('{"path":"a.png","size":3}')]]


async def test_options_go_beside_the_arguments() -> None:
    run_at = datetime(2030, 1, 1, tzinfo=UTC)
    await thumbnail.enqueue("a.png", delay=timedelta(minutes=1), queue="slow", attempts=1, priority=0)
    await thumbnail.enqueue("a.png", run_at=run_at, timeout=1, backoff=Backoff("fixed", 3.0))
    [[first], [second]] = desk.calls
    assert first == expected(first.payload, delay=60.0, queue="slow", max_attempts=1, priority=0)
    assert second == expected(first.payload, run_at=run_at, timeout=1.0, backoff=second.backoff)
    assert second.backoff is not None
    assert second.backoff.startswith('{"type":"fixed","delay":3.0')


async def test_options_come_first_where_types_matter() -> None:
    assert await thumbnail.options(delay=30).enqueue(path="a.png")
    assert desk.calls == [[expected('{"path":"a.png"}', delay=30.0)]]


async def test_a_parameter_with_an_options_name_wins() -> None:
    await crunch.enqueue(delay="tomorrow", priority=3)
    await crunch.options(delay=30).enqueue(delay="tomorrow", priority=3)
    [[first], [second]] = desk.calls
    assert (first.payload, first.delay, first.priority) == ('{"delay":"tomorrow"}', 0.0, 3)
    assert (second.payload, second.delay, second.priority) == ('{"delay":"tomorrow","priority":3}', 30.0, 0)


async def test_a_connection_of_the_callers_goes_with_every_way_to_submit() -> None:
    conn = object()
    await thumbnail.enqueue("a.png", conn=conn)
    await thumbnail.enqueue("a.png", delay=3, conn=conn)
    await thumbnail.options(delay=3, conn=conn).enqueue("a.png")
    await thumbnail.options(conn=conn).enqueue_many([{"path": "a.png"}])
    await thumbnail.enqueue_many([{"path": "a.png"}], conn=conn)
    await app.enqueue("thumbnail", {"path": "a.png"}, conn=conn)
    await app.enqueue_many([thumbnail.args("a.png")], conn=conn)
    assert desk.conns == [conn] * 7
    await thumbnail.enqueue("a.png", conn=None)
    assert desk.conns[-1] is None


def test_a_job_that_is_only_made_refuses_a_connection() -> None:
    with pytest.raises(InvalidInput, match="no meaning") as caught:
        thumbnail.options(conn=object()).args("a.png")
    assert caught.value.field == "conn"


async def test_arguments_that_do_not_fit_submit_nothing() -> None:
    with pytest.raises(InvalidInput, match=r"payload\.size: expected int, got str"):
        await thumbnail.enqueue(path="a.png", size="3")  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match=r"payload\.path: is missing"):
        await thumbnail.enqueue()  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match=r"delay can't be -1"):
        await thumbnail.enqueue("a.png", delay=-1)
    with pytest.raises(InvalidInput, match=r"payload\.path: can't be written as JSON"):
        await thumbnail.enqueue(JobContext.for_tests(), "a.png")
    assert desk.calls == []


async def test_many_jobs_are_one_call_and_ids_come_in_order() -> None:
    jobs: list[NewJob | dict[str, str]] = [
        thumbnail.args("a.png"),
        {"path": "b.png"},
        thumbnail.options(delay=3).args("c.png"),
    ]
    submitted = await thumbnail.options(queue="slow").enqueue_many(jobs)
    assert [job.id for job in submitted] == [1, 2, 3]
    [[first, second, third]] = desk.calls
    assert (first.queue, second.queue, third.queue) == ("images", "slow", "images")
    assert third.delay == 3.0


async def test_one_job_that_does_not_fit_stops_them_all_and_is_named_by_its_index() -> None:
    with pytest.raises(InvalidInput) as caught:
        await thumbnail.enqueue_many([{"path": "a.png"}, {"path": 3}])
    assert caught.value.field == "[1].payload.path"
    with pytest.raises(InvalidInput, match=r"\[1\] is a job for 'add'"):
        await thumbnail.enqueue_many([{"path": "a.png"}, add.args(1)])
    with pytest.raises(InvalidInput, match=r"\[0\]\.payload: can't be a str"):
        await thumbnail.enqueue_many(["a.png"])  # type: ignore[list-item]
    assert desk.calls == []


async def test_no_jobs_are_no_call() -> None:
    assert await thumbnail.enqueue_many([]) == []
    assert await app.enqueue_many([]) == []
    assert desk.calls == []


async def test_a_handler_can_be_called_like_the_function_it_is() -> None:
    ctx = JobContext.for_tests()
    assert await thumbnail(ctx, path="a.png") == {"path": "a.png", "size": 256}
    assert ctx.lines == ["info: made size=256"]
    assert add(1, 2) == 3
    assert (thumbnail.__name__, add.name, crunch.name) == ("thumbnail", "add", "reports.crunch")
    assert repr(add) == f"<job 'add': {__name__}.add>"


def test_where_a_handler_runs_depends_on_how_it_is_written() -> None:
    assert [handler.job_type.mode for handler in (thumbnail, add, crunch)] == ["loop", "thread", "process"]
    assert [handler.job_type.takes_context for handler in (thumbnail, add, crunch)] == [True, False, False]


def test_other_programs_are_told_what_they_need_to_submit() -> None:
    job = thumbnail.job_type
    assert job.published() == RegisteredJob(
        name="thumbnail",
        queue="images",
        schema=job.schema,
        max_attempts=5,
        max_crashes=2,
        priority=7,
        timeout=60.0,
        description="Make a small image.",
    )
    assert add.job_type.published().description == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("queue", "a:b"),
        ("retry", "often"),
        ("retry", True),
        ("timeout", 0),
        ("priority", -1),
        ("max_crashes", 0),
        ("isolation", "thread"),
    ],
)
def test_a_decorators_option_is_refused_by_name(field: str, value: object) -> None:
    options: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput) as caught:
        app.job(**options)(lambda: None)
    assert caught.value.field == field
    assert caught.value.hint
