"""Every error Toril raises on purpose, in one tree.

    TorilError
    ├── InvalidInput          what was asked for can't be: names the field and the remedy        → HTTP 4xx
    │   ├── UnknownJob        no worker has registered this job name
    │   └── PayloadTooLarge   over the configured size
    ├── Conflict              another job has the key                                            → HTTP 409
    ├── NotFound              no such job                                                        → HTTP 404
    ├── Unavailable           a part is down or full; try again after `retry_after` seconds      → HTTP 503
    │   ├── Locked            another transaction holds what this needs
    │   └── Refused           Redis answers, but refuses what concerns some queues
    ├── LostOwnership         an outcome arrived for a run that another run has replaced
    ├── SettingsError         the configuration can't work: names the setting and the remedy     → exit 2
    └── ServerError           an embedded server could not be started or stopped                 → exit 1

Each carries a sentence for a person (`str(error)`), a stable `code` for a program, and where it helps the
`field` at fault and a `hint`: what to do next. The API maps codes to problem documents (RFC 9457), the
command line prints `message` and `hint` and exits; neither ever shows a stack trace for one of these.
"""

from collections.abc import Mapping
from typing import ClassVar


class TorilError(Exception):
    """Base of all errors that Toril raises on purpose.

    Args:
        message: one sentence, naming the job, queue, field or file it is about.
        field: the input field or setting at fault, as its user spells it (`payload.size`, `TORIL_PORT`).
        hint: what to do about it, as an imperative sentence.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


class InvalidInput(TorilError):
    """What was asked for can't be done as it stands; nothing was stored.

    Args:
        message: one sentence saying what is wrong with the value.
        code: a stable code, finer than the class (`invalid_json`, `unknown_field`, `invalid_payload`, …).
        field: the field at fault.
        hint: what would be accepted.
    """

    code = "invalid_input"

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may be finer than its class


class UnknownJob(InvalidInput):
    """No worker has registered a job of this name."""

    code = "unknown_job"


class PayloadTooLarge(InvalidInput):
    """The payload or body is over the configured size."""

    code = "too_large"


class Conflict(TorilError):
    """Another job has the key; nothing was stored.

    Args:
        message: one sentence naming the key and the job that has it.
        code: `idempotency_conflict` (the key came with another request) or `unique_conflict`.
        job_id: the job that has the key.
        field: the field that carries the key.
        hint: what to do.
    """

    code = "unique_conflict"

    def __init__(self, message: str, *, code: str, job_id: int, field: str, hint: str) -> None:
        super().__init__(message, field=field, hint=hint)
        self.code = code  # type: ignore[misc]  # an instance may be finer than its class
        self.job_id = job_id
        self._parts = (message, code, field, hint)

    def at(self, place: int) -> "Conflict":
        """Return the same as it is about the job at a place in a list, counted from 0."""
        message, code, field, hint = self._parts
        return Conflict(
            f"[{place}]: {message}", code=code, job_id=self.job_id, field=f"[{place}].{field}", hint=hint
        )


class NotFound(TorilError):
    """There is no such job."""

    code = "not_found"


class Unavailable(TorilError):
    """A part that this needs is down or full; the same call may succeed later.

    Args:
        message: one sentence naming the part.
        retry_after: seconds after which it makes sense to try again.
        hint: what an operator would look at.
    """

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Locked(Unavailable):
    """Another transaction holds what this needs, such as a key, and may go on to hold it for a while."""


class Refused(Unavailable):
    """Redis answers, but refuses calls for some queues: what it holds of them is not what it should be.

    Other queues are not concerned, and waiting does not help before somebody has put it right.

    Args:
        message: one sentence with Redis' own reason.
        queues: the reason by queue, where the caller knows the queues.
    """

    code = "refused"

    def __init__(self, message: str, queues: Mapping[str, str] | None = None) -> None:
        super().__init__(
            message,
            retry_after=30.0,
            hint="Look at the key with redis-cli, and delete it: what Toril needs is written again.",
        )
        self.queues = queues or {}


class LostOwnership(TorilError):
    """An outcome arrived for a run (job id and attempt) that is no longer the current one."""

    code = "lost_ownership"


class SettingsError(TorilError):
    """The configuration can't work."""

    code = "settings"


class ServerError(TorilError):
    """An embedded server could not be started, reached or stopped."""

    code = "server"
