"""The `toril` command: its subcommands, and how every one of them ends.

Modules that declare commands import what these run on inside their functions: the composition root takes
half a second to import, and `toril --help` needs none of it.
"""

import sys
from typing import Annotated

import typer

from toril.cli import output
from toril.cli.check import check
from toril.cli.enqueue import enqueue
from toril.cli.jobs import jobs
from toril.cli.migrate import migrate
from toril.cli.queues import queues
from toril.cli.serve import api, worker
from toril.cli.up import up
from toril.domain.errors import TorilError

app = typer.Typer(
    name="toril",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # they show local variables, which may be secrets
    epilog="Settings are read from the environment (TORIL_DATABASE_URL, TORIL_REDIS_URL, …); flags win.",
)
app.command(epilog="Example: toril up --app shop.jobs:app")(up)
app.command(epilog="Example: toril api --host 0.0.0.0 --port 8080")(api)
app.command(epilog="Example: toril worker --app shop.jobs:app --queues images,mail --concurrency 50")(worker)
app.command(epilog="Example: toril migrate --check")(migrate)
app.command(epilog='Example: toril enqueue thumbnail -p url="https://example.com/cat.jpg" -p width=320')(
    enqueue
)
app.add_typer(jobs, name="jobs")
app.command(epilog="Example: toril queues --json")(queues)
app.command(epilog="Example: toril check --app shop.jobs:app")(check)


def print_version(wanted: bool) -> None:  # noqa: FBT001  # called by typer
    """Print the version and leave, if that is wanted."""
    if wanted:
        from importlib.metadata import version

        output.say(f"toril {version('toril')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and leave."),
    ] = False,
) -> None:
    """Background jobs with Redis' speed and PostgreSQL's durability."""


def main() -> None:
    """Run one command. Errors that we raise on purpose are told in words; status 2: retrying is useless."""
    output.tolerate_any_encoding()
    try:
        app(prog_name="toril")
    except TorilError as error:
        sys.exit(output.report(error))
