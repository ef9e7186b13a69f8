"""Everything about one job, for the terminal: from the structure that the HTTP API answers with."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw
from rich.console import Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.text import Text

from toril.api.schemas import Attempt, Discarded, Job, JobDetails
from toril.cli.output import one_line, section, table, visible
from toril.cli.statuses import COLOURS
from toril.cli.times import span

_LONGEST = 4_000
_MOST_LINES = 60

Fact = tuple[str, str | Text | None]


def job_page(job: JobDetails) -> list[RenderableType]:
    """Return the sections of the page."""
    return [
        section(f"Job {job.id}", _facts(_about(job))),
        section("Times", _facts(_times(job))),
        section("Payload", _json(job.payload)),
        *([section("Result", _json(job.result))] if isinstance(job.result, Raw) else []),
        *([section("Progress", _json(job.progress))] if job.progress is not None else []),
        *([section("Attempts", _attempts(job.attempts))] if job.attempts else []),
        *_errors(job),
        *([section("Log", _log(job))] if job.logs else []),
        *([section("Discarded: came too late", _discarded(job.discarded))] if job.discarded else []),
    ]


def _about(job: Job) -> Iterator[Fact]:
    yield "status", Text(job.status.value, COLOURS[job.status])
    yield "queue", job.queue
    yield "name", job.name
    yield "priority", str(job.priority) if job.priority else "none"
    yield "failures", f"{job.failures} of {job.max_attempts}"
    yield "crashes", f"{job.crashes} of {job.max_crashes}" if job.crashes else None
    yield "interruptions", str(job.interruptions) if job.interruptions else None
    yield "worker", job.worker
    yield "timeout", None if job.timeout is None else span(job.timeout / 1000)
    if job.backoff is not None:
        yield "backoff", f"{job.backoff.type}, from {span(job.backoff.delay / 1000)}"


def _times(job: Job) -> Iterator[Fact]:
    yield "created", job.created_at
    yield "queued", job.queued_at if job.queued_at != job.created_at else None
    yield "due", job.run_at if job.run_at != job.queued_at else None
    yield "started", job.started_at
    yield "finished", job.finished_at
    yield "waited", _ms(job.waited_ms)
    yield "ran", _ms(job.ran_ms)


def _facts(facts: Iterator[Fact]) -> RenderableType:
    lines = []
    for name, value in facts:
        if value is not None:
            shown = value if isinstance(value, Text) else Text(one_line(value))
            lines.append(Text.assemble((f"{name:<14}", "dim"), shown))
    return Group(*lines)


def _ms(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else span(milliseconds / 1000)


def _json(value: object) -> Text:
    """Return stored JSON, indented, as far as a person may want to read it here."""
    stored = bytes(value).decode() if isinstance(value, Raw) else "null"
    text = _bounded(msgspec.json.format(stored, indent=2), "toril jobs show --json has all of it")
    return JSONHighlighter()(Text(text))


def _bounded(text: str, remedy: str) -> str:
    """Return the beginning of a text, in lines, with nothing in it that a terminal would act on."""
    lines = text[:_LONGEST].split("\n")[:_MOST_LINES]
    kept = "\n".join(lines)
    if len(kept) == len(text):
        return visible(text)
    return f"{visible(kept)}\n… {len(text) - len(kept):,} more characters: {remedy}."


def _attempts(attempts: Sequence[Attempt]) -> RenderableType:
    rows = table()
    for title in ("#", "outcome", "started", "ran", "worker"):
        rows.add_column(title, no_wrap=True)
    rows.add_column("error", overflow="fold")
    for attempt in attempts:
        error = "" if attempt.error is None else f"{attempt.error.kind}: {attempt.error.message}"
        rows.add_row(
            Text(str(attempt.attempt)),
            Text(one_line(attempt.outcome)),
            Text(attempt.started_at),
            Text(_ms(attempt.ran_ms) or ""),
            Text(one_line(attempt.worker or "")),
            Text(one_line(error, 300)),
        )
    return rows


def _errors(job: JobDetails) -> Iterator[RenderableType]:
    """Yield the last error with its stack; the others are in the table of attempts."""
    failed = [attempt for attempt in job.attempts if attempt.error is not None]
    if failed and failed[-1].error is not None:
        error = failed[-1].error
        text = error.stack.rstrip() or f"{error.kind}: {error.message}"
        # The end of a stack tells most: what is too long loses its beginning.
        cut = len(text) - _LONGEST
        shown = text if cut <= 0 else f"… {cut:,} characters before:\n{text[cut:]}"
        yield section(f"Error of attempt {failed[-1].attempt}", Text(visible(shown)))


def _log(job: JobDetails) -> Text:
    lines = [f"{line.at}  {line.level:<7}  {one_line(line.message, 500)}" for line in job.logs]
    return Text("\n".join(visible(line) for line in lines))


def _discarded(discarded: Sequence[Discarded]) -> RenderableType:
    rows = table("attempt", "event", "at", "worker", "result or error")
    for each in discarded:
        told = each.result or "" if each.error is None else f"{each.error.kind}: {each.error.message}"
        rows.add_row(
            Text(str(each.attempt)),
            Text(one_line(each.event)),
            Text(each.at),
            Text(one_line(each.worker or "")),
            Text(one_line(told, 300)),
        )
    return rows
