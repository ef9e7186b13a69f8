"""Toril: background jobs with Redis' speed and PostgreSQL's durability.

from toril import JobContext, Retry, Toril

app = Toril()

@app.job(queue="images", retry=Retry(attempts=5), timeout=60)
async def thumbnail(ctx: JobContext, path: str, size: int = 256) -> dict[str, int]: ...

await thumbnail.enqueue(path="a.png")
"""

from toril.app import Toril
from toril.domain.errors import Conflict, InvalidInput, SettingsError, TorilError, Unavailable, UnknownJob
from toril.domain.job import Effect, NewJob, Submitted
from toril.domain.retry import Backoff
from toril.sdk.context import JobContext
from toril.sdk.control import Cancel, Fail, Retry, Snooze

__all__ = [
    "Backoff",
    "Cancel",
    "Conflict",
    "Effect",
    "Fail",
    "InvalidInput",
    "JobContext",
    "NewJob",
    "Retry",
    "SettingsError",
    "Snooze",
    "Submitted",
    "Toril",
    "TorilError",
    "Unavailable",
    "UnknownJob",
]


def __getattr__(name: str) -> str:
    """Return `__version__`, on demand: importlib.metadata takes longer to import than all the rest."""
    if name == "__version__":
        from importlib.metadata import version

        return version("toril")
    raise AttributeError(f"module 'toril' has no attribute {name!r}")
