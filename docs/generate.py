"""Writes lifecycle.md, metrics.md and settings.md from the code they describe: `python docs/generate.py`.

A test compares the files with what this would write, so none can fall behind.
"""

import re
from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from msgspec import Meta
from msgspec.structs import fields

from toril.domain.lifecycle import TERMINAL, TRANSITIONS, Event, State
from toril.settings import PREFIX, Settings
from toril.telemetry.metrics import Metrics
from toril.telemetry.progress import Progress

MEANINGS = {
    Event.REVISE: "A submit with the same unique key replaced or postponed the job before it ran.",
    Event.CLAIM: "A worker has claimed the job, and runs it: `attempt` grows by one.",
    Event.COMPLETE: "The handler returned; its result is recorded.",
    Event.FAIL: "The attempt failed, and no other may follow: `failures` has reached `max_attempts`, or "
    "trying again can't help (`Fail`, a payload that doesn't fit).",
    Event.RETRY: "The attempt failed, and another follows after the backoff: `failures` grows by one.",
    Event.SNOOZE: "The handler asked to be run later, or this worker has no such handler. Not a failure.",
    Event.INTERRUPT: "The worker is going down and hands the job back: `interruptions` grows by one.",
    Event.RESCUE: "The worker is gone, and the keeper takes the job back: `crashes` grows by one.",
    Event.POISON: "The worker is gone, and `crashes` has reached `max_crashes`: the job is likely the cause.",
    Event.CANCEL: "The handler raised `Cancel`: the job ends without an outcome.",
}


def documents() -> dict[str, str]:
    """Return the text of each generated document by its file name."""
    return {"lifecycle.md": lifecycle(), "metrics.md": metrics(), "settings.md": settings()}


def lifecycle() -> str:
    """Return the page about the life of a job."""
    return f"""<!-- Written by docs/generate.py from src/toril/domain/lifecycle.py: change that. -->
# The life of a job

PostgreSQL stores one of five states; only the events drawn here change it. Every statement that writes a
state names the state it expects, and the attempt where there is one: what doesn't match is not written.

```mermaid
stateDiagram-v2
    [*] --> {State.QUEUED}: submit
{diagram()}
```

| event | from | to | meaning |
| --- | --- | --- | --- |
{event_rows()}

## The status that you see

It is derived from the state, the due time and the past, so that it can't drift from them.

| status | stored |
| --- | --- |
| `pending` | `queued`, and due |
| `scheduled` | `queued`, due later, no failed attempt yet |
| `retrying` | `queued`, due later, after a failed attempt |
| `active`, `completed`, `failed`, `cancelled` | the state of that name |

## What is counted

Four counters tell apart what other systems call "attempts":

| counter | grows when | limit |
| --- | --- | --- |
| `attempt` | a worker takes the job; with the id it is the fencing token of the run | none |
| `failures` | an attempt fails by itself: an exception, a timeout | `max_attempts`, 3 by default |
| `crashes` | a worker is lost while it runs the job | `max_crashes`, 3 by default |
| `interruptions` | a worker that stops in order hands the job back | none, it is free |
"""


def diagram() -> str:
    """Return the lines of the state diagram."""
    steps = [f"    {state} --> {after}: {event}" for state, event, after in transitions()]
    ends = [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(steps + ends)


def event_rows() -> str:
    """Return a table row for each transition."""
    return "\n".join(
        f"| `{event}` | `{state}` | `{after}` | {MEANINGS[event]} |" for state, event, after in transitions()
    )


def transitions() -> Iterator[tuple[State, Event, State]]:
    """Yield the legal transitions: from, by, to."""
    for state, events in TRANSITIONS.items():
        for event, after in events.items():
            yield state, event, after


def settings() -> str:
    """Return the page about the settings."""
    return f"""<!-- Written by docs/generate.py from src/toril/settings.py: change that. -->
# Settings

Settings are environment variables. A flag of a command wins over the variable of its name (`--concurrency`
over `{PREFIX}CONCURRENCY`), the variable wins over the default. A name that doesn't exist or a value that
can't be used ends the command with exit status 2 and says what would do; `toril check` looks at all of it.
Durations are in seconds.

| variable | default | takes | meaning |
| --- | --- | --- | --- |
{setting_rows()}
"""


def setting_rows() -> str:
    """Return a table row for each setting."""
    meanings = attributes(getdoc(Settings) or "")
    types = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in fields(Settings):
        default = f"`{plain(field.default)}`" if field.default != "" else "–"
        variable = f"{PREFIX}{field.name.upper()}"
        rows.append(f"| `{variable}` | {default} | {taken(types[field.name])} | {meanings[field.name]} |")
    return "\n".join(rows)


def metrics() -> str:
    """Return the page about metrics and probes."""
    return f"""<!-- Written by docs/generate.py from src/toril/telemetry/metrics.py: change that. -->
# Metrics and probes

Each API and worker process serves them on a port of its own when it is given one: `--metrics-port 9100`, or
`{PREFIX}METRICS_PORT`. Of a range, `9100-9109`, it takes the first free port, and so do the processes of
`--processes`; the log line `probes served` says which. The address is `127.0.0.1` unless
`{PREFIX}METRICS_HOST` says otherwise. Threads of their own answer, also while a handler blocks the loop.

| path | answers |
| --- | --- |
| `/metrics` | The metrics below, and those of the process (`process_…`), for Prometheus. |
| `/healthz` | 503 when the event loop has not moved for `{PREFIX}WEDGED_AFTER` seconds: restart it. |
| `/readyz` | 503 when a loop has been silent for longer than is in order. Names every loop, in seconds. |

A silent loop has gone deaf, or waits for PostgreSQL or Redis; one that has nothing to do is not silent.
`markers` is a wait for jobs, `fetcher` what takes and claims them, `recorder` what writes outcomes; the
others are background duties. An alert on what nobody noticed:
`toril_loop_silent_seconds > toril_loop_silence_limit_seconds`.

| metric | type | meaning |
| --- | --- | --- |
{metric_rows()}
"""


def metric_rows() -> str:
    """Return a table row for each metric."""
    every = Metrics(Progress(), {"version": "", "role": ""})
    every.watch_slots(lambda: 0, 0)
    suffixes = {"counter": "_total", "info": "_info"}
    families = [family for family in every.registry.collect() if family.name.startswith("toril_")]
    return "\n".join(
        f"| `{family.name}{suffixes.get(family.type, '')}` | {family.type} | {family.documentation} |"
        for family in sorted(families, key=lambda family: family.name)
    )


def attributes(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each attribute."""
    _, _, section = docstring.partition("Attributes:\n")
    lines = re.sub(r"\n {5,}", " ", section)  # an entry that goes on in the next line
    return {
        name: f"{text[0].upper()}{text[1:]}"
        for name, text in re.findall(r"^ +(\w+): (.+)$", lines, re.MULTILINE)
    }


def taken(annotation: object) -> str:
    """Say what a setting takes."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is not Annotated:
        return "text" if annotation is str else "a number"
    kind, *extras = get_args(annotation)
    limits = next(extra for extra in extras if isinstance(extra, Meta))
    if kind is str:
        return f"{limits.min_length} to {limits.max_length} characters"
    return (
        f"{plain(limits.ge)} to {plain(limits.le)}"
        if limits.le is not None
        else f"{plain(limits.ge)} or more"
    )


def plain(value: object) -> str:
    """Return a value as it is written in a variable."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Write the documents."""
    for name, text in documents().items():
        Path(__file__).with_name(name).write_text(text)


if __name__ == "__main__":
    main()
