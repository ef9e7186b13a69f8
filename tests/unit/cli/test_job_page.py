"""Everything about one job, on one page."""

import pytest

from tests.unit.cli.samples import at, job
from toril.api.shown import details_shown
from toril.cli.job_page import job_page
from toril.cli.output import show
from toril.domain.lifecycle import Status
from toril.domain.views import AttemptView, DiscardedView, JobHistory, JobView, LogLine


def printed(
    capsys: pytest.CaptureFixture[str],
    view: JobView,
    attempts: list[AttemptView] | None = None,
    logs: list[LogLine] | None = None,
) -> str:
    show(*job_page(details_shown(JobHistory(view, attempts or [], logs or []))))
    return capsys.readouterr().out


def failed_attempt(number: int, message: str, stack: str) -> AttemptView:
    return AttemptView(number, "failed", at(60), at(59), "host:1", "ValueError", message, stack)


def test_a_page_has_facts_times_payload_result_and_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    view = job(
        Status.COMPLETED,
        payload='{"width": 320}',
        result="[1, 2]",
        attempt=1,
        timeout=60.0,
        backoff='{"type": "exponential", "delay": 1.0, "factor": 2.0, "cap": 60.0, "jitter": true}',
        started_at=at(599),
        finished_at=at(598),
        worker="host:1",
    )
    page = printed(capsys, view)
    for expected in ("Job 17:", "completed", "thumbnail", "0 of 3", "host:1", "60 s", '"width": 320'):
        assert expected in page
    for section in ("Times:", "Payload:", "Result:", "Attempts:"):
        assert section in page
    assert "exponential, from 1.0 s" in page
    assert "Error" not in page
    assert "Progress" not in page


def test_outcomes_that_came_too_late_are_shown_apart(capsys: pytest.CaptureFixture[str]) -> None:
    late = [
        DiscardedView(2, at(5), None, "retry", None, "ValueError", "too \x1b[2Jlate"),
        DiscardedView(1, at(9), "host:1", "complete", '{"sum": 3}', None, None),
    ]
    view = job(Status.COMPLETED, payload="{}")
    show(*job_page(details_shown(JobHistory(view, [], [], late))))
    page = capsys.readouterr().out
    assert "Discarded: came too late:" in page
    assert "ValueError: too \\u001b[2Jlate" in page
    assert page.index("retry") < page.index('{"sum": 3}')
    assert "Discarded" not in printed(capsys, view)


def test_a_failed_job_shows_its_attempts_and_the_last_stack(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = [failed_attempt(1, "first", "stack of one"), failed_attempt(2, "second", "stack of two")]
    logs = [LogLine(2, at(59), "info", "half \x1b[2Jway")]
    page = printed(capsys, job(Status.FAILED, payload="{}", failures=2, progress="0.5"), attempts, logs)
    assert "ValueError: first" in page
    assert "ValueError: second" in page
    assert "Error of attempt 2:\nstack of two" in page
    assert "stack of one" not in page
    assert "half \\u001b[2Jway" in page
    assert "Progress:\n0.5" in page


def test_a_huge_payload_is_cut_and_says_how_to_see_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    payload = '{"lines": [' + ",".join("1" for _ in range(100_000)) + "]}"
    page = printed(capsys, job(payload=payload))
    assert len(page.splitlines()) < 100
    assert "toril jobs show --json has all of it" in page


def test_a_huge_stack_keeps_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    page = printed(
        capsys, job(Status.FAILED, payload="{}"), [failed_attempt(1, "m", "a" * 100_000 + " the end")]
    )
    assert "the end" in page
    assert "characters before" in page
    assert len(page) < 10_000


def test_strangers_words_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[red]\x1b[31m\x9b\u202e\r"
    view = job(Status.FAILED, name=hostile, queue=hostile, worker=hostile, payload='{"a": "\x9b[blink]"}')
    logs = [LogLine(1, at(1), hostile, f"{hostile}\nsecond")]
    page = printed(capsys, view, [failed_attempt(1, hostile, hostile)], logs)
    assert not set(page) & set("\x1b\x9b\u202e\r")
    assert "[red]" in page
    assert "\\u009b[blink]" in page
