"""Brings the schema up to date: numbered SQL files, each applied once, in order, in one transaction.

Called by `toril migrate` and `toril up`. Any number of processes may run it at once: the first takes the
lock, the others wait and find nothing left to do. A file that was applied may never change: its checksum is
kept, and a difference stops everything with the file's name.
"""

import hashlib
from importlib.resources import files
from typing import Any, NamedTuple

import asyncpg

from toril.domain.errors import SettingsError
from toril.store.connection import Database

_LOCK = 0x746F72696C  # "toril" in ASCII: one migration at a time per database

_PATIENCE = 3600.0
"""Seconds for one migration, or for another process that migrates: far more than any other statement has."""

_LEDGER = """
create schema if not exists toril;
create table if not exists toril.migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all migrations, in order."""
    found = [
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in (files("toril.store") / "migrations").iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(database: Database) -> list[str]:
    """Apply what is missing and return the names of what was applied.

    Raises:
        SettingsError: PostgreSQL is too old, a migration's text has changed since it was applied, or the
            database was migrated by a newer Toril.
        Unavailable: PostgreSQL can't be reached.
    """
    connection = await database.connect()
    try:
        _check_version(connection)
        async with connection.transaction():
            # A transaction's lock, not a session's: it works behind PgBouncer and can't be left behind.
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK, timeout=_PATIENCE)
            await connection.execute(_LEDGER)
            return await _apply_missing(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise SettingsError(
            f"This database user may not create Toril's tables: {error}",
            field="TORIL_DATABASE_URL",
            hint="Migrate as the database's owner: TORIL_DATABASE_URL=… toril migrate",
        ) from error
    finally:
        await connection.close()


async def pending(database: Database) -> list[str]:
    """Return the names of the migrations that have not been applied yet."""
    connection = await database.connect()
    try:
        if await connection.fetchval("select to_regclass('toril.migrations')") is None:
            return [migration.name for migration in migrations()]
        applied = await connection.fetch("select version from toril.migrations")
    finally:
        await connection.close()
    versions = {row["version"] for row in applied}
    return [migration.name for migration in migrations() if migration.version not in versions]


async def _apply_missing(connection: "asyncpg.Connection[Any]") -> list[str]:
    rows = await connection.fetch("select version, name, checksum from toril.migrations")
    applied = {row["version"]: row for row in rows}
    known = migrations()
    if newer := set(applied) - {migration.version for migration in known}:
        raise SettingsError(
            f"The database was migrated by a newer Toril (it has migration {max(newer):04d}).",
            hint="Upgrade this installation, or use another database.",
        )
    new = []
    for migration in known:
        if (row := applied.get(migration.version)) is None:
            await _apply(connection, migration)
            new.append(migration.name)
        elif row["checksum"] != migration.checksum:
            raise SettingsError(
                f"Migration {migration.name} has changed since it was applied to this database.",
                hint="Restore the file; put changes into a new migration.",
            )
    return new


async def _apply(connection: "asyncpg.Connection[Any]", migration: Migration) -> None:
    await connection.execute(migration.sql, timeout=_PATIENCE)
    await connection.execute(
        "insert into toril.migrations (version, name, checksum) values ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.checksum,
    )


def _check_version(connection: "asyncpg.Connection[Any]") -> None:
    version = connection.get_server_version()
    if version.major < 15:
        raise SettingsError(
            f"PostgreSQL {version.major}.{version.minor} is too old: Toril needs 15 or newer.",
            field="TORIL_DATABASE_URL",
            hint="Upgrade the server, or let `toril up` run its own.",
        )
