"""Jobs as the store shows them, to be printed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from toril.domain.lifecycle import Status
from toril.domain.views import JobView

NOW = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment `seconds` before now."""
    return NOW - timedelta(seconds=seconds)


def job(status: Status = Status.PENDING, **changes: Any) -> JobView:
    """Return a job that was created ten minutes ago."""
    return JobView(
        id=17,
        queue="images",
        name="thumbnail",
        status=status,
        priority=0,
        payload=None,
        result=None,
        progress=None,
        attempt=0,
        failures=0,
        crashes=0,
        interruptions=0,
        max_attempts=3,
        max_crashes=3,
        timeout=None,
        backoff=None,
        created_at=at(600),
        queued_at=at(600),
        run_at=at(600),
        started_at=None,
        finished_at=None,
        worker=None,
        error_kind=None,
        error_message=None,
    )._replace(**changes)
