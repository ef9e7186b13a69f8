"""The JSON Schema (2020-12) of a handler's payload: what the API and dashboards check and show.

It accepts what decoding accepts, as far as JSON Schema can tell: it takes 5.0 for an integer, which decoding
doesn't, and does not look into the keys of a `dict[int, …]`.
"""

from typing import Any

import msgspec

from toril.sdk import models
from toril.sdk.signature import Signature

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/"


def payload_schema(
    title: str, description: str, struct: type[msgspec.Struct], signature: Signature
) -> dict[str, Any]:
    """Return the schema of the payloads that `struct` decodes, self-contained.

    Raises:
        TypeError: a parameter has a type that can't be read from JSON.
    """
    extra = signature.extra.annotation if signature.extra else None
    schema_of_models = _ModelSchemas()
    (root_ref, extra_schema), definitions = msgspec.json.schema_components(
        (struct, extra), schema_hook=schema_of_models, ref_template=_DEFS + "{name}"
    )
    root = definitions.pop(root_ref["$ref"].removeprefix(_DEFS))
    for part in (root, extra_schema, definitions):
        _accept_decimal_numbers(part)
    root["additionalProperties"] = extra_schema if signature.extra else False
    definitions |= schema_of_models.definitions
    schema = {"$schema": DIALECT, **root, "title": title}
    if description:
        schema["description"] = description
    if definitions:
        schema["$defs"] = definitions
    return schema


class _ModelSchemas:
    """msgspec's schema hook: collects the schemas of pydantic models and what they refer to."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def __call__(self, kind: Any) -> dict[str, Any]:
        if not models.is_model(kind):
            raise TypeError(f"{kind!r} can't be read from JSON")
        key = "".join(c if c.isalnum() else "." for c in f"{kind.__module__}.{kind.__qualname__}")
        if key not in self.definitions:
            schema = kind.model_json_schema(ref_template=f"{_DEFS}{key}.{{model}}")
            nested = schema.pop("$defs", {})
            self.definitions |= {f"{key}.{name}": inner for name, inner in nested.items()}
            self.definitions[key] = schema
        return {"$ref": _DEFS + key}


def _accept_decimal_numbers(schema: Any) -> None:
    """Let numbers pass where a Decimal is expected: decoding takes both, msgspec's schema only strings."""
    if isinstance(schema, list):
        for item in schema:
            _accept_decimal_numbers(item)
    elif isinstance(schema, dict):
        if schema.get("format") == "decimal" and schema.get("type") == "string":
            schema["type"] = ["string", "number"]
        for item in schema.values():
            _accept_decimal_numbers(item)
