"""sdk/models.py: pydantic models as arguments and results, and no pydantic without them."""

import datetime as dt
import subprocess
import sys
from typing import Any

import jsonschema_rs
import msgspec
import pydantic
import pytest

from toril.domain.errors import InvalidInput
from toril.sdk.jobtype import JobType, define


class Line(pydantic.BaseModel):
    sku: str
    count: int = pydantic.Field(ge=1)


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    placed: dt.datetime
    lines: list[Line]
    note: str = pydantic.Field(default="", alias="Note")
    parent: "Order | None" = None

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        return sum(line.count for line in self.lines)


def ship(order: Order, spare: Line | None = None, more: list[Line] = []) -> None:  # noqa: B006  # on purpose
    """Do nothing."""


SHIP = define(ship, {})
ORDER = Order(placed=dt.datetime(2030, 1, 1, tzinfo=dt.UTC), lines=[Line(sku="a", count=2)], Note="hi")


def test_a_model_comes_back_as_it_was() -> None:
    arguments = {"order": ORDER, "spare": Line(sku="b", count=1), "more": [Line(sku="c", count=3)]}
    assert SHIP.bind(SHIP.encode(arguments)) == arguments


def test_a_models_fields_may_be_given_as_a_dict() -> None:
    payload = SHIP.encode({"order": {"placed": "2030-01-01T00:00:00Z", "lines": []}})
    assert SHIP.bind(payload)["order"].lines == []


@pytest.mark.parametrize(
    ("order", "field", "message"),
    [
        ({"placed": "2030-01-01T00:00:00Z"}, "payload.order.lines", "field required"),
        (
            {"placed": "2030-01-01T00:00:00Z", "lines": [{"sku": "a", "count": 0}]},
            "payload.order.lines[0].count",
            "greater than or equal to 1",
        ),
        (3, "payload.order", "object"),
    ],
)
def test_what_a_model_refuses_is_named_by_its_path(order: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SHIP.encode({"order": order})
    assert (caught.value.code, caught.value.field) == ("invalid_payload", field)
    assert message in caught.value.message
    assert "errors.pydantic.dev" not in caught.value.message


def test_whatever_a_validator_or_serializer_raises_is_said_to_be_that() -> None:
    class Odd(pydantic.BaseModel):
        value: int

        @pydantic.field_validator("value")
        @classmethod
        def check(cls, value: int) -> int:
            return {1: 1}[value]

        @pydantic.field_serializer("value")
        def write(self, value: int) -> int:
            return {1: 1}[value + 1]

    def handler(odd: Odd) -> None:
        """Do nothing."""

    job = define(handler, locals())
    with pytest.raises(InvalidInput, match=r"payload\.odd: was refused: KeyError: 2") as caught:
        job.encode({"odd": {"value": 2}})
    assert caught.value.field == "payload.odd"
    with pytest.raises(InvalidInput, match="can't be written as JSON"):
        job.encode_result(Odd(value=1))


def test_a_model_deep_in_a_list_is_named_by_the_whole_path() -> None:
    order = ORDER.model_dump(mode="json", by_alias=True, round_trip=True)
    with pytest.raises(InvalidInput) as caught:
        SHIP.encode({"order": order, "more": [{"sku": "a", "count": 1}, {"sku": "a", "count": "x"}]})
    assert caught.value.field == "payload.more[1].count"


def test_a_result_may_be_a_model() -> None:
    assert SHIP.encode_result([Line(sku="a", count=2)]) == '[{"sku":"a","count":2}]'


def test_nan_in_a_model_is_refused_too() -> None:
    class Measure(pydantic.BaseModel):
        value: float

    with pytest.raises(InvalidInput) as caught:
        SHIP.encode_result(Measure(value=float("nan")))
    assert caught.value.code == "number_out_of_range"


def test_the_schema_contains_the_models_and_all_they_refer_to() -> None:
    validator = jsonschema_rs.validator_for(msgspec.json.decode(SHIP.schema))
    assert validator.is_valid(msgspec.json.decode(SHIP.encode({"order": ORDER})))
    assert not validator.is_valid({"order": {"placed": "2030-01-01T00:00:00Z"}})
    deep = {"placed": "2030-01-01T00:00:00Z", "lines": [], "parent": {"placed": "x", "lines": [{"sku": "a"}]}}
    assert not validator.is_valid({"order": deep})


def test_models_of_the_same_name_keep_their_own_schemas() -> None:
    def other() -> Any:
        class Line(pydantic.BaseModel):
            other: int

        return Line

    def handler(first: Any, second: Any) -> None:
        """Do nothing."""

    handler.__annotations__ = {"first": Line, "second": other()}
    job: JobType = define(handler, {})
    validator = jsonschema_rs.validator_for(msgspec.json.decode(job.schema))
    assert validator.is_valid({"first": {"sku": "a", "count": 1}, "second": {"other": 1}})
    assert not validator.is_valid({"first": {"other": 1}, "second": {"sku": "a", "count": 1}})


def test_pydantic_is_not_imported_unless_the_application_does() -> None:
    program = "import sys, toril; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
