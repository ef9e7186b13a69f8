"""`toril migrate`: brings the database up to date, or tells whether it is."""

import asyncio
from typing import Annotated

import typer

from toril.cli.flags import Json, settings_from
from toril.cli.output import FAILED, busy, print_json, say


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Apply nothing; exit with 1 if something is missing.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the database up to date.

    Safe to run at any time, by any number of processes at once.
    """
    from toril.store.connection import Database
    from toril.store.migrate import migrate as apply
    from toril.store.migrate import pending

    database = Database(settings_from().database_url, application="toril migrate")
    with busy("Looking for migrations…"):
        names = asyncio.run(pending(database) if check else apply(database))
    if json:
        print_json({"pending" if check else "applied": names})
    else:
        for name in names:
            say(f"{'Missing' if check else 'Applied'} {name}")
        if not names:
            say("Nothing to do: the database is up to date.")
    if check and names:
        raise typer.Exit(FAILED)
