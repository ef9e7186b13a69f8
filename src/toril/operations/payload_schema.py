"""The JSON Schema of one handler's arguments, compiled, and its complaints in words.

Workers publish the schema, so it may be wrong or hostile: it is never allowed to fetch anything, and one
that can't be compiled accepts every object and says why in `broken`, so that a bad registration never takes
the API down. The worker checks the payload again anyway.
"""

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from toril.domain.errors import InvalidInput
from toril.operations.decoding import did_you_mean, shortened

_UNION_LIMIT = 16_384
"""Payloads over this many bytes that don't fit a schema with unions get no details: the library would build
one error object per wrong item of every branch, a third of a second for 256 KiB of them."""

_MAX_FIELD = 200

_BROKEN = (ValueError, TypeError, RecursionError, msgspec.DecodeError, jsonschema_rs.ReferencingError)

_NOUNS = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "object": "an object",
}


def compile_schema(name: str, text: str) -> "PayloadSchema":
    """Return the schema of job `name`, ready to check payloads.

    Args:
        name: the job's name, for error messages.
        text: JSON Schema (Draft 2020-12) as JSON text, self-contained.
    """
    try:
        schema = msgspec.json.decode(text)
        validator = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse_to_fetch, mask="It")
    except _BROKEN as error:
        return PayloadSchema(name, broken=shortened(getattr(error, "message", str(error)), 300))
    return PayloadSchema(name, schema, validator, has_unions="anyOf" in text or "oneOf" in text)


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """What the payload of a job must look like; `compile_schema` makes it.

    Attributes:
        name: the job's name.
        schema: the schema as plain data.
        validator: the schema compiled; None accepts every object.
        has_unions: whether values may have one of several shapes.
        broken: why the schema can't be used, or None.
    """

    name: str
    schema: Any = True
    validator: jsonschema_rs.Draft202012Validator | None = None
    has_unions: bool = False
    broken: str | None = None

    def check(self, payload: object, size: int) -> None:
        """Raise `InvalidInput` (`invalid_payload`) where `payload` doesn't fit.

        Args:
            payload: the decoded payload.
            size: bytes of its JSON text.
        """
        if self.validator is None:
            return
        try:
            if self.validator.is_valid(payload):
                return
            if size > _UNION_LIMIT and self.has_unions:
                raise self._misfit("payload", "does not fit the handler's arguments", None)
            self.validator.validate(payload)
        except ValidationError as error:
            raise self._explain(error, payload) from None
        except ValueError as error:  # the library's own limits, such as its recursion limit
            raise self._misfit("payload", f"can't be checked: {shortened(str(error))}", None) from None

    def _explain(self, error: ValidationError, payload: object) -> InvalidInput:
        schema = _at(self.schema, error.schema_path[:-1])  # the subschema one of whose keywords failed
        known = shortened(", ".join(_properties(schema)) or "none", 300)
        unknown = _unknown_property(schema, _at(payload, error.instance_path))
        if unknown is not None:  # first, because it often explains what is missing as well
            remedy = did_you_mean(unknown, _properties(schema)) if _properties(schema) else "leave it out"
            return self._misfit(_join(error.instance_path, unknown), "is unknown", remedy)
        if isinstance(error.kind, Kind.Required):
            missing = _join(error.instance_path, error.kind.property)
            return self._misfit(missing, "is missing", f"add it; the arguments are: {known}")
        description = schema.get("description") if isinstance(schema, dict) else None
        hint = shortened(description, 300) if isinstance(description, str) and description else None
        return self._misfit(_join(error.instance_path), _predicate(error), hint)

    def _misfit(self, field: str, problem: str, hint: str | None) -> InvalidInput:
        field = shortened(field, _MAX_FIELD)
        return InvalidInput(
            f"{field} {problem} (job {self.name!r}).", code="invalid_payload", field=field, hint=hint
        )


def _refuse_to_fetch(uri: str) -> Any:
    raise LookupError(f"a payload's schema must be self-contained; {shortened(uri)} was not fetched")


def _predicate(error: ValidationError) -> str:
    """Return what is wrong with a value, to follow the name of its field."""
    match error.kind:
        case Kind.Type(types):
            return f"must be {_either(types)}, not {_noun(error.instance)}"
        case Kind.AnyOf(context) | Kind.OneOfNotValid(context):
            return _union_predicate(error, context)
        case Kind.Enum(options):
            return f"must be one of {shortened(', '.join(map(_json, options)), 300)}"
        case Kind.Constant(expected):
            return f"must be {shortened(_json(expected))}"
        case Kind.Required(name):
            return f"lacks {shortened(name)}"
        case Kind.AdditionalProperties(unexpected):
            return f"has no field {shortened(', '.join(unexpected))}"
    # `mask` has replaced the value, which may be huge or private, by "It".
    return shortened(error.message.removeprefix("It ").replace("It", "the value"), 300)


def _union_predicate(error: ValidationError, branches: list[list[ValidationError]]) -> str:
    """Return what a union (`int | None`) expected: its types, or what failed in the nearest branch."""
    firsts = [branch[0] for branch in branches if branch]
    types = [
        first.kind.types
        for first in firsts
        if isinstance(first.kind, Kind.Type) and first.instance_path == error.instance_path
    ]
    if not firsts:
        return "does not fit"
    if len(types) == len(firsts):
        return f"must be {_either([name for names in types for name in names])}, not {_noun(error.instance)}"
    nearest = max(firsts, key=lambda first: (len(first.instance_path), not isinstance(first.kind, Kind.Type)))
    where = _join(nearest.instance_path[len(error.instance_path) :]).removeprefix("payload").lstrip(".")
    return f"does not fit: {where or 'it'} {_predicate(nearest)}"


def _either(types: list[str]) -> str:
    nouns = [_NOUNS.get(name, f"a {name}") for name in dict.fromkeys(types)]
    return nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} or {nouns[-1]}"


def _noun(value: object) -> str:
    if value is None or isinstance(value, bool):
        return _json(value)
    if isinstance(value, str):
        return "a string"
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else "a number"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _unknown_property(schema: object, value: object) -> str | None:
    """Return a property of `value` that a closed object schema doesn't have."""
    if not isinstance(schema, dict) or not isinstance(value, dict):
        return None
    if schema.get("additionalProperties") is not False or "patternProperties" in schema:
        return None
    known = _properties(schema)
    return next((name for name in value if name not in known), None)


def _properties(schema: object) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _at(value: object, path: list[str | int]) -> object:
    """Return what is at `path` inside nested dictionaries and lists, or None."""
    for step in path:
        try:
            value = value[step]  # type: ignore[index]  # whatever can't be indexed so ends the walk
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _join(path: list[str | int], *names: str) -> str:
    """Return `payload.images[3].url` for a path into the payload."""
    parts = islice((*path, *names), 64)
    return "payload" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
