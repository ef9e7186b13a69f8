"""What msgspec says about a payload, in Toril's words: the field's path, the problem, and a remedy."""

import re
from collections.abc import Collection

import msgspec

from toril.domain.errors import InvalidInput
from toril.domain.names import suggest
from toril.sdk.models import ModelError

_PATH = re.compile(r" - at (?:`key` in )?`\$([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)

MAX_SHOWN = 200
"""Characters of a message that quotes the payload; a hostile field name may be as long as the payload."""


def explain(error: Exception, known: Collection[str], *, root: str = "payload") -> InvalidInput:
    """Return what to raise instead of `error`, which decoding a payload has raised.

    Args:
        error: msgspec's, or whatever the code of a dataclass or model has raised.
        known: the handler's own fields, to suggest one for an unknown name.
        root: the path of what was decoded.
    """
    if isinstance(error, RecursionError):
        return InvalidInput(f"{root}: is nested too deeply", code="too_deep", field=root)
    if not isinstance(error, msgspec.ValidationError):
        return _unreadable(error, root)
    path, problem = _split(error)
    if unknown := _UNKNOWN.fullmatch(problem):
        return _unknown_field(f"{root}{path}", unknown[1], known if not path else ())
    if missing := _MISSING.fullmatch(problem):
        field = f"{root}{path}.{missing[1]}"
        return _invalid(field, "is missing", "give it a value")
    return _invalid(f"{root}{path}", _plain(problem), None)


def _unreadable(error: Exception, root: str) -> InvalidInput:
    if isinstance(error, msgspec.DecodeError | UnicodeError):
        return InvalidInput(
            f"{root}: is not JSON: {error}", code="invalid_json", field=root, hint="send a JSON object"
        )
    return _invalid(root, f"was refused: {type(error).__name__}: {error}", None)


def _split(error: msgspec.ValidationError) -> tuple[str, str]:
    text = str(error)
    found = _PATH.search(text)
    path = found[1] if found else ""
    if isinstance(error.__cause__, ModelError):
        return path + error.__cause__.path, error.__cause__.reason
    return path, text[: found.start()] if found else text


def _unknown_field(parent: str, name: str, known: Collection[str]) -> InvalidInput:
    hint = suggest(name, known)
    if hint is None and known:
        hint = f"it takes {', '.join(known)}"
    return _invalid(f"{parent}.{name}", "is not a field", hint or "remove it")


def _plain(problem: str) -> str:
    words = problem.replace("`", "")
    return words[:1].lower() + words[1:]


def _invalid(field: str, problem: str, hint: str | None) -> InvalidInput:
    field = _short(field)
    return InvalidInput(f"{field}: {_short(problem)}", code="invalid_payload", field=field, hint=hint)


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
