"""The command line: `python -m bench COMMAND`."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from bench.chaos.command import Wishes, run_chaos
from bench.chaos.kinds import Kind as Fault
from bench.drain import Drain
from bench.endtoend import EndToEnd
from bench.http_submit import HttpSubmit
from bench.latency import Latency
from bench.progress import Progress
from bench.report import print_json, print_tables
from bench.session import Plan, hold
from toril.broker.wire import Interop
from toril.domain.errors import TorilError

WRONG, INTERRUPTED = 1, 130
WIDTH = 120
"""Of what is printed into a file or a pipe."""

app = typer.Typer(
    help="Toril's own benchmark: real processes, real servers, fsync on. Figures are per run, with medians.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


class Kind(StrEnum):
    """Where the handlers run."""

    ASYNC = "async"
    THREAD = "thread"


Jobs = Annotated[int, typer.Option(min=1, help="How many jobs.")]
Requests = Annotated[int, typer.Option("--jobs", "--requests", min=1, help="How many requests, each a job.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Jobs at once in each worker process.")]
Handler = Annotated[Kind, typer.Option(help="Whether handlers are coroutines or run in threads.")]
Levels = Annotated[
    list[Interop] | None,
    typer.Option(help="How much of BullMQ's layout is kept; give it twice to compare. [default: board]"),
]
Runs = Annotated[int, typer.Option(min=1, help="How often; medians are over these.")]
DatabaseUrl = Annotated[
    str | None, typer.Option(help="Use this PostgreSQL (in a database of our own), not a fresh one.")
]
RedisUrl = Annotated[str | None, typer.Option(help="Use this Redis or Valkey (with a prefix of our own).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def drain(
    *,
    jobs: Jobs = 20_000,
    concurrency: Concurrency = 100,
    handler: Handler = Kind.ASYNC,
    interop: Levels = None,
    runs: Runs = 1,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """How fast one worker process works off a full queue.

    Example: `python -m bench drain --jobs 20000 --runs 3 --interop off --interop board`
    """
    experiment = Drain(jobs, concurrency, handler.value)
    _measure(Plan(experiment, _levels(interop), runs, database_url, redis_url), as_json)


@app.command()
def e2e(
    *,
    jobs: Jobs = 10_000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    concurrency: Concurrency = 100,
    handler: Handler = Kind.ASYNC,
    interop: Levels = None,
    runs: Runs = 1,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """How fast jobs get through: one process submits single jobs, 64 calls at a time, while workers run them.

    Example: `python -m bench e2e --jobs 20000 --runs 3`
    """
    experiment = EndToEnd(jobs, workers, concurrency, handler.value)
    _measure(Plan(experiment, _levels(interop), runs, database_url, redis_url), as_json)


@app.command()
def latency(
    *,
    jobs: Jobs = 200,
    concurrency: Concurrency = 100,
    handler: Handler = Kind.ASYNC,
    interop: Levels = None,
    runs: Runs = 1,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """How soon a job starts on an idle system: one enqueue every 20 ms, one worker.

    Example: `python -m bench latency --runs 3`
    """
    experiment = Latency(jobs, concurrency, handler.value)
    _measure(Plan(experiment, _levels(interop), runs, database_url, redis_url), as_json)


@app.command()
def http(
    *,
    jobs: Requests = 20_000,
    connections: Annotated[int, typer.Option(min=1, help="Keep-alive connections.")] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes that run the jobs meanwhile.")] = 0,
    concurrency: Concurrency = 100,
    interop: Levels = None,
    runs: Runs = 1,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """How many jobs one API process takes: `POST /jobs` from another process.

    Example: `python -m bench http --requests 50000 --connections 64`
    """
    experiment = HttpSubmit(jobs, connections, workers, concurrency)
    _measure(Plan(experiment, _levels(interop), runs, database_url, redis_url), as_json)


@app.command()
def chaos(
    *,
    minutes: Annotated[float, typer.Option(help="How long jobs are submitted.")] = 10.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeats a schedule.  [default: random]")] = None,
    rate: Annotated[float, typer.Option(min=1, help="Submissions per second.")] = 200.0,
    only: Annotated[
        list[Fault] | None, typer.Option(help="Only this kind of fault; may be given more than once.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data, logs and ledgers.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only print the schedule.")] = False,
    as_json: Json = False,
) -> None:
    """Faults at random under load: no job may be lost, none may end twice.

    Example: `python -m bench chaos --minutes 10 --seed 7`
    """
    wishes = Wishes(minutes, seed, rate, only or [], as_json, keep, plan)
    with _told():
        fine = run_chaos(wishes, _console(), Console(stderr=True, highlight=False))
    if not fine:
        raise typer.Exit(WRONG)


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped then, too
    app()


def _levels(given: list[Interop] | None) -> list[str]:
    return [level.value for level in dict.fromkeys(given or [Interop.BOARD])]


def _measure(plan: Plan, as_json: bool) -> None:  # noqa: FBT001
    """Run the plan and print what came of it."""
    with _told(), Progress() as progress:
        report = asyncio.run(hold(plan, progress))
    (print_json if as_json else print_tables)(report, _console())
    if not all(proof.exactly_once for proof in report.proofs):
        raise typer.Exit(WRONG)


@contextmanager
def _told() -> Iterator[None]:
    """End the command in order: an error is a line or two, never a stack trace."""
    try:
        yield
    except TorilError as error:
        _complain(error)
        raise typer.Exit(WRONG) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def _complain(error: TorilError) -> None:
    console = Console(stderr=True, markup=False, highlight=False)
    console.print(f"Error: {error.message}", style="bold red", soft_wrap=True)
    if error.hint:
        console.print(error.hint, soft_wrap=True)
