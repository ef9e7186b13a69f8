"""Real processes to be killed, paused and cut off, and one table of all verdicts at the end of the run."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bench.faults.verdict import Judge, Verdict, table
from rich.console import Console

from tests.faults.stage import Stage
from tests.integration.cli.conftest import enqueue, environment, free_ports, job, start, toril
from toril.bootstrap import Core, open_recorder

__all__ = ["enqueue", "environment", "free_ports", "job", "start", "toril"]

_VERDICTS = pytest.StashKey[list[Verdict]]()


@pytest.fixture
async def stage(
    request: pytest.FixtureRequest,
    core: Core,
    environment: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    """Where a scenario takes place."""
    judge = Judge(core.settings.database_url)
    await judge.watch()
    verdicts = request.config.stash.setdefault(_VERDICTS, [])
    async with open_recorder(core) as recorder:
        opened = Stage(tmp_path, environment, judge, recorder, verdicts.append)
        yield opened
        opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what came of every scenario, and keep it as JSON."""
    verdicts = config.stash.get(_VERDICTS, [])
    if not verdicts:
        return
    terminalreporter.section("faults")
    console = Console(width=170, highlight=False)
    with console.capture() as captured:
        console.print(table(verdicts))
    terminalreporter.write_line(captured.get())
    if config.cache is not None:
        file = config.cache.mkdir("faults") / "faults.json"
        file.write_text(json.dumps([verdict.as_json() for verdict in verdicts], indent=2))
        terminalreporter.write_line(f"All of it is in {file}.")
