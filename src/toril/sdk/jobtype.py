"""A kind of job: a handler with its name, its payload and everything its decorator says.

Workers run it, submits are checked against it, and `published()` is what other programs are told of it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from msgspec import json

from toril.domain.errors import InvalidInput
from toril.domain.job import DEFAULT_MAX_CRASHES, DEFAULT_QUEUE, MAX_PRIORITY, NewJob
from toril.domain.names import check_job_name, check_queue_name
from toril.domain.payload import check_json_text, storable_text
from toril.domain.retry import MAX_ATTEMPTS
from toril.domain.views import RegisteredJob
from toril.sdk.codec import PayloadCodec
from toril.sdk.control import Retry
from toril.sdk.encoding import encode_result
from toril.sdk.keys import with_keys
from toril.sdk.limits import timeout_seconds, whole
from toril.sdk.options import Options
from toril.sdk.schema import payload_schema
from toril.sdk.signature import Signature, function_name, read_signature

Mode = Literal["loop", "thread", "process"]
"""Where a handler runs: in the worker's event loop, in a thread of it, or in a process that can be killed."""

MAX_DESCRIPTION = 500


@dataclass(frozen=True, slots=True)
class JobType:
    """A kind of job.

    Attributes:
        name: the job's name.
        queue: the queue it is submitted to when none is named.
        function: the handler as it was written.
        mode: where it runs.
        retry: its default attempts and waits.
        timeout: seconds an attempt may take, or None.
        priority: its default priority.
        max_crashes: lost workers after which a job is failed as poison.
        takes_context: whether the function takes the `JobContext` first.
        schema: JSON Schema (text) of the payload.
        description: the first line of the function's docstring.
        codec: reads and writes its payloads.
    """

    name: str
    queue: str
    function: Callable[..., Any]
    mode: Mode
    retry: Retry
    timeout: float | None
    priority: int
    max_crashes: int
    takes_context: bool
    schema: str
    description: str
    codec: PayloadCodec

    def bind(self, payload: str) -> dict[str, Any]:
        """Return the keyword arguments to call the function with.

        Raises:
            InvalidInput: the payload (JSON text) doesn't fit the function's signature.
        """
        return self.codec.decode(payload)

    def encode(self, arguments: Mapping[str, Any]) -> str:
        """Return the payload (JSON text) for these arguments, checked against the signature.

        Raises:
            InvalidInput: they don't fit, or the record can't hold them.
        """
        return self.codec.encode(arguments)

    def encode_result(self, value: object) -> str:
        """Return what the function returned as JSON text; see `encoding.encode_result`."""
        return encode_result(value, self.name)

    def new_job(self, arguments: Mapping[str, Any], options: Options) -> NewJob:
        """Return a job of this kind, ready to be recorded.

        Raises:
            InvalidInput: the arguments don't fit; see `encode`.
        """
        job = NewJob(
            queue=self.queue if options.queue is None else options.queue,
            name=self.name,
            payload=self.codec.encode(arguments),
            priority=self.priority if options.priority is None else options.priority,
            delay=options.delay,
            run_at=options.run_at,
            max_attempts=self.retry.attempts if options.attempts is None else options.attempts,
            max_crashes=self.max_crashes,
            timeout=options.timeout,
            backoff=options.backoff,
        )
        return with_keys(job, arguments, options.idempotency_key, options.unique)

    def published(self) -> RegisteredJob:
        """Return what other programs are told of this kind of job."""
        return RegisteredJob(
            name=self.name,
            queue=self.queue,
            schema=self.schema,
            max_attempts=self.retry.attempts,
            max_crashes=self.max_crashes,
            priority=self.priority,
            timeout=self.timeout,
            description=self.description,
        )


def define(
    function: Callable[..., Any],
    local_names: Mapping[str, Any],
    *,
    name: str | None = None,
    queue: str = DEFAULT_QUEUE,
    retry: Retry | int | None = None,
    timeout: float | timedelta | None = None,
    priority: int = 0,
    max_crashes: int = DEFAULT_MAX_CRASHES,
    isolation: Literal["process"] | None = None,
) -> JobType:
    """Return the kind of job that `function` handles; see `Toril.job` for the options.

    Args:
        function: the handler.
        local_names: what is defined where it is defined, for annotations that are strings.

    Raises:
        TypeError: the function can't be a handler; the message says what to change.
        InvalidInput: an option is out of range.
    """
    signature = read_signature(function, local_names)
    job_name = check_job_name(function.__name__ if name is None else name)
    description = _description(function)
    codec, schema = _payload(function, signature, job_name, description)
    return JobType(
        name=job_name,
        queue=check_queue_name(queue),
        function=function,
        mode=_mode(function, isolation),
        retry=_retry(retry),
        timeout=None if timeout is None else timeout_seconds(timeout),
        priority=whole(priority, "priority", low=0, high=MAX_PRIORITY),
        max_crashes=whole(max_crashes, "max_crashes", low=1, high=MAX_ATTEMPTS),
        takes_context=signature.takes_context,
        schema=schema,
        description=description,
        codec=codec,
    )


def _payload(
    function: Callable[..., Any], signature: Signature, title: str, description: str
) -> tuple[PayloadCodec, str]:
    try:
        codec = PayloadCodec(function.__name__, signature)
        schema = json.encode(payload_schema(title, description, codec.struct, signature)).decode()
        check_json_text(schema, field="schema")
    except (TypeError, ValueError, NotImplementedError, InvalidInput) as error:
        raise TypeError(
            f"{function_name(function)} can't be a job handler: its parameters can't be read from JSON: "
            f"{error}; use plain types, dataclasses, TypedDicts, enums, msgspec Structs or pydantic models"
        ) from error
    return codec, schema


def _mode(function: Callable[..., Any], isolation: object) -> Mode:
    if isolation == "process":
        return "process"
    if isolation is not None:
        raise InvalidInput(
            f"isolation can't be {isolation!r}", field="isolation", hint="give 'process' or leave it out"
        )
    return "loop" if inspect.iscoroutinefunction(function) else "thread"


def _retry(retry: object) -> Retry:
    if retry is None:
        return Retry()
    if isinstance(retry, Retry):
        return retry
    if isinstance(retry, int) and not isinstance(retry, bool):
        return Retry(attempts=retry)
    raise InvalidInput(
        f"retry can't be {retry!r}", field="retry", hint="give a number of attempts or a toril.Retry(…)"
    )


def _description(function: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(function) or "").strip().splitlines()
    return storable_text(lines[0].strip(), limit=MAX_DESCRIPTION) if lines else ""
