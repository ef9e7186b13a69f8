"""sdk/context.py: what a handler knows and tells."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from toril import InvalidInput, JobContext
from toril.sdk.context import MAX_LOG_CHARACTERS


def test_a_context_knows_its_job() -> None:
    ctx = JobContext.for_tests(name="thumbnail", job_id=17, attempt=3, failures=1, queue="images")
    assert (ctx.id, ctx.name, ctx.queue, ctx.attempt, ctx.failures) == (17, "thumbnail", "images", 3, 1)
    assert ctx.fencing_token == 3


def test_without_a_timeout_there_is_no_deadline() -> None:
    ctx = JobContext.for_tests()
    assert ctx.deadline is None
    assert ctx.remaining() is None


def test_the_deadline_is_the_timeout_from_now_and_does_not_move() -> None:
    before = datetime.now(UTC)
    ctx = JobContext.for_tests(timeout=60)
    assert ctx.deadline is not None
    assert timedelta(0) <= ctx.deadline - before - timedelta(seconds=60) < timedelta(seconds=5)
    assert ctx.deadline == ctx.deadline
    remaining = ctx.remaining()
    assert remaining is not None
    assert 55 < remaining <= 60


def test_the_remaining_time_ends_at_zero() -> None:
    ctx = JobContext.for_tests(timeout=1e-9)
    time.sleep(0.001)
    assert ctx.remaining() == 0.0


def test_a_handler_in_a_thread_sees_that_it_was_cancelled() -> None:
    ctx = JobContext.for_tests()
    seen = threading.Event()

    def handler() -> None:
        while not ctx.cancelled:
            time.sleep(0.001)
        seen.set()

    thread = threading.Thread(target=handler)
    thread.start()
    ctx.mark_cancelled()
    thread.join(5)
    assert seen.is_set()


def test_lines_have_a_level_and_fields() -> None:
    ctx = JobContext.for_tests()
    ctx.log("resized", width=256, file="a b.png", empty="", level="debug")
    ctx.log(ValueError("odd"), level="error", message="its own")
    assert ctx.lines == ["debug: resized width=256 file='a b.png' empty=''", "error: odd message='its own'"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no log level 'loud'"):
        JobContext.for_tests().log("hi", level="loud")  # type: ignore[arg-type]


def test_lines_can_be_recorded_whatever_they_contain() -> None:
    ctx = JobContext.for_tests()
    ctx.log("a\0b\ud800", odd="\0")
    ctx.log("x" * (MAX_LOG_CHARACTERS + 5))
    assert ctx.lines[0] == "info: a\\x00b\\ud800 odd='\\x00'"
    assert ctx.lines[1].endswith("… [5 more characters cut]")


def test_progress_is_a_percentage_or_an_object() -> None:
    ctx = JobContext.for_tests()
    for value in (0, 12.5, 100, {"step": "upload", "done": 3}):
        ctx.progress(value)
    assert ctx.progressed == [0, 12.5, 100, {"step": "upload", "done": 3}]


@pytest.mark.parametrize(
    "value",
    [-1, 101, float("nan"), "50", None, True, [1], {"a": object()}, {"a": "\0"}, {"a": "x" * 70_000}],
)
def test_other_progress_is_refused(value: Any) -> None:
    ctx = JobContext.for_tests()
    with pytest.raises(InvalidInput) as caught:
        ctx.progress(value)
    assert caught.value.field == "progress"
    assert ctx.progressed == []
