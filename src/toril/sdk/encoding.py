"""Values of handlers to JSON text, in a form that the record can hold: arguments, results and progress.

msgspec writes NaN and the infinities as `null`; that would change a value silently, so they are refused here.
"""

from collections.abc import Mapping
from math import isfinite

import msgspec

from toril.domain.errors import InvalidInput, PayloadTooLarge
from toril.domain.payload import check_json_text
from toril.sdk import models

MAX_RESULT_BYTES = 1_048_576
"""The largest result of a job, as UTF-8 JSON: 1 MiB."""

_encoder = msgspec.json.Encoder(enc_hook=models.to_builtins)
_ordered = msgspec.json.Encoder(enc_hook=models.to_builtins, order="sorted")


def encode_json(value: object, field: str, *, code: str = "invalid_payload") -> str:
    """Return `value` as JSON text.

    Args:
        value: anything that msgspec can write, or a pydantic model.
        field: what to call it in errors.
        code: the error's code where the value can't be written at all.

    Raises:
        InvalidInput: it can't be written as JSON, or the record couldn't hold it (see `check_json_text`).
    """
    try:
        raw = _encoder.encode(value)
    except RecursionError as error:
        raise InvalidInput(f"{field}: is nested too deeply", code="too_deep", field=field) from error
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{field}: contains half of a surrogate pair", code="invalid_unicode", field=field
        ) from error
    except Exception as error:  # a model's own serializers may raise anything
        raise InvalidInput(f"{field}: can't be written as JSON: {error}", code=code, field=field) from error
    check_json_text(raw, field=field)
    if b"null" in raw and _has_nonfinite(msgspec.to_builtins(value, enc_hook=models.to_builtins)):
        raise InvalidInput(
            f"{field}: contains NaN or an infinity, which JSON can't hold",
            code="number_out_of_range",
            field=field,
            hint="send null or a string",
        )
    return raw.decode()


def ordered_json(value: object, otherwise: str) -> bytes:
    """Return a value that `encode_json` has written as JSON that is the same whenever the value is.

    Args:
        value: what was written; the keys of its dicts and the members of its sets are sorted.
        otherwise: what was written, for a set of members that have no order among them (texts and numbers).
    """
    try:
        return _ordered.encode(value)
    except TypeError:
        return otherwise.encode()


def encode_result(value: object, job: str) -> str:
    """Return the value that a handler returned as JSON text.

    Args:
        value: what it returned.
        job: the job's name, for errors.

    Raises:
        InvalidInput: with code `invalid_result` where it can't be written as JSON.
        PayloadTooLarge: over `MAX_RESULT_BYTES`.
    """
    if value is None:
        return "null"
    try:
        text = encode_json(value, "result", code="invalid_result")
    except InvalidInput as error:
        raise InvalidInput(
            f"job {job!r} returned {_kind(value)}: {error.message}",
            code=error.code,
            field="result",
            hint=_result_hint(value),
        ) from error
    size = len(text) if text.isascii() else len(text.encode())
    if size > MAX_RESULT_BYTES:
        raise PayloadTooLarge(
            f"job {job!r} returned {size:,} bytes of JSON, more than {MAX_RESULT_BYTES:,}",
            field="result",
            hint="store large results elsewhere and return where they are",
        )
    return text


def _has_nonfinite(value: object) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_has_nonfinite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_has_nonfinite, value))
    return False


def _kind(value: object) -> str:
    return f"an object of type {type(value).__name__}"


def _result_hint(value: object) -> str:
    if isinstance(value, BaseException):
        return f"raise {type(value).__name__} instead of returning it"
    if hasattr(value, "__await__"):
        return "await it before returning"
    return "return numbers, strings, lists, dicts, dataclasses or models"
