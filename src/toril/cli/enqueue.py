"""`toril enqueue`: submits a job exactly as the HTTP API does."""

import asyncio
from typing import Annotated

import typer

from toril.cli.flags import Json, settings_from
from toril.cli.output import print_json, say


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
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept a name that no worker has registered yet.")
    ] = False,
    json: Json = False,
) -> None:
    """Submit a job.

    It is checked and recorded exactly as by POST /jobs.
    """
    from toril.api.schemas import JobSubmitted
    from toril.cli.job_request import job_request, payload_text
    from toril.cli.submitting import submit
    from toril.cli.times import milliseconds

    settings = settings_from()
    request = job_request(
        {
            "name": name,
            "payload": payload_text(payload, parameter or []),
            "queue": queue,
            "delay": None if delay is None else milliseconds(delay, flag="--delay"),
            "run_at": run_at,
            "priority": priority,
            "attempts": attempts,
            "timeout": None if timeout is None else milliseconds(timeout, flag="--timeout"),
        },
        largest=settings.max_job_bytes,
    )
    submitted = asyncio.run(submit(settings, request, allow_unknown=allow_unknown))
    if json:
        print_json(JobSubmitted(id=submitted.id, status=submitted.status))
    else:
        say(f"Job {submitted.id} is {submitted.status}. Look at it with: toril jobs show {submitted.id}")
