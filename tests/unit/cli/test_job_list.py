"""A page of jobs, as a table and as JSON."""

from typing import Any

import pytest

from tests.unit.cli.samples import NOW, at, job
from toril.cli import job_list
from toril.domain.lifecycle import Status
from toril.domain.views import JobFilter

ERROR = {"error_kind": "ValueError", "error_message": "no such image"}


@pytest.mark.parametrize(
    ("status", "changes", "expected"),
    [
        (Status.PENDING, {}, ""),
        (Status.SCHEDULED, {"run_at": at(-300)}, "runs in 5 min"),
        (Status.RETRYING, {"run_at": at(-30), **ERROR}, "runs in 30 s after ValueError: no such image"),
        (Status.ACTIVE, {"started_at": at(5), "worker": "host:1"}, "on host:1 since 5.0 s"),
        (Status.ACTIVE, {"started_at": at(5)}, "on a lost worker since 5.0 s"),
        (Status.COMPLETED, {"started_at": at(5), "finished_at": at(4.75)}, "took 250 ms"),
        (Status.FAILED, ERROR, "ValueError: no such image"),
        (Status.FAILED, {}, "an error"),
        (Status.CANCELLED, {}, ""),
    ],
)
def test_each_job_says_the_most_interesting_thing(
    status: Status, changes: dict[str, Any], expected: str
) -> None:
    assert job_list.summary(job(status, **changes), NOW) == expected


@pytest.mark.parametrize(
    ("status", "failures", "expected"),
    [
        (Status.PENDING, 0, "0/3"),
        (Status.ACTIVE, 0, "1/3"),
        (Status.RETRYING, 1, "1/3"),
        (Status.COMPLETED, 2, "3/3"),
        (Status.FAILED, 3, "3/3"),
    ],
)
def test_attempts_are_those_used_of_those_it_has(status: Status, failures: int, expected: str) -> None:
    assert job_list.attempts(job(status, failures=failures)) == expected


def test_a_full_page_says_how_to_get_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    asked = JobFilter(Status.PENDING, "my images", None, None, 2, payloads=True)
    job_list.print_table([job(id=9), job(id=8)], asked)
    printed = capsys.readouterr()
    command = "toril jobs list --status pending --queue 'my images' --limit 2 --before 8 --payload"
    assert printed.err == f"2 jobs. Next page: {command}\n"
    assert "thumbnail" in printed.out
    assert job_list.as_json([job(id=9), job(id=8)], asked).next == (
        "/jobs?status=pending&queue=my+images&limit=2&include=payload&before=8"
    )


def test_the_last_page_has_no_next(capsys: pytest.CaptureFixture[str]) -> None:
    job_list.print_table([job()], JobFilter())
    assert capsys.readouterr().err == "1 job.\n"
    assert job_list.as_json([job()], JobFilter()).next is None


@pytest.mark.parametrize(
    ("asked", "expected"), [(JobFilter(), "No jobs.\n"), (JobFilter(queue="images"), "No such jobs.\n")]
)
def test_an_empty_page_says_so(asked: JobFilter, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    job_list.print_table([], asked)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", expected)


def test_hostile_jobs_fill_one_harmless_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = job(
        Status.FAILED,
        name="[red]\u202e",
        queue="[/]",
        payload='{"a":"\x9b2J' + "x" * 5_000_000 + '"}',
        error_kind="E",
        error_message="\x1b]0;title\x07\nrm -rf /\r" + "y" * 5_000_000,
    )
    job_list.print_table([hostile], JobFilter(payloads=True))
    printed = capsys.readouterr().out
    assert "[red]\\u202e" in printed
    assert "[/]" in printed
    assert not set(printed) & set("\x1b\x07\r\x9b\u202e")
    assert len(printed) < 5_000
    assert printed.count("\n") == 2
