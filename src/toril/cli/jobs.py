"""`toril jobs list` and `toril jobs show`."""

import asyncio
from typing import Annotated

import typer

from toril.cli.flags import Json, settings_from
from toril.cli.output import print_json, show
from toril.domain.lifecycle import Status
from toril.domain.views import JobFilter

jobs = typer.Typer(no_args_is_help=True, help="Look at jobs.", epilog="Example: toril jobs list --limit 10")


@jobs.command("list", epilog="Example: toril jobs list --status failed --queue images --limit 20")
def list_jobs(
    *,
    status: Annotated[Status | None, typer.Option(help="Only jobs with this status.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Only jobs with a smaller id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many jobs at most.")] = 50,
    payload: Annotated[bool, typer.Option("--payload", help="Show payloads and results too.")] = False,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    from toril.cli import job_list
    from toril.cli.reading import read

    asked = JobFilter(status, queue, name, before, limit, payload)
    found = asyncio.run(read(settings_from(), lambda lookup: lookup.page(asked)))
    if json:
        print_json(job_list.as_json(found, asked))
    else:
        job_list.print_table(found, asked)


@jobs.command("show", epilog="Example: toril jobs show 17")
def show_job(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")], *, json: Json = False
) -> None:
    """Show all that is known of a job: payload, result, attempts, errors, log lines."""
    from toril.api.shown import details_shown
    from toril.cli.job_page import job_page
    from toril.cli.reading import read

    details = details_shown(asyncio.run(read(settings_from(), lambda lookup: lookup.job(job_id))))
    if json:
        print_json(details)
    else:
        show(*job_page(details))
