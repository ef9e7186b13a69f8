"""Query strings: the parameters of each route as a structure, and how they are read.

Nothing is ignored: a parameter that is misspelt, repeated or out of range is refused, because a list with
the wrong filter looks like a right one.
"""

from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from toril.domain.errors import InvalidInput
from toril.domain.lifecycle import Status
from toril.domain.names import MAX_NAME
from toril.operations.decoding import did_you_mean, explain, shortened
from toril.operations.lookup import MAX_ID

Record = TypeVar("Record", bound=Struct)

_MAX_PARAMETERS = 50


class NoQuery(Struct):
    """A route without parameters."""


class SubmitQuery(Struct):
    """Parameters of the routes that take jobs."""

    allow_unknown: Annotated[
        bool,
        Meta(
            description="Accept a name that no worker has registered; the job waits until one does. "
            "true or false (the default)."
        ),
    ] = False


class JobsQuery(Struct):
    """Parameters of the job list."""

    status: Annotated[
        Status | UnsetType, Meta(description=f"Only jobs with this status: {', '.join(Status)}.")
    ] = UNSET
    queue: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] | UnsetType,
        Meta(description="Only jobs of this queue."),
    ] = UNSET
    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] | UnsetType,
        Meta(description="Only jobs of this name."),
    ] = UNSET
    before: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_ID)] | UnsetType,
        Meta(description="Only jobs with a smaller id: where the page before this one ended."),
    ] = UNSET
    limit: Annotated[
        Annotated[int, Meta(ge=1, le=500)], Meta(description="Jobs per page, 1 to 500; default 50.")
    ] = 50
    include: Annotated[
        Literal["payload"] | UnsetType,
        Meta(
            description="`payload` adds payloads and results to the list, which leaves them out by default."
        ),
    ] = UNSET


def parse_query(query: bytes, record: type[Record]) -> Record:
    """Return the parameters in `query` as a `record`.

    Raises:
        InvalidInput: `unknown_parameter`, `repeated_parameter` or `invalid_parameter`.
    """
    values: dict[str, str] = {}
    for name, value in _pairs(query):
        if name not in record.__struct_fields__:
            raise _unknown(name, record)
        if name in values:
            raise InvalidInput(
                f"The parameter {name} is given twice.",
                code="repeated_parameter",
                field=name,
                hint="give it once",
            )
        values[name] = value
    try:
        return msgspec.convert(values, record, strict=False)
    except msgspec.ValidationError as error:
        reason = explain(error, record)
        raise InvalidInput(
            reason.message, code="invalid_parameter", field=reason.field, hint=reason.hint
        ) from None


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise InvalidInput(
            f"The query has more than {_MAX_PARAMETERS} parameters.",
            code="invalid_parameter",
            hint="give each parameter once",
        ) from None


def _unknown(name: str, record: type[Struct]) -> InvalidInput:
    known = record.__struct_fields__
    return InvalidInput(
        f"There is no parameter {shortened(name)!r}.",
        code="unknown_parameter",
        field=shortened(name),
        hint=did_you_mean(name, known) if known else "this route has no parameters",
    )
