"""`toril worker --processes N`: this process only watches over N others, each a `toril worker` of its own."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence

import typer

from toril.cli.output import MISUSED
from toril.cli.services import emitter, require_work
from toril.domain.errors import ServerError
from toril.domain.events import Emit, ServiceFailed
from toril.runtime.guarded import Program, describe_exit
from toril.runtime.processes import MISCONFIGURED, ChildEnded, Command, Supervisor
from toril.settings import Settings
from toril.telemetry.logs import configure

_LAST_WORDS = 20.0
"""Seconds that a worker needs beyond its grace to hand back its jobs and record the last outcomes."""


def run_fleet(settings: Settings, flags: Mapping[str, object]) -> None:
    """Run `settings.processes` workers until this process is told to stop; one that ends is started again.

    Args:
        settings: theirs.
        flags: what was given on our command line, for theirs.

    Raises:
        SettingsError: no application is named.
        InvalidInput: a queue can't have its name.
        ServerError: a worker can't be started.
    """
    configure(settings.log, settings.log_level)
    require_work(settings)
    ladder = (("TERM", settings.grace + _LAST_WORDS), ("KILL", 5.0))
    argv = worker_argv({**flags, "metrics_port": settings.metrics_port_for(settings.processes)})
    workers = [
        Command(Program(f"Worker {number}", argv, ladder)) for number in range(1, settings.processes + 1)
    ]
    try:
        asyncio.run(_supervise(workers, emitter(settings)))
    except ServerError:
        if any(map(_is_misconfigured, workers)):  # it has said itself what is wrong
            raise typer.Exit(MISUSED) from None
        raise


def worker_argv(flags: Mapping[str, object]) -> list[str]:
    """Return the command of one worker: our own, for one process."""
    given = {name: value for name, value in flags.items() if value is not None} | {"processes": 1}
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return [sys.executable, "-m", "toril", "worker", *options]


async def _supervise(workers: Sequence[Command], emit: Emit) -> None:
    def tell(ended: ChildEnded) -> None:
        emit(ServiceFailed(ended.name, describe_exit(ended.exit_status), ended.restart_in))

    await Supervisor([workers], on_ended=tell).run()


def _is_misconfigured(worker: Command) -> bool:
    try:
        return worker.process is not None and worker.process.wait(0) == MISCONFIGURED
    except subprocess.TimeoutExpired:
        return False
