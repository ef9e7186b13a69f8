"""`toril api` and `toril worker`: what runs until it is told to stop."""

from typing import Annotated

import typer

from toril.cli.flags import settings_from

MetricsPort = Annotated[
    str | None,
    typer.Option(help="The port of metrics and probes, or a range: the first free one is taken. 0 for none."),
]


def api(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 for any.")] = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Run the HTTP API.

    SIGTERM and Ctrl-C let the requests under way end first; a second one ends it at once.
    """
    from toril.cli.services import run_api

    run_api(settings_from(host=host, port=port, metrics_port=metrics_port))


def worker(
    *,
    app: Annotated[str | None, typer.Option(help="The application, as module:attribute.")] = None,
    queues: Annotated[
        str | None, typer.Option(help="Queues to serve, separated by commas; else all of the handlers'.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Jobs at once in each process.")] = None,
    processes: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    isolated: Annotated[
        int | None, typer.Option(help="Processes for isolated handlers; 0 for one per core.")
    ] = None,
    grace: Annotated[
        float | None, typer.Option(help="Seconds that running jobs have when the worker stops.")
    ] = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Run jobs.

    SIGTERM and Ctrl-C let the jobs that run end first; a second one ends the worker at once.
    """
    flags = {
        "app": app,
        "queues": queues,
        "concurrency": concurrency,
        "processes": processes,
        "isolated": isolated,
        "grace": grace,
        "metrics_port": metrics_port,
    }
    settings = settings_from(**flags)
    if settings.processes == 1:
        from toril.cli.services import run_worker

        run_worker(settings)
    else:
        from toril.cli.fleet import run_fleet

        run_fleet(settings, flags)
