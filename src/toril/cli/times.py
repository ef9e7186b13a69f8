"""Durations as people write them (`1h30m`) and as they read them (`5 min`). Pure."""

import re
from datetime import datetime

from toril.domain.errors import InvalidInput

_MS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def milliseconds(text: str, *, flag: str) -> float:
    """Return a written duration in milliseconds.

    Args:
        text: numbers with units: `500ms`, `30s`, `5m`, `1h30m`, `2d`.
        flag: what it was given for, for the error.

    Raises:
        InvalidInput: it is something else.
    """
    if not _WHOLE.fullmatch(text):
        raise InvalidInput(
            f"{flag} can't be {text!r}.",
            code="invalid_value",
            field=flag,
            hint="Write a number with its unit: 500ms, 30s, 5m, 1h30m or 2d.",
        )
    return sum(float(number) * _MS[unit] for number, unit in _PART.findall(text))


def span(seconds: float) -> str:
    """Return a duration in the unit that fits it: `250 ms`, `3.2 s`, `5 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, size, until in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < until:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds // 86_400:.0f} d"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, or how far ahead it is."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    shown = span(float(int(abs(seconds)))).replace(".0", "")
    return f"{shown} ago" if seconds > 0 else f"in {shown}"
