"""JSON Schemas as the documentation page shows them: tables of fields, types in a few words."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from toril.api.markup import Markup, join, prose, tag

Schema = Mapping[str, Any]


class Row(NamedTuple):
    """What a table says of a field or a parameter."""

    name: str
    required: bool
    type: Markup
    meaning: str


def fields_table(schema: Schema) -> Markup:
    """Return the fields of an object's schema as a table.

    Requests refuse unknown fields, so they are the closed schemas; only there does "required" ask something
    of the reader.
    """
    required = () if schema.get("additionalProperties", True) else schema["required"]
    return table(
        "Field",
        (
            Row(name, name in required, _field_type(field), field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ),
    )


def parameters_table(parameters: Iterable[Schema]) -> Markup:
    """Return a route's parameters as a table."""
    return table(
        "Parameter",
        (
            Row(each["name"], each.get("required", False), type_words(each["schema"]), each["description"])
            for each in parameters
        ),
    )


def table(what: str, rows: Iterable[Row]) -> Markup:
    """Return a table; `what` is what its rows are about."""
    head = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in (what, "Type", "Meaning"))))
    body = tag("tbody", *map(_row, rows))
    return tag("div", tag("table", head, body), class_="table", tabindex="0")


def _row(row: Row) -> Markup:
    mark = tag("span", "required", class_="required") if row.required else ""
    return tag(
        "tr",
        tag("th", tag("code", row.name), mark, scope="row"),
        tag("td", row.type, class_="type"),
        tag("td", prose(row.meaning)),
    )


def _field_type(schema: Schema) -> Markup:
    """Return the type of a field; that null stands for leaving it out is said once, not in every row."""
    if "anyOf" in schema and "default" in schema and schema["default"] is None:
        return _joined([type_words(option) for option in schema["anyOf"] if option.get("type") != "null"])
    return type_words(schema)


def type_words(schema: Schema) -> Markup:
    """Return a type in a few words; structures are linked."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return tag("a", name, href=f"#type-{name}")
    if "anyOf" in schema:
        return _joined([type_words(option) for option in schema["anyOf"]])
    kinds = schema.get("type")
    if kinds == "array":
        return join("array of ", type_words(schema.get("items", {})))
    if isinstance(kinds, list):
        return _joined([join(kind) for kind in kinds])
    if "format" in schema:
        return join("time" if schema["format"] == "date-time" else schema["format"])
    if "enum" in schema:
        return join("boolean" if kinds == "boolean" else "string")
    return join(kinds or "any JSON")


def _joined(words: list[Markup]) -> Markup:
    shown: list[str] = []
    for index, word in enumerate(words):
        shown += [" or ", word] if index else [word]
    return join(*shown)
