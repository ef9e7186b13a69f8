"""Connections to PostgreSQL: dedicated lanes for the hot paths, a small pool for everything else.

A lane is one connection that runs one statement at a time, opens itself on first use and again after a
failure. Its planner settings leave only index probes to choose from, and make every row that a plan touches
so expensive that it touches the fewest: plans are kept, and one made while a table was small must not turn
into a scan of ten million rows. For the same reason no plan is kept for longer than `_REPLAN_EVERY`.

Every statement has a deadline on the client's side: a connection that doesn't answer in time is dropped,
never waited for. What has silenced one (a firewall that forgot its connections) has silenced the others that
have not been heard since: they are opened anew too, and don't wait for deadlines of their own.

All connection trouble becomes `Unavailable`; other errors of PostgreSQL pass through unchanged.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from toril.domain.errors import Locked, Unavailable

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, cancelled by an administrator
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.TransactionRollbackError,  # a deadlock or a serialisation failure: the same again may succeed
    asyncpg.ReadOnlySQLTransactionError,  # still the standby, in the middle of a failover
    asyncpg.PostgresSystemError,  # input and output errors
    asyncpg.LockNotAvailableError,
)

_FEW_ROWS = {
    # Makes every row that a plan touches expensive. A page of jobs is a short scan of one index; but walking
    # the primary key until enough jobs fit looks as cheap at times, and reads whole partitions when few do.
    "cpu_tuple_cost": "10",
    "cpu_index_tuple_cost": "10",
    "jit": "off",
}

_INDEX_PROBES_ONLY = {
    **_FEW_ROWS,
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "idle_in_transaction_session_timeout": "60s",
}


_REPLAN_EVERY = 10.0


class Silence:
    """Since when PostgreSQL may not be heard on older connections; shared by all lanes of a process.

    Attributes:
        since: when the latest statement was sent that got no answer, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.since = -math.inf


class Database:
    """Where PostgreSQL is, and how to connect to it.

    Args:
        url: a libpq URL.
        application: shown in `pg_stat_activity`.
        connect_timeout: seconds for a connection to be made.
        deadline: seconds for a statement to answer.
        silence: of another `Database` that is the same, if there is one.
    """

    def __init__(
        self,
        url: str,
        *,
        application: str = "toril",
        connect_timeout: float = 5.0,
        deadline: float = 10.0,
        silence: Silence | None = None,
    ) -> None:
        self._url = url
        self._application = application
        self._connect_timeout = connect_timeout
        self.deadline = deadline
        self.silence = silence or Silence()

    async def connect(self, **settings: str) -> "asyncpg.Connection[Any]":
        """Open a connection with these server settings.

        Raises:
            Unavailable: PostgreSQL can't be reached, or refuses.
        """
        try:
            return await asyncpg.connect(
                self._url,
                timeout=self._connect_timeout,
                command_timeout=self.deadline,
                server_settings={"application_name": self._application, "timezone": "UTC", **settings},
            )
        except (*_GONE, asyncpg.PostgresError) as error:
            raise _unavailable(error) from error

    def hurried(self, deadline: float) -> "Database":
        """Return the same database with a shorter deadline, for connecting and for statements."""
        return Database(
            self._url,
            application=self._application,
            connect_timeout=deadline,
            deadline=deadline,
            silence=self.silence,
        )

    def pool(self, size: int) -> "asyncpg.Pool[Any]":
        """Return a pool of ordinary connections, for what is not ours; nothing is opened yet."""
        return asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=size,
            timeout=self._connect_timeout,
            server_settings={"application_name": f"{self._application} handlers"},
        )

    @asynccontextmanager
    async def lent(self, pool: "asyncpg.Pool[Any]") -> AsyncIterator["PoolConnectionProxy[Any]"]:
        """Take a connection from a pool for a while.

        Raises:
            Unavailable: there is none to be had; what is raised later, while it is lent, passes unchanged.
        """
        try:
            await pool  # opens it, the first time
            connection = await pool.acquire()
        except (*_GONE, asyncpg.PostgresError) as error:
            raise _unavailable(error) from error
        try:
            yield connection
        finally:
            await pool.release(connection)

    def lane(self, **settings: str) -> "Lane":
        """Return a lane of its own, with these server settings besides the usual; nothing is opened yet."""
        return Lane(self, settings)


class Lane:
    """One dedicated connection, one statement at a time; see `Database.lane`."""

    def __init__(self, database: Database, settings: Mapping[str, str]) -> None:
        self._database = database
        self._settings = {**_INDEX_PROBES_ONLY, **settings}
        self._connection: asyncpg.Connection[Any] | None = None
        self._turn = asyncio.Lock()
        self._replan_at = 0.0
        self._heard_at = 0.0

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Run a statement and return its rows.

        Raises:
            Unavailable: the connection failed or did not answer in time; the statement may or may not
                have taken effect.
        """
        async with self._speaking() as connection:
            return await connection.fetch(statement, *arguments, timeout=self._database.deadline)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Hold the lane for one transaction; it is rolled back when the block raises."""
        async with self._speaking() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=1.0)
        except _GONE:
            connection.terminate()

    @asynccontextmanager
    async def _speaking(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Hold the connection, and drop it when it fails."""
        async with self._turn:
            connection = await self._connected()
            began = time.monotonic()
            try:
                await self._replan(connection)
                yield connection
            except _GONE as error:
                self._drop()
                if isinstance(error, TimeoutError):
                    self._database.silence.since = max(self._database.silence.since, began)
                raise _unavailable(error) from error
            except asyncio.CancelledError:
                self._drop()  # a reply may still be on its way: never let it meet the next statement
                raise
            self._heard_at = time.monotonic()

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._heard_at < self._database.silence.since:
            self._drop()
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._database.connect(**self._settings)
            self._heard_at = time.monotonic()
        return self._connection

    async def _replan(self, connection: "asyncpg.Connection[Any]") -> None:
        if time.monotonic() >= self._replan_at:
            await connection.execute("discard plans", timeout=self._database.deadline)
            self._replan_at = time.monotonic() + _REPLAN_EVERY

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class Readers:
    """A small pool for reads that people wait for: pages, lookups, counts.

    Args:
        database: where to connect to.
        size: connections at most.
        statement_timeout: seconds after which PostgreSQL gives up on a statement.
    """

    def __init__(self, database: Database, *, size: int = 4, statement_timeout: float = 5.0) -> None:
        self._database = database
        self._idle: list[asyncpg.Connection[Any]] = []
        self._places = asyncio.Semaphore(size)
        self._settings = {"statement_timeout": str(int(statement_timeout * 1000)), **_FEW_ROWS}

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """Run a statement and return its rows.

        Raises:
            Unavailable: PostgreSQL can't be reached, or the statement took longer than it may.
        """
        async with self._places:
            connection = self._idle.pop() if self._idle else await self._database.connect(**self._settings)
            try:
                rows = await connection.fetch(statement, *arguments, timeout=self._database.deadline)
            except _GONE as error:
                connection.terminate()
                self._forget_idle()  # what broke one has broken the others: don't make each caller find out
                raise _unavailable(error) from error
            except asyncio.CancelledError:
                connection.terminate()
                raise
            except asyncpg.PostgresError:
                self._idle.append(connection)
                raise
            self._idle.append(connection)
            return rows

    async def close(self) -> None:
        """Close all connections."""
        self._forget_idle()

    def _forget_idle(self) -> None:
        while self._idle:
            self._idle.pop().terminate()


def _unavailable(error: BaseException) -> Unavailable:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Locked(
            f"Another transaction holds what this needs: {reason}",
            hint="Look for a transaction that has been open for long (`pg_stat_activity`).",
        )
    return Unavailable(
        f"PostgreSQL is not available: {reason}",
        retry_after=1.0,
        hint="Check that the server runs and that TORIL_DATABASE_URL is right (`toril check`).",
    )
