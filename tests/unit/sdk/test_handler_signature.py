"""sdk/signature.py: which functions can be handlers, and what their payloads fill."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from msgspec import Meta

from toril.sdk.context import JobContext, RecordingContext
from toril.sdk.signature import REQUIRED, Parameter, Signature, read_signature

if TYPE_CHECKING:
    from decimal import Decimal


def read(function: Callable[..., Any], **local_names: object) -> Signature:
    return read_signature(function, local_names)


def test_parameters_keep_name_type_and_default() -> None:
    def handler(path: str, size: int = 256, *, fast: bool, anything=None) -> None:  # type: ignore[no-untyped-def]
        """Do nothing."""

    assert read(handler) == Signature(
        takes_context=False,
        parameters=(
            Parameter("path", str),
            Parameter("size", int, 256),
            Parameter("fast", bool),
            Parameter("anything", Any, None),
        ),
        positional=("path", "size"),
        extra=None,
    )


def test_annotated_types_keep_their_constraints() -> None:
    def handler(size: Annotated[int, Meta(ge=1)]) -> None:
        """Do nothing."""

    assert read(handler).parameters == (Parameter("size", Annotated[int, Meta(ge=1)], REQUIRED),)


def test_extra_fields_have_the_type_of_the_keyword_arguments() -> None:
    def handler(**rest: float) -> None:
        """Do nothing."""

    assert read(handler).extra == Parameter("rest", float)


def test_the_context_is_told_by_its_name_or_its_annotation() -> None:
    def by_name(ctx, path: str) -> None:  # type: ignore[no-untyped-def]
        """Do nothing."""

    def by_annotation(context: JobContext, path: str) -> None:
        """Do nothing."""

    def by_position(ctx: JobContext, /, path: str) -> None:
        """Do nothing."""

    async def alone(ctx: JobContext) -> None:
        """Do nothing."""

    for handler in (by_name, by_annotation, by_position):
        assert read(handler).takes_context
        assert [parameter.name for parameter in read(handler).parameters] == ["path"]
    assert read(alone) == Signature(takes_context=True, parameters=(), positional=(), extra=None)


def test_the_context_is_told_by_evaluated_annotations_too() -> None:
    def handler(context: object, path: str) -> None:
        """Do nothing."""

    handler.__annotations__ = {"context": RecordingContext, "path": str}
    assert read(handler).takes_context


def test_a_context_that_does_not_come_first_is_an_argument_like_others() -> None:
    def handler(path: str, ctx: int) -> None:
        """Do nothing."""

    assert not read(handler).takes_context
    assert [parameter.name for parameter in read(handler).parameters] == ["path", "ctx"]


def test_types_that_are_local_to_the_function_around_are_found() -> None:
    class Local:
        pass

    def handler(item: Local) -> None:
        """Do nothing."""

    assert read(handler, **locals()).parameters == (Parameter("item", Local),)


def test_a_return_type_for_type_checkers_only_is_no_obstacle() -> None:
    def handler(path: str) -> Decimal:
        raise NotImplementedError

    assert read(handler).parameters == (Parameter("path", str),)


def test_a_wrapped_function_shows_the_signature_it_wraps() -> None:
    def handler(path: str) -> None:
        """Do nothing."""

    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        return handler(*args, **kwargs)

    assert read(wrapper).parameters == (Parameter("path", str),)


def positional_only(path: str, /) -> None:
    """Do nothing."""


def many(*paths: str) -> None:
    """Do nothing."""


def method(self, path: str) -> None:  # type: ignore[no-untyped-def]
    """Do nothing."""


def private(__path: str) -> None:
    """Do nothing."""


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0)


def unknown_type(price: Decimal) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("function", "remedy"),
    [
        (positional_only, "remove the `/`"),
        (many, "list"),
        (method, "module's level"),
        (private, "rename it"),
        (generator, "returns its result"),
        (async_generator, "returns its result"),
        (unknown_type, "import the types"),
    ],
)
def test_a_function_that_no_payload_can_call_is_refused_by_name_with_a_remedy(
    function: Callable[..., Any], remedy: str
) -> None:
    with pytest.raises(TypeError) as caught:
        read(function)
    assert function.__name__ in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    "thing", [int, functools.partial(many), JobContext.log.__get__(1), staticmethod(many)]
)
def test_only_plain_functions_can_be_handlers(thing: Any) -> None:
    with pytest.raises(TypeError, match="plain function"):
        read(thing)
