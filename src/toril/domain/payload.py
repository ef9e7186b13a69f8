"""What JSON text and plain text the record can hold.

PostgreSQL's jsonb and text refuse things that are legal in JSON and in Python strings: NUL, lone surrogates,
very large numbers. One such value fails the whole batch it is written with, so every way in checks first: the
API on the raw bytes of a request, the SDK on what it has encoded, workers on results, log lines and errors.

The checks look at the text and never build the values. They assume that a JSON parser reads the same text as
well, before or after: of text that isn't JSON they may say anything, but they end, in linear time.
"""

from itertools import accumulate
from math import isinf
from re import compile as regex
from typing import NoReturn

from toril.domain.errors import InvalidInput

MAX_DEPTH = 64
"""Levels of nested arrays and objects. Parsers and jsonb recurse, and people can't read more."""

MAX_DECIMALS = 1_000
"""Digits after the point, and the largest exponent. jsonb writes numbers out in full: 1e9999 is 10 kB."""

_NUL = b"\\u0000"
_LONE_SURROGATE = regex(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])"  # a high one without its low one
    rb"|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"  # a low one without its high one
)


def check_json_text(raw: bytes | str, *, field: str = "payload") -> None:
    """Raise `InvalidInput` where the record can't hold this JSON text.

    Args:
        raw: JSON text; bytes are UTF-8.
        field: what to call it in the error.

    Raises:
        InvalidInput: with code `nul_character`, `invalid_unicode` (bytes that aren't UTF-8, or half of a
            surrogate pair), `number_out_of_range` (beyond a double, or over `MAX_DECIMALS`) or `too_deep`
            (over `MAX_DEPTH` levels).
    """
    data = _utf8(raw, field)
    if b"\\u" in data:
        _check_escapes(data, field)
    if len(data) > 2 * MAX_DEPTH and data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check_depth(data, field)
    shape = data.translate(_NUMBER_SHAPE, b"+-")
    if b"0e000" in shape or (len(data) > len(_LONG_DIGITS) and _LONG_DIGITS in shape):
        _check_numbers(data, field)


def storable_text(text: str, *, limit: int) -> str:
    """Return `text` as PostgreSQL can hold it: NUL and lone surrogates written as escapes, cut at `limit`.

    Args:
        text: anything, for example a log line or an error's message.
        limit: characters to keep; what is cut is counted in a note at the end.
    """
    if len(text) > limit:
        text = f"{text[:limit]}… [{len(text) - limit:,} more characters cut]"
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _utf8(raw: bytes | str, field: str) -> bytes:
    try:
        if isinstance(raw, str):
            return raw.encode()
        if not raw.isascii():
            raw.decode()
    except UnicodeError:
        _refuse("invalid_unicode", field, "is not valid UTF-8", "encode the text as UTF-8")
    return raw


def _check_escapes(data: bytes, field: str) -> None:
    # Two neutral characters, not none: `\ud83d\\\ude00` must not turn into a pair.
    text = data.replace(b"\\\\", b"//")
    if _NUL in text:
        _refuse("nul_character", field, "contains a NUL character", "remove it, or send the bytes as base64")
    if (b"\\ud" in text or b"\\uD" in text) and _LONE_SURROGATE.search(text):
        _refuse("invalid_unicode", field, "contains half of a surrogate pair", "send whole characters")


_BRACKETS = bytes.maketrans(b"[{]}", b"[[]]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("]"): -1}


def _check_depth(data: bytes, field: str) -> None:
    brackets = _outside_strings(data).translate(_BRACKETS, _NOT_BRACKETS)
    depth = max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
    if depth > MAX_DEPTH:
        _refuse("too_deep", field, f"is nested {depth:,} levels deep", f"keep to {MAX_DEPTH} levels")


_NUMBER_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
"""Makes all numbers look alike, so that a plain substring search finds the few that deserve a closer look."""

_LONG_DIGITS = b"0" * 200
"""With fewer digits and an exponent under 100, no number can be out of range."""

_NOT_NUMBERS = bytes.maketrans(b",:[]{}\t\r\n", b" " * 9)
_NUMBER = regex(rb"-?[0-9]+(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?")


def _check_numbers(data: bytes, field: str) -> None:
    for token in set(_outside_strings(data).translate(_NOT_NUMBERS).split()):
        number = _NUMBER.fullmatch(token)
        if number and not _in_range(token, number[1] or b"", number[2] or b"0"):
            shown = token.decode() if len(token) <= 40 else f"{token[:40].decode()}…"
            _refuse("number_out_of_range", field, f"contains the number {shown}", "send it as a string")


def _in_range(number: bytes, decimals: bytes, exponent: bytes) -> bool:
    digits = exponent.lstrip(b"-+").lstrip(b"0")
    if len(decimals) > MAX_DECIMALS or len(digits) > 4 or int(digits or b"0") > MAX_DECIMALS:
        return False
    return not isinf(float(number))


def _outside_strings(data: bytes) -> bytes:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b" ".join(data.split(b'"')[::2])


def _refuse(code: str, field: str, problem: str, hint: str) -> NoReturn:
    raise InvalidInput(f"{field}: {problem}", code=code, field=field, hint=hint)
