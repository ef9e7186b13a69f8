"""An application without a worker, so that nothing reaches Redis but by its own hand: there is no relay."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from toril import Toril
from toril.broker.keys import job_id

ROOT = Path(__file__).parents[3]

Run = Callable[..., list[int]]
Ids = Callable[[], list[int]]


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, prefix: str
) -> dict[str, str]:
    """This test's servers, as settings of this process, and of those that it starts."""
    servers = {"TORIL_DATABASE_URL": database_url, "TORIL_REDIS_URL": redis_url, "TORIL_PREFIX": prefix}
    for name, value in servers.items():
        monkeypatch.setenv(name, value)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return dict(os.environ) | {"PYTHONPATH": path}


@pytest.fixture
def app() -> Iterator[Toril]:
    """An application with one handler, `note`."""
    opened = Toril()

    @opened.job
    def note(value: int = 0) -> int:
        return value

    yield opened
    opened.close_sync()


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run a program; return the ids it tells, those of its forked children first."""

    def run_program(name: str, **settings: str) -> list[int]:
        changes = {f"TORIL_{key.upper()}": value for key, value in settings.items()}
        ended = subprocess.run(
            [sys.executable, "-m", "tests.integration.sdk.programs", name],
            env=environment | changes,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        unexpected = [line for line in ended.stderr.splitlines() if "fork" not in line]
        if ended.returncode or unexpected:
            raise RuntimeError(f"status {ended.returncode}\n{ended.stderr}")
        return [number for line in ended.stdout.splitlines() for number in json.loads(line)]

    return run_program


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def suggested(redis_url: str, prefix: str) -> Ids:
    """Return the ids of all jobs that Redis has been told of."""

    def look() -> list[int]:
        with redis.Redis.from_url(redis_url) as client:
            return sorted(job_id(name) for name in client.lrange(f"{prefix}:default:wait", 0, -1))

    return look


@pytest.fixture
def sql(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own, each statement in a transaction of its own."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def promised(sql: psycopg.Connection[Any]) -> Ids:
    """Return the ids of all jobs that Redis is still to be told of."""
    return lambda: [
        row[0] for row in sql.execute("select job_id from toril.outbox where job_id > 0 order by 1")
    ]


@pytest.fixture
def recorded(sql: psycopg.Connection[Any]) -> Ids:
    """Return the ids of all jobs on record."""
    return lambda: [row[0] for row in sql.execute("select id from toril.jobs order by 1")]
