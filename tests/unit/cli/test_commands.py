"""Every command explains itself, and starts fast enough to ask for it."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from toril.cli.flags import settings_from
from toril.cli.fleet import worker_argv
from toril.cli.main import app
from toril.domain.errors import SettingsError

HEAVY = ("asyncpg", "redis", "starlette", "uvicorn", "structlog", "toril.bootstrap")


def commands(command: Any, *path: str) -> dict[tuple[str, ...], Any]:
    """Return all commands below one, by their names."""
    found: dict[tuple[str, ...], Any] = {}
    for name, below in getattr(command, "commands", {}).items():
        found |= {(*path, name): below} | commands(below, *path, name)
    return found


ALL = commands(get_command(app))


def test_all_commands_are_there() -> None:
    expected = {"up", "api", "worker", "migrate", "enqueue", "jobs", "queues", "check"}
    assert set(ALL) == {(name,) for name in expected} | {("jobs", "list"), ("jobs", "show")}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"])
    assert answer.exit_code == 0
    assert f"Example: toril {path[0]}" in answer.output
    assert all(option.help for option in ALL[path].params)


@pytest.mark.parametrize(
    "path", [path for path in ALL if path in {("jobs", "list"), ("jobs", "show"), ("queues",)}]
)
def test_everything_that_lists_can_do_so_in_json(path: tuple[str, ...]) -> None:
    assert any("--json" in option.opts for option in ALL[path].params)


def test_asking_for_help_imports_no_drivers() -> None:
    program = f"import sys, toril.cli.main; sys.exit([m for m in {HEAVY} if m in sys.modules] != [])"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_version_is_told() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert answer.exit_code == 0
    assert answer.output.startswith("toril ")


def test_an_error_about_a_flag_names_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORIL_PORT", "1")
    with pytest.raises(SettingsError, match=r"--port can't be 99999") as refused:
        settings_from(port=99_999)
    assert refused.value.field == "--port"
    monkeypatch.setenv("TORIL_PORT", "99999")
    with pytest.raises(SettingsError, match=r"TORIL_PORT can't be '99999'"):
        settings_from(port=None)


def test_the_workers_of_a_fleet_get_our_flags_but_run_alone() -> None:
    argv = worker_argv({"app": "shop:app", "queues": None, "concurrency": 7, "processes": 4, "grace": 1.5})
    assert argv[1:] == [
        *("-m", "toril", "worker", "--app", "shop:app"),
        *("--concurrency", "7", "--processes", "1", "--grace", "1.5"),
    ]
