"""sdk/encoding.py: what handlers return, as the record keeps it."""

import asyncio
from dataclasses import dataclass

import pytest

from toril.domain.errors import InvalidInput, PayloadTooLarge
from toril.sdk.control import Cancel
from toril.sdk.encoding import MAX_RESULT_BYTES, encode_result


@dataclass
class Size:
    width: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"a": [1, 2.5, True]}, '{"a":[1,2.5,true]}'),
        (b"ab", '"YWI="'),
        (Size(3), '{"width":3}'),
        ("é", '"é"'),
    ],
)
def test_results_become_json(value: object, text: str) -> None:
    assert encode_result(value, "job") == text


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (object(), "invalid_result"),
        (float("nan"), "number_out_of_range"),
        ("\0", "nul_character"),
        ("\ud800", "invalid_unicode"),
    ],
)
def test_a_result_that_can_not_be_recorded_is_refused_with_the_jobs_name(value: object, code: str) -> None:
    with pytest.raises(InvalidInput, match="job 'thumbnail' returned") as caught:
        encode_result(value, "thumbnail")
    assert (caught.value.code, caught.value.field) == (code, "result")


def test_common_mistakes_get_their_own_remedy() -> None:
    with pytest.raises(InvalidInput) as caught:
        encode_result(Cancel("no"), "thumbnail")
    assert caught.value.hint == "raise Cancel instead of returning it"
    coroutine = asyncio.sleep(0)
    with pytest.raises(InvalidInput) as caught:
        encode_result(coroutine, "thumbnail")
    coroutine.close()
    assert caught.value.hint == "await it before returning"


def test_a_result_over_the_limit_is_refused() -> None:
    fits = "é" * (MAX_RESULT_BYTES // 2 - 1)
    assert encode_result(fits, "thumbnail") == f'"{fits}"'
    with pytest.raises(PayloadTooLarge, match="thumbnail"):
        encode_result(fits + "a", "thumbnail")
