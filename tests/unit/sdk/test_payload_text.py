"""domain/payload.py: what the record can hold, compared with what decoding the same text gives."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.errors import InvalidInput
from toril.domain.payload import MAX_DECIMALS, MAX_DEPTH, check_json_text, storable_text


def code_of(text: str | bytes) -> str | None:
    try:
        check_json_text(text)
    except InvalidInput as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (r'{"a": "b"}', None),
        (r'{"a": "\u0000"}', "nul_character"),
        (r'{"\u0000": 1}', "nul_character"),
        (r'{"a": "\\u0000"}', None),
        (r'{"a": "\\\u0000"}', "nul_character"),
        (r'{"a": "\ud83d\ude00"}', None),
        (r'{"a": "\ud83d"}', "invalid_unicode"),
        (r'{"a": "\ude00"}', "invalid_unicode"),
        (r'{"a": "\ude00\ud83d"}', "invalid_unicode"),
        (r'{"a": "\ud83d\\\ude00"}', "invalid_unicode"),
        (r'{"a": "\\ud83d"}', None),
        (r'{"a": "\ud83d\ude00\ude00"}', "invalid_unicode"),
        (b'"\xff"', "invalid_unicode"),
        (b'"\xed\xa0\x80"', "invalid_unicode"),
        ('"\ud800"', "invalid_unicode"),
        ("1e308", None),
        ("1e309", "number_out_of_range"),
        ("-1e999", "number_out_of_range"),
        ("1E+999", "number_out_of_range"),
        ("5e-324", None),
        ("1e-1001", "number_out_of_range"),
        ("0e9999", "number_out_of_range"),
        ("1" + "0" * 308, None),
        ("1" + "0" * 309, "number_out_of_range"),
        ("0." + "1" * MAX_DECIMALS, None),
        ("0." + "1" * (MAX_DECIMALS + 1), "number_out_of_range"),
        ("1e" + "0" * 5000 + "1", None),
        ("1e" + "9" * 5000, "number_out_of_range"),
        ('{"a": "1e999", "e": "0e000"}', None),
        (r'{"a": "\"1e999", "b": 1e2}', None),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "too_deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "too_deep"),
        ("[" + "[{}]," * 1000 + "[]]", None),
        ('["' + "[" * 1000 + '"]', None),
    ],
)
def test_text_that_the_record_cannot_hold_is_refused_with_a_stable_code(
    text: str | bytes, code: str | None
) -> None:
    assert code_of(text) == code


def test_the_error_names_the_field_and_the_remedy() -> None:
    with pytest.raises(InvalidInput, match="result: contains a NUL character") as caught:
        check_json_text(r'"\u0000"', field="result")
    assert caught.value.field == "result"
    assert caught.value.hint


PIECES = [r"\\", r"\"", r"\n", r"\u0000", r"\u0041", r"\ud83d", r"\uDe00", r"\uD83D", r"\ude00"]
PIECES += ["u0000", "ud83d", "1e999", "[", "{", "}", "]", ",", "é", "😀", "0e000"]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_escapes_are_read_as_a_json_parser_reads_them(pieces: list[str]) -> None:
    text = '["' + "".join(pieces) + '", 1]'
    [string, _] = json.loads(text)
    expected = "invalid_unicode" if has_half_a_pair(string) else None
    if "\0" in string:
        expected = "nul_character"
    assert code_of(text) == expected
    assert code_of(text.encode()) == expected


INTEGERS = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(0{0,400})", fullmatch=True).filter(
    lambda digits: digits.lstrip("-") == "0" or not digits.lstrip("-").startswith("0")
)
DECIMALS = st.from_regex(r"(\.0{0,1005}[0-9]{1,3})?", fullmatch=True)
EXPONENTS = st.from_regex(r"([eE][-+]?0{0,3}[0-9]{1,5})?", fullmatch=True)


@given(INTEGERS, DECIMALS, EXPONENTS)
def test_numbers_pass_exactly_when_they_are_moderate(whole: str, decimals: str, exponent: str) -> None:
    text = whole + decimals + exponent
    power = int(exponent[1:] or "0")
    moderate = abs(power) <= MAX_DECIMALS and len(decimals) <= MAX_DECIMALS + 1
    fits = moderate and abs(Decimal(text)) < Decimal(2) ** 1024 - Decimal(2) ** 970
    assert (code_of(f'{{"a": [{text}, true]}}') is None) == fits
    if fits:
        msgspec.json.decode(text)


TEXTS = st.text(st.characters(codec=None, categories=["L", "N", "P", "S", "Z", "Cc", "Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


@given(VALUES, st.booleans(), st.integers(0, 70))
def test_whole_values_are_refused_for_what_they_contain_and_nothing_else(
    value: Any, ascii_only: bool, wraps: int
) -> None:
    for _ in range(wraps):
        value = [value]
    text = json.dumps(value, ensure_ascii=ascii_only)
    code = code_of(text)
    strings = list(strings_of(value))
    has_nul = any("\0" in string for string in strings)
    has_half = any(map(has_half_a_pair, strings))
    too_deep = depth_of(value) > MAX_DEPTH
    true_of_it = {"nul_character": has_nul, "invalid_unicode": has_half, "too_deep": too_deep}
    assert true_of_it[code] if code else not any(true_of_it.values())
    if code is None:
        assert msgspec.json.decode(text) == value


@given(st.binary(max_size=60) | st.text(alphabet='[]{}"\\u0deE19.-, ', max_size=300))
def test_text_that_is_not_json_gets_an_answer_too(text: bytes | str) -> None:
    code_of(text)


@given(st.text(st.characters(codec=None), max_size=30), st.integers(1, 40))
def test_storable_text_keeps_what_the_record_can_hold(text: str, limit: int) -> None:
    stored = storable_text(text, limit=limit)
    stored.encode()
    assert "\0" not in stored
    kept = text[:limit]
    if "\0" not in kept and not has_half_a_pair(kept):
        assert stored.startswith(kept)


def test_storable_text_says_how_much_it_has_cut_off() -> None:
    assert storable_text("a" * 1500, limit=10) == "aaaaaaaaaa… [1,490 more characters cut]"
    assert storable_text("a\0b\ud800", limit=10) == "a\\x00b\\ud800"


def has_half_a_pair(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


def depth_of(value: object) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return 0
    return 1 + max(map(depth_of, inner), default=0)
