"""`toril enqueue`: submits a job exactly as the HTTP API does."""

import asyncio
from typing import Annotated

import typer
from msgspec import UNSET

from toril.cli.flags import Json, settings_from
from toril.cli.output import print_json, say
from toril.domain.job import Effect, Held, OnConflict, Submitted

_LOOK = "Look at it with: toril jobs show {id}"

_SAID = {
    Effect.CREATED: f"Job {{id}} is {{status}}. {_LOOK}",
    Effect.EXISTING: f"Job {{id}} was there already; nothing was stored. {_LOOK}",
    Effect.REPLACED: f"Job {{id}} was there already; it has this payload now and is {{status}}. {_LOOK}",
    Effect.EXTENDED: f"Job {{id}} was there already; it has been extended and is {{status}}. {_LOOK}",
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
    _tell(job, keyed=idempotency_key is not None or unique is not None, json=json)


def _tell(job: Submitted, *, keyed: bool, json: bool) -> None:
    from toril.api.schemas import JobSubmitted

    if json:
        print_json(JobSubmitted(id=job.id, status=job.status, effect=job.effect if keyed else UNSET))
    else:
        say(_SAID[job.effect].format(id=job.id, status=job.status))
