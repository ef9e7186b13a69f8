"""What came of calling a handler, as an `Outcome`: by the same rules in loop, threads and processes."""

import traceback
from collections.abc import Callable

from toril.domain.errors import InvalidInput
from toril.domain.outcome import Cancelled, Completed, ErrorInfo, Failed, Outcome, Snoozed
from toril.domain.payload import storable_text
from toril.sdk.control import Cancel, Fail, RetryAfter, Snooze
from toril.sdk.jobtype import JobType

MAX_MESSAGE = 2_000
MAX_STACK = 20_000


def attempted(job_type: JobType, call: Callable[[], object]) -> Outcome:
    """Call a handler and return the outcome, whatever it raises: no exception gets out of a thread."""
    try:
        return returned(job_type, call())
    except BaseException as error:  # noqa: BLE001  # whatever user code raises is its outcome
        return raised(error)


def returned(job_type: JobType, value: object) -> Outcome:
    """Return the outcome of a handler that returned `value`."""
    if isinstance(value, Snooze):
        return Snoozed(value.seconds)
    try:
        return Completed(job_type.encode_result(value))
    except InvalidInput as error:
        # Trying again would repeat work that is done only to end here once more.
        return Failed(ErrorInfo("InvalidResult", error.message), retryable=False)


def raised(error: BaseException) -> Outcome:
    """Return the outcome of a handler that raised `error`."""
    match error:
        case Cancel():
            return Cancelled(storable_text(str(error.reason), limit=MAX_MESSAGE))
        case Fail():
            return Failed(describe(error), retryable=False)
        case RetryAfter():
            return Failed(describe(error), retry_after=error.seconds)
        case _:
            return Failed(describe(error))


def describe(error: BaseException) -> ErrorInfo:
    """Return an exception as text: its class, its message, and its traceback without our own frames."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((n for n, frame in enumerate(frames) if not _ours(frame.filename)), len(frames))
    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list(frames[own:])
    return ErrorInfo(
        type(error).__name__,
        storable_text(_text(error), limit=MAX_MESSAGE),
        storable_text("".join(told.format()), limit=MAX_STACK),
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:  # noqa: BLE001  # its __str__ is user code, too
        return f"(its text can't be had: {type(worse).__name__})"


def invalid_payload(error: InvalidInput) -> Outcome:
    """Return the outcome of a job whose payload its handler can't take: no attempt can help."""
    hint = f" ({error.hint})" if error.hint else ""
    return Failed(ErrorInfo("InvalidPayload", f"{error.message}{hint}"), retryable=False)


def timed_out(timeout: float) -> Outcome:
    """Return the outcome of an attempt that took longer than it may."""
    return Failed(ErrorInfo("Timeout", f"the attempt took longer than {timeout:g} seconds"))


def _ours(filename: str) -> bool:
    return "/toril/worker/" in filename or filename.endswith("/concurrent/futures/thread.py")
