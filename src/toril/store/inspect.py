"""What kind of server PostgreSQL is here, and whether its database is ours: for the command line."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from toril.domain.errors import SettingsError
from toril.store.connection import Database, Readers
from toril.store.migrate import pending
from toril.store.statements import load


class ServerFacts(NamedTuple):
    """What an operator needs to know of the server.

    Attributes:
        version: as it calls itself: `18.6 (Debian …)`.
        version_number: `server_version_num`: 180006.
        standby: whether it only repeats another server's writes.
        read_only: whether transactions are read-only unless they say otherwise.
        encoding: of the database.
        fsync: whether commits reach the disk.
        full_page_writes: whether torn pages can be repaired after a crash.
        synchronous_commit: whether a commit is answered before it has reached the disk: `off`.
        now: the server's clock.
    """

    version: str
    version_number: int
    standby: bool
    read_only: bool
    encoding: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    now: datetime


class Inspector:
    """Statements about the server itself.

    Args:
        readers: where to ask.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._sql = load("inspect")

    async def facts(self) -> ServerFacts:
        """Return what the server says of itself.

        Raises:
            Unavailable: PostgreSQL can't be asked.
        """
        rows = await self._readers.fetch(self._sql["facts"])
        return ServerFacts(*rows[0].values())


async def missing_migrations(database: Database) -> list[str]:
    """Return the names of the migrations that the database lacks.

    Raises:
        SettingsError: PostgreSQL doesn't let us look.
        Unavailable: PostgreSQL can't be reached.
    """
    try:
        return await pending(database)
    except asyncpg.InsufficientPrivilegeError as error:
        raise SettingsError(
            f"PostgreSQL doesn't let this user look at Toril's tables: {error}.",
            field="TORIL_DATABASE_URL",
            hint="Connect as the owner of the schema toril, or grant this user its tables.",
        ) from None
