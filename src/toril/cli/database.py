"""Whether the database is ready for this version of Toril: reachable, and migrated."""

from toril.domain.errors import SettingsError
from toril.domain.events import Emit
from toril.settings import Settings
from toril.store.connection import Database
from toril.store.inspect import missing_migrations
from toril.worker.patience import Patience


async def require_migrated(settings: Settings) -> None:
    """Make sure that the database has every migration.

    Raises:
        SettingsError: it hasn't, or we may not look.
        Unavailable: PostgreSQL can't be reached.
    """
    missing = await missing_migrations(Database(settings.database_url, application="toril cli"))
    if missing:
        some = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise SettingsError(
            f"The database has not been migrated: it lacks {some}.",
            field="TORIL_DATABASE_URL",
            hint="Run `toril migrate`.",
        )


async def until_migrated(settings: Settings, emit: Emit) -> None:
    """Wait until PostgreSQL can be reached, telling once that it can't, then make the same sure.

    For what is started together with PostgreSQL, or while it is down for a moment.
    """
    await Patience("PostgreSQL", emit).insist(lambda: require_migrated(settings))
