"""sdk/codec.py and sdk/problems.py: arguments to payload text and back, and what errors say."""

import datetime as dt
import enum
import inspect
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.errors import InvalidInput
from toril.sdk.codec import PayloadCodec, arguments_of
from toril.sdk.signature import Parameter, Signature, read_signature


def codec_of(function: Callable[..., Any]) -> PayloadCodec:
    return PayloadCodec(function.__name__, read_signature(function, {}))


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


class Shape(TypedDict):
    kind: Literal["circle", "square"]
    center: NotRequired[Point]


class Box(msgspec.Struct):
    low: int
    high: int


def thumbnail(path: str, size: int = 256) -> None:
    """Do nothing."""


def nested(points: list[Point], by_name: dict[str, Box], by_number: dict[int, str]) -> None:
    """Do nothing."""


def rest(path: str, **rest: float) -> None:
    """Do nothing."""


def test_arguments_come_back_as_keywords_with_defaults() -> None:
    codec = codec_of(thumbnail)
    assert codec.encode({"path": "a.png"}) == '{"path":"a.png"}'
    assert codec.decode('{"path":"a.png"}') == {"path": "a.png", "size": 256}


def test_a_default_is_the_functions_own_object() -> None:
    shared: list[int] = [1]

    def handler(items: list[int] = shared, color: Color = Color.RED, limit: float = float("inf")) -> None:
        """Do nothing."""

    arguments = codec_of(handler).decode("{}")
    assert arguments["items"] is shared
    assert arguments["color"] is Color.RED
    assert arguments["limit"] == float("inf")


def test_extra_keywords_are_checked_against_their_type() -> None:
    codec = codec_of(rest)
    assert codec.encode({"path": "a", "x": 1.5}) == '{"path":"a","x":1.5}'
    assert codec.decode('{"path":"a","x":1.5,"y":2}') == {"path": "a", "x": 1.5, "y": 2.0}
    with pytest.raises(InvalidInput, match=r"payload\.x: expected float, got str"):
        codec.decode('{"path":"a","x":"1"}')


SIMPLE = [
    (int, st.integers(-(2**70), 2**70)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)),
    (bool, st.booleans()),
    (bytes, st.binary(max_size=9)),
    (uuid.UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (dt.datetime, st.datetimes() | st.datetimes(timezones=st.just(dt.UTC))),
    (dt.date, st.dates()),
    (dt.timedelta, st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999))),
    (Color, st.sampled_from(list(Color))),
    (Point, st.builds(Point, st.integers(0, 9), st.floats(0, 1))),
    (Box, st.builds(Box, low=st.integers(), high=st.integers())),
    (Shape, st.fixed_dictionaries({"kind": st.sampled_from(["circle", "square"])})),
    (Any, st.none() | st.lists(st.integers(), max_size=3)),
    (Annotated[int, msgspec.Meta(ge=0)], st.integers(0)),
]


def composed(pair: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Return pairs of a type and a value of it: the type of `pair` itself, lists and dicts of it, or None."""
    kind: Any = pair[0]
    values = pair[1]
    return st.one_of(
        st.tuples(st.just(kind), values),
        st.tuples(st.just(list.__class_getitem__(kind)), st.lists(values, max_size=3)),
        st.tuples(
            st.just(dict.__class_getitem__((str, kind))),
            st.dictionaries(st.sampled_from("abc"), values, max_size=3),
        ),
        st.tuples(st.just(kind | None), st.none() | values) if kind is not Any else st.nothing(),
    )


NAMES = st.sampled_from(["path", "size", "copy", "items", "_hidden", "ctx2", "format", "größe"])
ARGUMENTS = st.dictionaries(NAMES, st.sampled_from(SIMPLE).flatmap(composed), max_size=4)


@given(ARGUMENTS)
def test_whatever_a_signature_takes_comes_back_as_it_was(arguments: dict[str, tuple[Any, Any]]) -> None:
    parameters = tuple(Parameter(name, kind) for name, (kind, _) in arguments.items())
    codec = PayloadCodec("handler", Signature(False, parameters, (), None))
    given_arguments = {name: value for name, (_, value) in arguments.items()}
    assert codec.decode(codec.encode(given_arguments)) == given_arguments


@pytest.mark.parametrize(
    ("handler", "payload", "field", "message"),
    [
        (thumbnail, '{"path":"a","size":"1"}', "payload.size", "payload.size: expected int, got str"),
        (thumbnail, "{}", "payload.path", "payload.path: is missing"),
        (thumbnail, '{"path":"a","sise":1}', "payload.sise", "payload.sise: is not a field"),
        (thumbnail, "[]", "payload", "payload: expected object, got array"),
        (thumbnail, '{"path":"a","size":1e999}', "payload.size", "payload.size: number out of range"),
        (nested, '{"points":[{"x":1},{"x":"1"}]}', "payload.points[1].x", "expected int, got str"),
        (nested, '{"points":[{}]}', "payload.points[0].x", "is missing"),
        (nested, '{"by_name":{"a":{"low":"1"}}}', "payload.by_name[...].low", "expected int, got str"),
        (nested, '{"by_number":{"a":"b"}}', "payload.by_number", "expected int, got str"),
    ],
)
def test_an_error_names_the_path_of_the_field(
    handler: Callable[..., Any], payload: str, field: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        codec_of(handler).decode(payload)
    assert (caught.value.code, caught.value.field) == ("invalid_payload", field)
    assert message in caught.value.message


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        codec_of(thumbnail).decode('{"pth":"a"}')
    assert caught.value.hint == "did you mean 'path'?"
    with pytest.raises(InvalidInput) as caught:
        codec_of(thumbnail).decode('{"zzz":"a"}')
    assert caught.value.hint == "it takes path, size"


def test_hostile_field_names_stay_short_in_messages() -> None:
    with pytest.raises(InvalidInput) as caught:
        codec_of(thumbnail).decode('{"%s":"a"}' % ("x` - at `$.y" * 10_000))
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("payload", ["", "{", "nul", '{"path":"a"} x', "\ud800", '{"path":"\\ud800"}'])
def test_text_that_is_not_json_is_said_to_be_that(payload: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        codec_of(thumbnail).decode(payload)
    assert caught.value.code == "invalid_json"


def test_nesting_beyond_all_reason_is_refused() -> None:
    def handler(value: Any) -> None:
        """Do nothing."""

    loop: list[Any] = []
    loop.append(loop)
    codec = codec_of(handler)
    for call in (
        lambda: codec.decode('{"value":' + "[" * 100_000 + "]" * 100_000 + "}"),
        lambda: codec.encode({"value": loop}),
        lambda: codec.encode({"value": [[[[[]]]]]} | {"value": nest(70)}),
    ):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.code == "too_deep"


def test_whatever_a_types_own_code_raises_is_an_invalid_payload() -> None:
    @dataclass
    class Picky:
        x: int

        def __post_init__(self) -> None:
            raise (KeyError if self.x else ValueError)("not today")

    def handler(item: Picky) -> None:
        """Do nothing."""

    handler.__annotations__["item"] = Picky
    for x, message in ((0, "payload.item: not today"), (1, "payload: was refused: KeyError: 'not today'")):
        with pytest.raises(InvalidInput, match=message) as caught:
            codec_of(handler).decode(f'{{"item":{{"x":{x}}}}}')
        assert caught.value.code == "invalid_payload"


def nest(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\0b", "nul_character"),
        ("\ud800", "invalid_unicode"),
        (float("nan"), "number_out_of_range"),
        ([{"a": float("-inf")}], "number_out_of_range"),
        (10**309, "number_out_of_range"),
        (object(), "invalid_payload"),
        ({(1, 2): 3}, "invalid_payload"),
    ],
)
def test_what_can_not_be_recorded_is_refused_when_it_is_submitted(value: object, code: str) -> None:
    def handler(first: int, value: Any) -> None:
        """Do nothing."""

    with pytest.raises(InvalidInput) as caught:
        codec_of(handler).encode({"first": 1, "value": value})
    assert (caught.value.code, caught.value.field) == (code, "payload.value")


def test_null_is_not_mistaken_for_nan() -> None:
    def handler(value: Any) -> None:
        """Do nothing."""

    assert codec_of(handler).encode({"value": [None, "null", 1.5]}) == '{"value":[null,"null",1.5]}'


def test_arguments_are_named_as_python_would_name_them() -> None:
    codec = codec_of(thumbnail)
    assert codec.by_name(("a", 3), {}) == {"path": "a", "size": 3}
    assert codec.by_name(("a",), {"size": 3}) == {"path": "a", "size": 3}
    with pytest.raises(InvalidInput, match="takes 2 arguments by position, 3 given"):
        codec.by_name((1, 2, 3), {})
    with pytest.raises(InvalidInput, match=r"payload\.path: given twice"):
        codec.by_name(("a",), {"path": "b"})


def test_a_payload_may_be_any_mapping_and_nothing_else() -> None:
    assert arguments_of(None) == {}
    assert arguments_of(MappingProxyType({"a": 1})) == {"a": 1}
    with pytest.raises(InvalidInput, match="can't be a list"):
        arguments_of([1])


def test_every_keyword_is_one_the_function_can_be_called_with() -> None:
    def handler(a: int, b: str = "b", *, c: float = 1.0, **rest: int) -> Mapping[str, Any]:
        return {"a": a, "b": b, "c": c, **rest}

    arguments = codec_of(handler).decode('{"a":1,"z":2}')
    inspect.signature(handler).bind(**arguments)
    assert handler(**arguments) == {"a": 1, "b": "b", "c": 1.0, "z": 2}
