"""`toril migrate`."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.integration.cli.conftest import Toril
from tests.servers import LiveServers


@pytest.fixture
async def empty(servers: LiveServers) -> AsyncIterator[str]:
    """A database that has not been migrated."""
    url = await servers.create_database()
    yield url
    await servers.drop_database(url)


def test_it_applies_what_is_missing_once(toril: Toril, empty: str) -> None:
    check = toril("migrate", "--check", database_url=empty)
    assert check.returncode == 1
    assert "Missing 0001_jobs" in check.stdout
    applied = toril("migrate", database_url=empty)
    assert applied.returncode == 0
    assert "Applied 0001_jobs" in applied.stdout
    again = toril("migrate", database_url=empty)
    assert (again.returncode, again.stdout) == (0, "Nothing to do: the database is up to date.\n")
    assert toril("migrate", "--check", database_url=empty).returncode == 0


def test_it_tells_programs_in_json(toril: Toril, empty: str) -> None:
    pending = json.loads(toril("migrate", "--check", "--json", database_url=empty).stdout)["pending"]
    assert json.loads(toril("migrate", "--json", database_url=empty).stdout) == {"applied": pending}
    assert json.loads(toril("migrate", "--json", database_url=empty).stdout) == {"applied": []}


@pytest.mark.parametrize(
    "command",
    [("api", "--port", "0"), ("worker", "--app", "tests.integration.cli.handlers:app"), ("jobs", "list")],
    ids=" ".join,
)
def test_nothing_runs_on_a_database_that_was_not_migrated(
    toril: Toril, empty: str, command: tuple[str, ...]
) -> None:
    answer = toril(*command, database_url=empty)
    assert answer.returncode == 2
    assert "error: The database has not been migrated" in answer.stderr
    assert "hint: Run `toril migrate`." in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_unreachable_postgresql_is_told_in_words(toril: Toril) -> None:
    answer = toril("migrate", database_url="postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert answer.returncode == 1
    assert "error: PostgreSQL is not available" in answer.stderr
    assert "toril check" in answer.stderr
    assert "secret" not in answer.stderr
    assert "Traceback" not in answer.stderr
