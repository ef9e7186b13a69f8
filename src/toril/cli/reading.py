"""How commands that only look get at the record."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from toril.bootstrap import open_reader
from toril.cli.database import require_migrated
from toril.operations.lookup import Lookup
from toril.settings import Settings

T = TypeVar("T")


async def read(settings: Settings, look: Callable[[Lookup], Awaitable[T]]) -> T:
    """Return what `look` finds.

    Raises:
        SettingsError: the database has not been migrated.
        Unavailable: PostgreSQL can't be asked.
    """
    await require_migrated(settings)
    async with open_reader(settings) as reader:
        return await look(Lookup(reader))
