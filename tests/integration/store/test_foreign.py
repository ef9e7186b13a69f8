"""Jobs recorded on the submitter's own connection: committed with the submitter's rows, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.conftest import eventually
from tests.integration.store.situations import new
from toril.bootstrap import Core, open_recorder
from toril.domain.errors import Conflict, InvalidInput
from toril.domain.job import Effect, Idempotency, NewJob, OnConflict, Unique
from toril.operations.recording import JobRecorder
from toril.store.connection import Lane

ORDER = "insert into orders (id) values (1)"


class RollBack(Exception):
    """Ends a transaction."""


def engine_url(database_url: str, driver: str) -> URL:
    """A libpq URL in SQLAlchemy's form."""
    parts = urlsplit(database_url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return URL.create(
        f"postgresql+{driver}",
        username=query.pop("user", parts.username),
        password=parts.password,
        host=parts.hostname,
        port=parts.port,
        database=parts.path.removeprefix("/"),
        query=query,
    )


@asynccontextmanager
async def with_asyncpg(url: str) -> AsyncIterator[object]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(ORDER)
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def with_asyncpg_pool(url: str) -> AsyncIterator[object]:
    pool = asyncpg.create_pool(url, min_size=1, max_size=1)
    async with pool, pool.acquire() as connection, connection.transaction():
        await connection.execute(ORDER)
        yield connection


@asynccontextmanager
async def with_psycopg(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(ORDER)
        yield connection


@asynccontextmanager
async def with_sqlalchemy(url: str, driver: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(engine_url(url, driver), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text(ORDER))
        yield connection


@asynccontextmanager
async def with_sqlalchemy_session(url: str, driver: str) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(engine_url(url, driver), poolclass=NullPool)
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(text(ORDER))
        yield session


@contextmanager
def with_blocking_psycopg(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url) as connection:
        connection.execute(ORDER)
        yield connection


@contextmanager
def with_blocking_sqlalchemy(url: str) -> Iterator[object]:
    with create_engine(engine_url(url, "psycopg"), poolclass=NullPool).begin() as connection:
        connection.execute(text(ORDER))
        yield connection


@contextmanager
def with_blocking_session(url: str) -> Iterator[Session]:
    engine = create_engine(engine_url(url, "psycopg"), poolclass=NullPool)
    with Session(engine) as session, session.begin():
        session.execute(text(ORDER))
        yield session


KINDS: dict[str, Callable[[str], AbstractAsyncContextManager[object]]] = {
    "asyncpg": with_asyncpg,
    "asyncpg pool": with_asyncpg_pool,
    "psycopg": with_psycopg,
    "SQLAlchemy on asyncpg": lambda url: with_sqlalchemy(url, "asyncpg"),
    "SQLAlchemy on psycopg": lambda url: with_sqlalchemy(url, "psycopg"),
    "SQLAlchemy session on asyncpg": lambda url: with_sqlalchemy_session(url, "asyncpg"),
    "SQLAlchemy session on psycopg": lambda url: with_sqlalchemy_session(url, "psycopg"),
}
BLOCKING_KINDS: dict[str, Callable[[str], AbstractContextManager[object]]] = {
    "psycopg": with_blocking_psycopg,
    "SQLAlchemy": with_blocking_sqlalchemy,
    "SQLAlchemy session": with_blocking_session,
}


@pytest.fixture(params=list(KINDS))
def connected(request: pytest.FixtureRequest, database_url: str) -> AbstractAsyncContextManager[object]:
    """A connection of each kind, in a transaction in which an order has been written."""
    return KINDS[request.param](database_url)


@pytest.fixture(params=list(BLOCKING_KINDS))
def connected_blocking(request: pytest.FixtureRequest, database_url: str) -> AbstractContextManager[object]:
    """The same for connections that block."""
    return BLOCKING_KINDS[request.param](database_url)


@pytest.fixture
async def recorder(core: Core, lane: Lane) -> AsyncIterator[JobRecorder]:
    await lane.fetch("create table orders (id int)")
    async with open_recorder(core) as opened:
        yield opened


JOBS = [
    new(payload='{"i": 1, "s": "50% of :all $1 …"}', delay=0.0),
    new("other", queue="q2", delay=3600, priority=3, timeout=1.5, backoff='{"type": "fixed", "delay": 1.0}'),
]
KEYED = [new(unique=Unique("u")), new(idempotency=Idempotency("i", b"\x00\xff"))]


async def recorded(lane: Lane) -> tuple[int, list[tuple[str, str, str]]]:
    (orders,) = await lane.fetch("select count(*) as n from orders")
    rows = await lane.fetch("select queue, name, payload::text from toril.jobs order by id")
    return orders["n"], [(row["queue"], row["name"], row["payload"]) for row in rows]


def expected(jobs: Sequence[NewJob]) -> list[tuple[str, str, str]]:
    return [(job.queue, job.name, job.payload) for job in jobs]


async def test_rows_and_jobs_are_committed_together(
    connected: AbstractAsyncContextManager[object], recorder: JobRecorder, lane: Lane
) -> None:
    async with connected as conn:
        submitted = await recorder.submit_in(conn, JOBS)
        assert await recorded(lane) == (0, [])
    assert [each.status for each in submitted] == ["pending", "scheduled"]
    assert await recorded(lane) == (1, expected(JOBS))


async def test_rows_and_jobs_are_rolled_back_together(
    connected: AbstractAsyncContextManager[object], recorder: JobRecorder, lane: Lane
) -> None:
    with suppress(RollBack):
        async with connected as conn:
            assert len(await recorder.submit_in(conn, [*JOBS, *KEYED])) == 4
            raise RollBack
    assert await recorded(lane) == (0, [])
    (row,) = await lane.fetch("select count(*) as n from toril.unique_keys")
    assert row["n"] == 0


async def test_jobs_with_keys_meet_those_of_others_and_the_transaction_goes_on(
    connected: AbstractAsyncContextManager[object], recorder: JobRecorder, lane: Lane
) -> None:
    first = await recorder.submit_one(new(unique=Unique("u")))
    async with connected as conn:
        answers = await recorder.submit_in(conn, KEYED)
        assert [each.effect for each in answers] == [Effect.EXISTING, Effect.CREATED]
        assert answers[0].id == first.id
        with pytest.raises(Conflict):
            await recorder.submit_in(conn, [new(), new(unique=Unique("u", on_conflict=OnConflict.REJECT))])
    assert (await recorded(lane))[0] == 1
    assert len((await recorded(lane))[1]) == 2


async def test_the_same_on_connections_that_block_from_a_thread(
    connected_blocking: AbstractContextManager[object], recorder: JobRecorder, lane: Lane
) -> None:
    def submit() -> int:
        with connected_blocking as conn:
            return len(recorder.submit_in_sync(conn, [*JOBS, *KEYED]))

    assert await asyncio.to_thread(submit) == 4
    assert await recorded(lane) == (1, expected([*JOBS, *KEYED]))


async def test_the_same_on_connections_that_block_rolled_back(
    connected_blocking: AbstractContextManager[object], recorder: JobRecorder, lane: Lane
) -> None:
    with suppress(RollBack), connected_blocking as conn:
        # In the loop, which its owner blocks anyway.
        assert len(await recorder.submit_in(conn, [*JOBS, *KEYED])) == 4
        raise RollBack
    assert await recorded(lane) == (0, [])


async def test_a_job_is_pushed_soon_after_its_commit_and_never_before(
    recorder: JobRecorder, core: Core, lane: Lane, database_url: str
) -> None:
    async def promised() -> int:
        (row,) = await lane.fetch("select count(*) as n from toril.outbox where job_id > 0")
        found: int = row["n"]
        return found

    async def pushed() -> bool:
        return await promised() == 0

    connection = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    (job,) = await recorder.submit_in(connection, [new()])
    await asyncio.sleep(0.1)  # time for the watcher to look in vain, again and again
    await transaction.commit()
    assert await promised() == 1
    committed_at = asyncio.get_running_loop().time()
    await eventually(pushed)
    assert asyncio.get_running_loop().time() - committed_at < 1.5  # the relay would leave it for two seconds
    taken = await core.broker.take("default", 10, worker=uuid4(), name="w", ticket=1)
    assert taken.ids == [job.id]
    await connection.close()


async def test_a_connection_that_is_in_no_transaction_is_refused(
    recorder: JobRecorder, database_url: str
) -> None:
    plain = await asyncpg.connect(database_url)
    other = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    for conn in (plain, other):
        with pytest.raises(InvalidInput, match="in no transaction") as refusal:
            await recorder.submit_in(conn, [new()])
        assert refusal.value.field == "conn"
    await plain.close()
    await other.close()


async def test_what_is_no_connection_is_refused_by_name(recorder: JobRecorder) -> None:
    with pytest.raises(InvalidInput, match=r"conn can't be a builtins\.dict"):
        await recorder.submit_in({}, [new()])


async def test_a_connection_that_needs_a_loop_is_refused_where_there_is_none(
    recorder: JobRecorder, database_url: str
) -> None:
    conn = await asyncpg.connect(database_url)
    with pytest.raises(InvalidInput, match="needs an event loop") as refusal:
        recorder.submit_in_sync(conn, [new()])
    assert "await enqueue" in str(refusal.value.hint)
    await conn.close()


async def test_a_database_without_our_tables_is_told_so(
    recorder: JobRecorder, servers: Any, database_url: str
) -> None:
    elsewhere = await servers.create_database()
    conn = await asyncpg.connect(elsewhere)
    async with conn.transaction():
        with pytest.raises(InvalidInput, match="without Toril's tables"):
            await recorder.submit_in(conn, [new()])
    await conn.close()
    await servers.drop_database(elsewhere)
