import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.errors import InvalidInput
from toril.operations.payload_schema import compile_schema


def complaint(schema: Any, payload: Any, size: int = 100) -> InvalidInput | None:
    try:
        compile_schema("thumbnail", json.dumps(schema)).check(payload, size)
    except InvalidInput as error:
        return error
    return None


def properties(**schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": schemas, "additionalProperties": False}


INTEGER = {"type": "integer"}
OPTIONAL = {"anyOf": [INTEGER, {"type": "null"}]}
MIXED = {"type": ["string", "number"]}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "payload", "field", "message"),
    [
        (properties(a=INTEGER), {"a": "1"}, "payload.a", "must be an integer, not a string"),
        (properties(a=INTEGER), {"a": True}, "payload.a", "must be an integer, not true"),
        (properties(a=INTEGER), {"a": None}, "payload.a", "must be an integer, not null"),
        (properties(a=MIXED), {"a": []}, "payload.a", "must be a number or a string"),
        (properties(a=OPTIONAL), {"a": {}}, "payload.a", "must be an integer or null"),
        (properties(a={"enum": ["x", 1]}), {"a": "y"}, "payload.a", 'must be one of "x", 1'),
        (properties(a={"const": "x"}), {"a": "y"}, "payload.a", 'must be "x"'),
        (properties(a={"maximum": 3}), {"a": 4}, "payload.a", "is greater than the maximum of 3"),
        (properties(a={"minLength": 2}), {"a": "x"}, "payload.a", "is shorter than 2 characters"),
        (properties(a={"pattern": "^x"}), {"a": "y"}, "payload.a", 'does not match "^x"'),
        (properties(a={"items": INTEGER}), {"a": [1, 2, "x"]}, "payload.a[2]", "must be an integer"),
        (properties(a={"maxItems": 1}), {"a": [1, 2]}, "payload.a", "has more than 1 item"),
        (properties(a={"uniqueItems": True}), {"a": [1, 1]}, "payload.a", "has non-unique elements"),
        ({"required": ["a"]}, {}, "payload.a", "is missing"),
        (properties(a=INTEGER), {"b": 1}, "payload.b", "is unknown"),
        (properties(a=properties(b=INTEGER)), {"a": {"c": 1}}, "payload.a.c", "is unknown"),
        (properties(a={"type": "string", "format": "date"}), {"a": 1}, "payload.a", "must be a string"),
        (False, {}, "payload", "False schema does not allow"),
    ],
)  # fmt: skip
def test_complaints_name_the_field_and_say_what_was_expected(
    schema: Any, payload: Any, field: str, message: str
) -> None:
    error = complaint(schema, payload)

    assert error is not None
    assert (error.code, error.field) == ("invalid_payload", field)
    assert error.message.startswith(f"{field} {message}")
    assert error.message.endswith(" (job 'thumbnail').")


def test_an_unknown_argument_is_named_before_the_missing_one_it_probably_is() -> None:
    schema = {**properties(url=TEXT, width=INTEGER), "required": ["url", "width"]}

    error = complaint(schema, {"url": "x", "widht": 1})

    assert error is not None
    assert (error.field, error.hint) == ("payload.widht", "did you mean 'width'?")


def test_a_union_tells_what_is_wrong_in_the_branch_that_comes_nearest() -> None:
    style = {**properties(format=TEXT, quality=INTEGER), "required": ["format"]}
    schema = properties(style={"anyOf": [{"$ref": "#/$defs/Style"}, {"type": "null"}]})

    error = complaint({**schema, "$defs": {"Style": style}}, {"style": {"format": "x", "quality": "high"}})

    assert error is not None
    assert error.field == "payload.style"
    assert "quality must be an integer, not a string" in error.message


def test_the_handlers_own_description_is_the_remedy() -> None:
    error = complaint(properties(a={**INTEGER, "description": "Pixels."}), {"a": "wide"})

    assert error is not None
    assert error.hint == "Pixels."


def test_values_are_not_repeated_because_they_may_be_huge_or_private() -> None:
    for schema in [TEXT, {"maximum": 3}, {"pattern": "^x"}, {"format": "email"}]:
        error = complaint(properties(a=schema), {"a": 12345678 if schema is TEXT else "hunter2" * 9})
        if error is not None:
            assert "hunter2" not in f"{error.message}{error.hint}"
            assert "12345678" not in error.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "3",
        "[]",
        '{"type": "banana"}',
        '{"properties": {"a": {"pattern": "("}}}',
        '{"$ref": "#/$defs/nowhere"}',
        '{"$ref": "http://127.0.0.1:9/schema"}',
        '{"$ref": "https://example.com/schema"}',
        '{"$ref": "file:///etc/passwd"}',
        '{"$schema": "https://example.com/dialect", "$ref": "https://example.com/schema"}',
        "[" * 100_000,
    ],
)
def test_a_schema_that_can_not_be_used_accepts_everything_and_says_why(text: str) -> None:
    schema = compile_schema("thumbnail", text)

    assert schema.broken
    assert len(schema.broken) <= 301
    schema.check({"anything": [1]}, 20)


def test_nothing_is_ever_fetched() -> None:
    schema = compile_schema("thumbnail", '{"$ref": "http://127.0.0.1:9/schema"}')

    assert "was not fetched" in (schema.broken or "")


@pytest.mark.parametrize("text", ["true", "{}", '{"type": "object"}', '{"$ref": "#"}'])
def test_a_schema_may_accept_everything(text: str) -> None:
    schema = compile_schema("thumbnail", text)

    assert schema.broken is None
    schema.check({"anything": {"at": ["all"]}}, 20)


def test_recursive_schemas_meet_deep_payloads() -> None:
    payload: dict[str, Any] = {}
    for _ in range(60):
        payload = {"a": payload}

    assert complaint({"type": "object", "properties": {"a": {"$ref": "#"}}}, payload) is None
    error = complaint({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, payload)
    assert error is not None
    assert len(error.field or "") <= 201


def test_what_goes_past_the_librarys_limits_is_a_complaint_too() -> None:
    payload: dict[str, Any] = {}
    for _ in range(600):
        payload = {"a": payload}

    error = complaint({"enum": [1]}, payload)

    assert error is not None
    assert error.field == "payload"


def test_explaining_a_huge_misfit_does_not_hold_up_the_event_loop() -> None:
    items = {"type": "array", "items": INTEGER}
    for schema in (properties(a=items), properties(a={"anyOf": [items, {"type": "null"}]})):
        started = time.process_time()
        error = complaint(schema, {"a": ["x"] * 65_000}, size=260_000)
        assert error is not None
        assert time.process_time() - started < 0.1


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
_payloads = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
_leaves = st.sampled_from(
    [
        True,
        False,
        {},
        INTEGER,
        OPTIONAL,
        MIXED,
        {"enum": [10**400, None, {"a": [1]}]},
        {"const": {"a": 1.5}},
        {"minimum": 3, "multipleOf": 0.1},
        {"format": "date", "pattern": "^(a+)+$"},
        {"not": {}},
        {"$ref": "#"},
    ]
)
_schemas = st.recursive(
    _leaves,
    lambda inner: (
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"items": inner, "contains": inner, "uniqueItems": st.booleans()})
        | st.fixed_dictionaries(
            {
                "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
                "required": st.just(["a"]),
                "additionalProperties": st.just(False) | inner,
                "propertyNames": inner,
                "dependentRequired": st.just({"b": ["c"]}),
            }
        )
        | st.fixed_dictionaries({"if": inner, "then": inner, "else": inner, "unevaluatedProperties": inner})
    ),
    max_leaves=6,
)


@given(_schemas, _payloads)
def test_whatever_does_not_fit_is_told_in_a_sentence(schema: Any, payload: Any) -> None:
    error = complaint(schema, payload)

    assert error is None or error.message.endswith(" (job 'thumbnail').")
