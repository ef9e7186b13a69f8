"""sdk/schema.py: the schema accepts what decoding accepts."""

import datetime as dt
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.errors import InvalidInput
from toril.sdk.jobtype import define


class Color(enum.Enum):
    """Colours we have."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.0


class Shape(TypedDict, total=False):
    kind: Literal["circle", 4]
    center: Point


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


def everything(
    path: Annotated[str, msgspec.Meta(min_length=1, description="Where it is.")],
    size: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5,
    *,
    price: Decimal = Decimal(0),
    color: Color | None = None,
    point: Point | None = None,
    shape: Shape | None = None,
    figure: Circle | Square | None = None,
    pairs: list[tuple[int, str]] = [],  # noqa: B006  # on purpose
    table: dict[str, bool] | None = None,
    anything: Any = 1,
) -> None:
    """Take one of each.

    And say no more.
    """


def open_ended(path: str, **rest: int | str) -> None:
    """Do nothing."""


JOB = define(everything, {})
SCHEMA: dict[str, Any] = json.loads(JOB.schema)


def test_the_schema_is_titled_described_and_closed() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (SCHEMA["title"], SCHEMA["description"]) == ("everything", "Take one of each.")
    assert (SCHEMA["required"], SCHEMA["additionalProperties"]) == (["path"], False)
    assert SCHEMA["properties"]["path"]["description"] == "Where it is."
    assert SCHEMA["properties"]["size"]["default"] == 5
    assert SCHEMA["$defs"]["Color"]["description"] == "Colours we have."


def test_every_reference_stays_inside() -> None:
    for target in JOB.schema.split('"$ref":"')[1:]:
        name = target.split('"')[0]
        assert name.removeprefix("#/$defs/") in SCHEMA["$defs"]


def test_a_handler_without_parameters_takes_the_empty_object_only() -> None:
    def handler() -> None:
        """Do nothing."""

    validator = jsonschema_rs.validator_for(json.loads(define(handler, {}).schema))
    assert validator.is_valid({})
    assert not validator.is_valid({"a": 1})


def test_extra_keywords_open_the_schema_to_their_type() -> None:
    assert json.loads(define(open_ended, {}).schema)["additionalProperties"] == {
        "anyOf": [{"type": "integer"}, {"type": "string"}]
    }


# No floats that are whole: JSON Schema takes 5.0 for an integer, decoding doesn't.
LEAVES = st.none() | st.booleans() | st.integers(-1, 10) | st.sampled_from([0.5, 2.5])
LEAVES |= st.sampled_from(["", "red", "circle", "Circle", "Square", "1.5"])
KEYS = st.sampled_from(["x", "y", "kind", "center", "type", "radius", "side", "z"])
TREES = st.recursive(
    LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(KEYS, t, max_size=3), max_leaves=6
)
FIELDS = [name for name in SCHEMA["properties"] if name != "price"]
PAYLOADS = st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), TREES, max_size=4)
LIKELY = st.fixed_dictionaries({"path": st.just("a")}, optional=dict.fromkeys(FIELDS[1:], TREES))


@given(PAYLOADS | LIKELY)
def test_the_schema_accepts_what_decoding_accepts(payload: dict[str, Any]) -> None:
    accepted = True
    try:
        JOB.bind(json.dumps(payload))
    except InvalidInput:
        accepted = False
    assert jsonschema_rs.is_valid(SCHEMA, payload) == accepted


@pytest.mark.parametrize("price", ["1.5", 1, 1.5])
def test_decimals_may_be_numbers_or_strings(price: object) -> None:
    payload = {"path": "a", "price": price}
    assert jsonschema_rs.is_valid(SCHEMA, payload)
    assert JOB.bind(json.dumps(payload))["price"] == Decimal(str(price))


class Plain:
    pass


def plain_class(thing: Plain) -> None:
    """Do nothing."""


def in_a_list(things: list[complex]) -> None:
    """Do nothing."""


def two_dataclasses(thing: Point | dt.date | uuid.UUID) -> None:
    """Do nothing."""


def callback(then: Callable[[], None]) -> None:
    """Do nothing."""


@pytest.mark.parametrize("handler", [plain_class, in_a_list, two_dataclasses, callback])
def test_types_that_json_can_not_carry_are_refused_by_the_decorator(handler: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="can't be read from JSON") as caught:
        define(handler, {})
    assert handler.__name__ in str(caught.value)
