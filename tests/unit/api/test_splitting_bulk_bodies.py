import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.api.splitting import ArraySplitter, LineSplitter, Splitter
from toril.domain.errors import InvalidInput

NASTY = ["", "}", "{", '"', '\\"', "\\", "[,]", "\n", "é", "\u2028", 'a"},{"b']

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(NASTY),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(NASTY), inner, max_size=4)
    ),
    max_leaves=10,
)
documents = st.lists(
    st.dictionaries(st.text(max_size=4) | st.sampled_from(NASTY), values, max_size=4), max_size=6
)


@given(documents, st.data())
def test_an_array_is_cut_the_same_however_it_arrives(jobs: list[Any], data: st.DataObject) -> None:
    body = json.dumps(jobs, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.none() | st.just(1)))

    texts = _split(ArraySplitter(10_000), body.encode(), data)

    assert [json.loads(text) for text in texts] == jobs


@given(documents, st.data())
def test_lines_are_cut_the_same_however_they_arrive(jobs: list[Any], data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(["\n", "\r\n", "\n\n", "\n \n"]))
    body = ending.join(json.dumps(job) for job in jobs) + data.draw(st.sampled_from(["", ending]))

    texts = _split(LineSplitter(10_000), body.encode(), data)

    assert [json.loads(text) for text in texts] == jobs


@pytest.mark.parametrize("splitter", [ArraySplitter, LineSplitter])
@given(body=st.binary(max_size=200) | st.text(alphabet='[]{},":\\ \n1a', max_size=60).map(str.encode))
def test_anything_else_is_refused_or_left_to_the_parser(
    splitter: Callable[[int], Splitter], body: bytes
) -> None:
    try:
        texts = list(splitter(50).feed(body, last=True))
    except InvalidInput:
        return
    assert all(len(text) <= 50 for text in texts)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "invalid_json", None),
        (b"  ", "invalid_json", None),
        (b"{}", "invalid_type", None),
        (b"null", "invalid_type", None),
        (b"[", "invalid_json", None),
        (b"[{}", "invalid_json", None),
        (b"[{},", "invalid_json", None),
        (b'[{"a": "', "invalid_json", None),
        (b"[{},]", "invalid_json", None),
        (b"[,{}]", "invalid_json", None),
        (b"[{}{}]", "invalid_json", None),
        (b"[{}]]", "invalid_json", None),
        (b"[{}] {}", "invalid_json", None),
        (b"[{}}]", "invalid_json", None),
        (b"[{}, 1]", "invalid_type", "[1]"),
        (b"[[]]", "invalid_type", "[0]"),
        (b'["a"]', "invalid_type", "[0]"),
        (b"[{}, null]", "invalid_type", "[1]"),
        (b'[{}, {"a": "xxxxxxxxxxxxxxxxxxxxxxxx"}]', "too_large", "[1]"),
        (b'[{}, {"a": "xxxxxxxxxxxxxxxxxxxxxxxx', "too_large", "[1]"),
    ],
)
def test_a_wrong_array_is_refused_where_it_goes_wrong(body: bytes, code: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        list(ArraySplitter(20).feed(body, last=True))

    assert (caught.value.code, caught.value.field) == (code, field)


def test_an_endless_line_is_refused_before_it_ends() -> None:
    splitter = LineSplitter(20)
    assert list(splitter.feed(b"{}\n\n{}\n{", last=False)) == [b"{}", b"{}"]

    with pytest.raises(InvalidInput, match="Line 4 is larger than 20 bytes"):
        list(splitter.feed(b"x" * 20, last=False))


def test_an_endless_object_is_refused_before_it_ends() -> None:
    splitter = ArraySplitter(20)
    assert list(splitter.feed(b"[{},{", last=False)) == [b"{}"]

    with pytest.raises(InvalidInput, match="Job 2 is larger than 20 bytes"):
        list(splitter.feed(b"x" * 20, last=False))


def _split(splitter: Splitter, body: bytes, data: st.DataObject) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]
    return [
        text
        for index, piece in enumerate(pieces)
        for text in splitter.feed(piece, last=index == len(pieces) - 1)
    ]
