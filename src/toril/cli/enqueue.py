"""`toril enqueue`: submits a job exactly as the HTTP API does."""

import asyncio
from typing import Annotated

import typer
from msgspec import UNSET

from toril.cli.flags import Json, settings_from
from toril.cli.output import print_json, say
from toril.domain.job import Effect, Held, OnConflict

_SAID = {
    Effect.CREATED: "Job {id} is {status}.",
    Effect.EXISTING: "Job {id} was there already and is {status}; nothing was stored.",
    Effect.REPLACED: "Job {id} was waiting already: it has this payload, these options and run time now.",
    Effect.EXTENDED: "Job {id} was there already and has been extended; it is {status}.",
}


def enqueue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The job's name.")],
    *,
    payload: Annotated[
        str | None,
        typer.Option(help="The handler's arguments as a JSON object; @file reads a file, @- stdin."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="One argument: JSON where it is, else text."),
    ] = None,
    queue: Annotated[str | None, typer.Option(help="The queue; by default the handler's.")] = None,
    delay: Annotated[str | None, typer.Option(help="Wait before it may run: 30s, 5m, 1h30m.")] = None,
    run_at: Annotated[str | None, typer.Option(help="When it may run: ISO 8601 with an offset.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 for none, else 1 (first) and up.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Failures that end it.")] = None,
    timeout: Annotated[str | None, typer.Option(help="How long an attempt may take: 30s, 5m.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Makes repeating this harmless: the same key gives the same job.")
    ] = None,
    unique: Annotated[
        str | None, typer.Option(metavar="KEY", help="At most one job of this name holds the key at a time.")
    ] = None,
    held: Annotated[
        Held | None, typer.Option("--while", help="With --unique: how long it is held; by default active.")
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="With --while ttl: how long: 10m, 1h30m.")] = None,
    on_conflict: Annotated[
        OnConflict | None,
        typer.Option(help="With --unique: what if another holds it; by default return_existing."),
    ] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept a name that no worker has registered yet.")
    ] = False,
    json: Json = False,
) -> None:
    """Submit a job.

    It is checked and recorded exactly as by POST /jobs.
    """
    from toril.api.schemas import JobSubmitted
    from toril.cli.job_request import job_request, payload_text, unique_field
    from toril.cli.submitting import submit
    from toril.cli.times import milliseconds

    settings = settings_from()
    asked = job_request(
        {
            "name": name,
            "payload": payload_text(payload, parameter or []),
            "queue": queue,
            "delay": None if delay is None else milliseconds(delay, flag="--delay"),
            "run_at": run_at,
            "priority": priority,
            "attempts": attempts,
            "timeout": None if timeout is None else milliseconds(timeout, flag="--timeout"),
            "idempotency_key": idempotency_key,
            "unique": unique_field(unique, held, ttl, on_conflict),
        },
        largest=settings.max_job_bytes,
    )
    job = asyncio.run(submit(settings, asked, allow_unknown=allow_unknown))
    if json:
        keyed = idempotency_key is not None or unique is not None
        print_json(JobSubmitted(id=job.id, status=job.status, effect=job.effect if keyed else UNSET))
    else:
        said = _SAID[job.effect].format(id=job.id, status=job.status)
        say(f"{said} Look at it with: toril jobs show {job.id}")
