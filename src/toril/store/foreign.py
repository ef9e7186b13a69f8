"""Other people's connections: how our statements run on them, inside their owner's transaction.

asyncpg, psycopg 3 and SQLAlchemy (its connections and sessions), with and without an event loop. None of them
is imported here but asyncpg, which is ours too: whoever has a connection of another kind has imported that.
"""

import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from toril.domain.errors import InvalidInput

Rows = Sequence[Any]
AsyncFetch = Callable[..., Awaitable[Rows]]
SyncFetch = Callable[..., Rows]

_NO_TABLES = ("42P01", "3F000")  # undefined table, invalid schema


def async_fetch(conn: object) -> AsyncFetch:
    """Return what runs a statement on `conn` and returns its rows.

    A connection that blocks is taken too: its owner, who uses it in an event loop, is used to that.

    Raises:
        InvalidInput: it is of an unknown kind, or in no transaction.
    """
    fetch = _asyncpg(conn) or _psycopg_async(conn) or _sqlalchemy_async(conn)
    if fetch is None:
        blocking = sync_fetch(conn)

        async def fetch_blocking(statement: str, *arguments: Any) -> Rows:
            return blocking(statement, *arguments)

        return fetch_blocking
    found = fetch

    async def fetch_explained(statement: str, *arguments: Any) -> Rows:
        try:
            return await found(statement, *arguments)
        except Exception as error:
            raise _explained(error) from error

    return fetch_explained


def sync_fetch(conn: object) -> SyncFetch:
    """Return what runs a statement on `conn`, which blocks, and returns its rows.

    Raises:
        InvalidInput: it is of an unknown kind, needs an event loop, or is in no transaction.
    """
    fetch = _psycopg(conn) or _sqlalchemy(conn)
    if fetch is None:
        raise _unknown(conn)
    found = fetch

    def fetch_explained(statement: str, *arguments: Any) -> Rows:
        try:
            return found(statement, *arguments)
        except Exception as error:
            raise _explained(error) from error

    return fetch_explained


def _asyncpg(conn: Any) -> AsyncFetch | None:
    if not isinstance(conn, asyncpg.Connection | PoolConnectionProxy):
        return None
    if not conn.is_in_transaction():
        raise _no_transaction("async with conn.transaction():")
    fetch: AsyncFetch = conn.fetch
    return fetch


def _psycopg_async(conn: Any) -> AsyncFetch | None:
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(conn, psycopg.AsyncConnection):
        return None
    _check_psycopg(psycopg, conn)

    async def fetch(statement: str, *arguments: Any) -> Rows:
        async with psycopg.AsyncRawCursor(conn, row_factory=psycopg.rows.dict_row) as cursor:
            await cursor.execute(statement, _uniform(arguments))
            rows: Rows = await cursor.fetchall() if cursor.description else []
            return rows

    return fetch


def _psycopg(conn: Any) -> SyncFetch | None:
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(conn, psycopg.Connection):
        return None
    _check_psycopg(psycopg, conn)

    def fetch(statement: str, *arguments: Any) -> Rows:
        with psycopg.RawCursor(conn, row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(statement, _uniform(arguments))
            rows: Rows = cursor.fetchall() if cursor.description else []
            return rows

    return fetch


def _check_psycopg(psycopg: Any, conn: Any) -> None:
    if conn.autocommit and conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        raise _no_transaction("with conn.transaction():")


def _sqlalchemy_async(conn: Any) -> AsyncFetch | None:
    package = sys.modules.get("sqlalchemy.ext.asyncio")
    if package is None:
        return None
    is_connection = isinstance(conn, package.AsyncConnection)
    if not is_connection and not isinstance(conn, package.AsyncSession | package.async_scoped_session):
        return None

    async def fetch(statement: str, *arguments: Any) -> Rows:
        connection = conn if is_connection else await conn.connection()
        result = await connection.execute(_text(statement), _named(arguments))
        rows: Rows = result.mappings().all() if result.returns_rows else []
        return rows

    return fetch


def _sqlalchemy(conn: Any) -> SyncFetch | None:
    package, orm = sys.modules.get("sqlalchemy"), sys.modules.get("sqlalchemy.orm")
    if package is None:
        return None
    is_connection = isinstance(conn, package.Connection)
    if not is_connection and (orm is None or not isinstance(conn, orm.Session | orm.scoped_session)):
        return None

    def fetch(statement: str, *arguments: Any) -> Rows:
        connection = conn if is_connection else conn.connection()
        result = connection.execute(_text(statement), _named(arguments))
        rows: Rows = result.mappings().all() if result.returns_rows else []
        return rows

    return fetch


@lru_cache(maxsize=64)
def _text(statement: str) -> Any:
    """Return a statement in SQLAlchemy's form, which fits whatever driver is below."""
    plain = "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    # In parentheses, because a name that is followed by `::` would not be taken for one.
    return sys.modules["sqlalchemy"].text(re.sub(r"\$(\d+)", r"(:p\1)", plain))


def _named(arguments: Sequence[Any]) -> dict[str, Any]:
    return {f"p{number}": argument for number, argument in enumerate(_uniform(arguments), 1)}


def _uniform(arguments: Sequence[Any]) -> list[Any]:
    """Return arguments whose arrays are of one type each: psycopg won't take one of integers and floats."""
    return [_floats(argument) if isinstance(argument, list) else argument for argument in arguments]


def _floats(array: list[Any]) -> list[Any]:
    if not any(isinstance(value, float) for value in array):
        return array
    return [value if value is None else float(value) for value in array]


def _explained(error: Exception) -> Exception:
    """Return the error that says that there is no Toril where a connection leads, or else the same error."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state not in _NO_TABLES:
        return error
    return InvalidInput(
        "conn leads to a database without Toril's tables.",
        field="conn",
        hint="give a connection to the database of TORIL_DATABASE_URL, or run `toril migrate` on this one",
    )


def _no_transaction(example: str) -> InvalidInput:
    return InvalidInput(
        "conn is in no transaction, so there is nothing that the job could be committed with.",
        field="conn",
        hint=f"open one around it: {example}",
    )


def _unknown(conn: object) -> InvalidInput:
    kind = f"{type(conn).__module__}.{type(conn).__qualname__}"
    if _is_async(conn):
        return InvalidInput(
            f"conn is a {kind}, which needs an event loop.", field="conn", hint="await enqueue(…, conn=conn)"
        )
    return InvalidInput(
        f"conn can't be a {kind}.",
        field="conn",
        hint="give a connection of asyncpg or psycopg 3, or a connection or session of SQLAlchemy",
    )


def _is_async(conn: object) -> bool:
    try:
        return any(kind(conn) is not None for kind in (_asyncpg, _psycopg_async, _sqlalchemy_async))
    except InvalidInput:  # in no transaction, but it is one
        return True
