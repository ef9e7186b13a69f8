"""Turns JSON and query strings into checked structures, and what is wrong with them into `InvalidInput`.

msgspec validates while it decodes, in C, and complains in its own terms ("Expected `int`, got `str` - at
`$.priority`"). This module says the same for people: which field, what was expected, what to do. What it
can't read in a complaint it passes on as it is, so a new msgspec costs wording, never an error.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from toril.domain.errors import InvalidInput
from toril.domain.names import suggest
from toril.domain.payload import check_json_text
from toril.operations.request import JobRequest

Record = TypeVar("Record", bound=Struct)

_JOB = msgspec.json.Decoder(JobRequest)

_SYNONYMS = {
    "data": "payload",
    "args": "payload",
    "kwargs": "payload",
    "retries": "attempts",
    "max_attempts": "attempts",
    "eta": "run_at",
    "job": "name",
    "task": "name",
}
"""What other job systems call our fields."""


def decode_job(raw: bytes) -> JobRequest:
    """Return the job that this JSON text asks for.

    Raises:
        InvalidInput: it isn't JSON, or not a job's: `invalid_json`, `unknown_field`, `missing_field`,
            `invalid_type`, `out_of_range`, `invalid_value`, or one of `check_json_text`'s codes.
    """
    try:
        return _JOB.decode(raw)
    except msgspec.ValidationError as error:
        raise explain(error, JobRequest) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error, raw) from None


def explain(error: msgspec.ValidationError, record: type[Struct]) -> InvalidInput:
    """Return what `error` says about a `record`, for people."""
    message, _, path = str(error).partition(" - at `$")
    path = path.removesuffix("`").lstrip(".")
    if match := _UNKNOWN.fullmatch(message):
        return _unknown_field(match[1], path, record)
    if match := _MISSING.fullmatch(message):
        field = _join(path, match[1])
        return InvalidInput(
            f"{field} is missing.", code="missing_field", field=field, hint=_description(record, field)
        )
    code, problem = _problem(message)
    return InvalidInput(
        f"{path or 'The body'} {problem}.", code=code, field=path or None, hint=_description(record, path)
    )


_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_TYPE = re.compile(r"Expected `(.*)`, got `(.*)`")
_BOUND = re.compile(r"Expected `\w+` (of length )?([<>]=?) (\S+)")
_ENUM = re.compile(r"Invalid enum value (.*)", re.DOTALL)

_TYPES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def _problem(message: str) -> tuple[str, str]:
    """Return the code and the predicate for one of msgspec's complaints."""
    if match := _TYPE.fullmatch(message):
        return "invalid_type", f"must be {_type_names(match[1])}, not {_type_names(match[2])}"
    if message.endswith("of length >= 1"):
        return "out_of_range", "can't be empty"
    if match := _BOUND.fullmatch(message):
        what, unit = ("have", " characters") if match[1] else ("be", "")
        return "out_of_range", f"must {what} {_BOUNDS[match[2]]} {match[3].removesuffix('.0')}{unit}"
    if match := _ENUM.fullmatch(message):
        return "invalid_value", f"can't be {shortened(match[1])}"
    if message.endswith("out of range"):
        return "out_of_range", "is a number out of range"
    return "invalid_value", f"is not acceptable: {shortened(message)}"


def _type_names(types: str) -> str:
    names = [_TYPES.get(name, name) for name in types.split(" | ")]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _unknown_field(name: str, path: str, record: type[Struct]) -> InvalidInput:
    fields = _record_at(record, path).__struct_encode_fields__
    synonym = _SYNONYMS.get(name)
    hint = f"did you mean {synonym!r}?" if synonym in fields else did_you_mean(name, fields)
    field = _join(path, shortened(name))
    return InvalidInput(f"There is no field {field}.", code="unknown_field", field=field, hint=hint)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of `known`, or all of them where none is near."""
    known = list(known)
    return suggest(shortened(word), known) or f"use {', '.join(known)}"


def shortened(text: str, limit: int = 100) -> str:
    """Return `text` as it may be quoted in an error: a client's own input, however long it was."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def _malformed(error: Exception, raw: bytes) -> InvalidInput:
    try:
        check_json_text(raw, field="body")
    except InvalidInput as finer:  # half a surrogate pair, too deep, not UTF-8: msgspec has no words for it
        return finer
    if isinstance(error, RecursionError):
        return InvalidInput("The body is nested too deeply.", code="too_deep", hint="send flatter JSON")
    if not raw.strip():
        return InvalidInput(
            "The body is empty.", code="invalid_json", hint='send a job, such as {"name": "thumbnail"}'
        )
    problem, hint = _syntax(str(error), raw)
    return InvalidInput(f"The body is not valid JSON: {problem}.", code="invalid_json", hint=hint)


_AT_BYTE = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")
_NOT_A_NUMBER = re.compile(rb"-?(NaN|Infinity)")


def _syntax(message: str, raw: bytes) -> tuple[str, str]:
    match = _AT_BYTE.fullmatch(message)
    if match is None:
        return "it ends too early", "check that the whole document was sent"
    offset = int(match[2])
    before = raw[:offset]
    place = f"line {before.count(10) + 1}, column {offset - before.rfind(10)}"
    if _NOT_A_NUMBER.match(raw, offset) or _NOT_A_NUMBER.match(raw, offset - 1):
        return f"NaN and Infinity are no JSON numbers ({place})", "send null, or a string"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "it starts with a byte order mark", "send UTF-8 without one"
    return f"{match[1]} at {place}", "send UTF-8 JSON as in RFC 8259"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _record_at(record: type[Struct], path: str) -> type[Struct]:
    """Return the structure at `path`; structures hold structures one level deep at most."""
    if not path:
        return record
    nested = [kind for kind in get_args(_hints(record).get(path)) if _is_struct(kind)]
    return nested[0] if nested else record


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _description(record: type[Struct], path: str) -> str | None:
    parent, _, name = path.rpartition(".")
    owner = _record_at(record, parent)
    attributes = dict(zip(owner.__struct_encode_fields__, owner.__struct_fields__, strict=True))
    annotation = get_type_hints(owner, include_extras=True).get(attributes.get(name, name))
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, Meta) and extra.description:
            return extra.description
    return None


def _hints(record: type[Struct]) -> dict[str, Any]:
    return get_type_hints(record)
