"""What `toril check` finds, and how it is shown."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.text import Text

from toril.cli.output import one_line


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(NamedTuple):
    """The answer to one question.

    Attributes:
        check: what was looked at.
        verdict: whether it will do.
        detail: what was found.
        fix: what to do about it.
    """

    check: str
    verdict: Verdict
    detail: str
    fix: str | None = None


_MARKS = {Verdict.OK: ("✓", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.FAILED: ("✗", "bold red")}


def ok(check: str, detail: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str, fix: str) -> Finding:
    """Return that something works, but less well than it should."""
    return Finding(check, Verdict.WARNING, detail, fix)


def failed(check: str, detail: str, fix: str) -> Finding:
    """Return that something must be fixed."""
    return Finding(check, Verdict.FAILED, detail, fix)


def as_json(findings: Sequence[Finding], *, ok: bool) -> dict[str, object]:
    """Return the findings for a program."""
    return {"ok": ok, "checks": [finding._asdict() for finding in findings]}


def finding_lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Yield the findings for a person, each with its fix below it, and a sentence at the end."""
    for finding in findings:
        mark, colour = _MARKS[finding.verdict]
        yield Text.assemble((mark, colour), f" {finding.check:<24}", one_line(finding.detail))
        if finding.fix:
            yield Text.assemble("  ", ("fix: ", colour), one_line(finding.fix))
    problems = sum(finding.verdict is Verdict.FAILED for finding in findings)
    warnings = sum(finding.verdict is Verdict.WARNING for finding in findings)
    yield Text(f"\n{_count(problems, 'problem')}, {_count(warnings, 'warning')}.")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
