"""From the arguments of `toril enqueue` to a request as the HTTP API reads one, checked by the same code."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Raw

from toril.cli.times import milliseconds
from toril.domain.errors import InvalidInput, PayloadTooLarge
from toril.domain.job import Held, OnConflict
from toril.operations.decoding import decode_job, shortened
from toril.operations.request import JobRequest


class Asked(NamedTuple):
    """A request, and the JSON text that says it."""

    request: JobRequest
    text: bytes


def job_request(fields: Mapping[str, object], *, largest: int) -> Asked:
    """Return the request with these fields; those that are None are left out.

    Args:
        fields: as in the body of `POST /jobs`.
        largest: bytes that its JSON may have.

    Raises:
        InvalidInput: a field is wrong or the whole is too large.
    """
    text = bytes(_encoded({name: value for name, value in fields.items() if value is not None}))
    if len(text) > largest:
        raise PayloadTooLarge(
            f"The job is larger than {largest:,} bytes.",
            field="payload",
            hint="Store large data elsewhere and send a reference to it, or raise TORIL_MAX_JOB_BYTES.",
        )
    return Asked(decode_job(text), text)


def unique_field(
    key: str | None, held: Held | None, ttl: str | None, on_conflict: OnConflict | None
) -> dict[str, object] | None:
    """Return the field `unique`, or None when nothing was given.

    Args:
        key: what must be unique.
        held: for how long it is held.
        ttl: a duration as people write it; with `Held.TTL` only.
        on_conflict: what to do when another job holds it.

    Raises:
        InvalidInput: the key is missing, or the duration is none, missing or not heeded.
    """
    if key is None:
        for flag, value in {"--while": held, "--ttl": ttl, "--on-conflict": on_conflict}.items():
            if value is not None:
                raise InvalidInput(
                    f"{flag} says nothing without --unique.",
                    code="missing_field",
                    field="--unique",
                    hint="Give the key that must be unique, such as --unique report-7.",
                )
        return None
    if (ttl is not None) != (held is Held.TTL):
        raise InvalidInput(
            "--ttl and --while ttl go together.",
            code="conflicting_fields",
            field="--ttl",
            hint="Give both, such as --while ttl --ttl 10m, or neither.",
        )
    return {
        "key": key,
        "while": held,
        "on_conflict": on_conflict,
        "ttl": None if ttl is None else milliseconds(ttl, flag="--ttl"),
    }


def payload_text(given: str | None, parameters: Sequence[str]) -> Raw | None:
    """Return the payload's JSON, or None when nothing was given.

    Args:
        given: JSON text of an object, or `@` and the file that has it (`@-`: standard input).
        parameters: `key=value`; each sets or replaces one field of the object. A value that is JSON is
            taken as JSON (`320`, `true`, `"320"`), any other as text.

    Raises:
        InvalidInput: it can't be read or is not a JSON object.
    """
    if given is None and not parameters:
        return None
    fields = _object(_read(given)) if given is not None else {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not (key and equals):
            raise InvalidInput(
                f"The parameter {shortened(parameter)!r} is not of the form key=value.",
                code="invalid_value",
                field="--param",
                hint="Write one argument per -p, such as -p width=320.",
            )
        fields[key] = _value(value)
    return _encoded(fields)


def _read(given: str) -> bytes:
    if not given.startswith("@"):
        return given.encode(errors="surrogateescape")
    try:
        return sys.stdin.buffer.read() if given == "@-" else Path(given[1:]).read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"The payload can't be read from {given[1:]}: {error.strerror}.",
            code="invalid_value",
            field="--payload",
            hint="Give @ and the path of a file that holds a JSON object.",
        ) from None


def _object(text: bytes) -> dict[str, Raw]:
    """Return the fields of a JSON object, each as it is written."""
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        wrong = isinstance(error, msgspec.ValidationError)
        raise InvalidInput(
            "The payload must be a JSON object." if wrong else f"The payload is not valid JSON: {error}.",
            code="invalid_type" if wrong else "invalid_json",
            field="--payload",
            hint="""Quote it for the shell: --payload '{"width": 320}'; or use -p width=320.""",
        ) from None


def _value(text: str) -> Raw:
    raw = text.encode(errors="surrogateescape")
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _encoded(text)
    return Raw(raw)


def _encoded(value: object) -> Raw:
    try:
        return Raw(msgspec.json.encode(value))
    except UnicodeEncodeError:  # an argument's bytes that are no text come as half a surrogate pair
        raise InvalidInput(
            "The arguments are not valid UTF-8.", code="invalid_value", hint="Use a terminal set to UTF-8."
        ) from None
