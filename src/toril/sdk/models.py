"""Pydantic models as arguments and results, without importing pydantic.

A class counts as a model when it has pydantic's methods, so pydantic is loaded only where the application
itself brings it. msgspec calls these hooks for every type it doesn't know.
"""

from typing import Any

from msgspec import json


class ModelError(ValueError):
    """A model refused its data.

    Args:
        path: where, below the model: `.items[1].price`, or empty.
        reason: what is wrong there.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def is_model(kind: object) -> bool:
    """Say whether `kind` is a pydantic model class."""
    return (
        isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_json_schema")
    )


def from_builtins(kind: Any, value: object) -> object:
    """Return `value`, as decoded from JSON, as an instance of the model `kind` (msgspec's `dec_hook`).

    It goes through JSON text again, because pydantic reads dates, bytes and sets from JSON by other rules
    than from Python values, and strict models accept them from JSON only.

    Raises:
        ModelError: the model refused it.
    """
    try:
        return kind.model_validate_json(json.encode(value))
    except Exception as error:  # a model's own validators may raise anything
        raise _model_error(error) from error


def to_builtins(value: Any) -> object:
    """Return a model's fields as JSON types, such that the model reads them back (msgspec's `enc_hook`).

    Raises:
        NotImplementedError: it isn't a model.
    """
    if is_model(type(value)):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    raise NotImplementedError(f"{type(value).__module__}.{type(value).__qualname__} is not a JSON type")


def _model_error(error: Exception) -> ModelError:
    details = getattr(error, "errors", None)  # pydantic's ValidationError has them
    if details is None:
        return ModelError("", f"was refused: {type(error).__name__}: {error}")
    first = details(include_url=False)[0]
    return ModelError("".join(map(_step, first["loc"])), first["msg"])


def _step(part: int | str) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{part}"
