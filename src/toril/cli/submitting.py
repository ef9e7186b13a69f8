"""How `toril enqueue` submits: the operations behind the HTTP API, for one job."""

from contextlib import AsyncExitStack

from toril.bootstrap import open_core, open_reader, open_recorder
from toril.cli.database import require_migrated
from toril.cli.job_request import Asked
from toril.domain.errors import UnknownJob
from toril.domain.job import Submitted
from toril.operations.catalog import Catalog
from toril.operations.submission import Submission
from toril.settings import Settings
from toril.telemetry.logs import configure


async def submit(settings: Settings, asked: Asked, *, allow_unknown: bool) -> Submitted:
    """Record the job; it is on its way to Redis when this returns, if Redis can be reached.

    Raises:
        InvalidInput: as for `Submission.submit`.
        Conflict: another job has one of its keys; nothing was recorded.
        SettingsError: the database has not been migrated.
        Unavailable: PostgreSQL can't be reached; nothing was recorded.
    """
    configure(settings.log, settings.log_level)
    await require_migrated(settings)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings, "cli"))
        reader = await stack.enter_async_context(open_reader(settings))
        recorder = await stack.enter_async_context(open_recorder(core))
        try:
            return await Submission(recorder, Catalog(reader)).submit(
                asked.request, asked.text, allow_unknown=allow_unknown
            )
        except UnknownJob as error:
            error.hint = (error.hint or "").replace("add ?allow_unknown=true", "add --allow-unknown")
            raise
