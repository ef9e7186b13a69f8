"""Reads a handler's signature: which of its parameters a payload has to fill, and with what.

A payload is a JSON object, the arguments by name; so what can only be passed by position is refused when the
function is decorated, with the function's name and the remedy.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, get_type_hints

from toril.sdk.context import JobContext

REQUIRED = inspect.Parameter.empty
"""The default of a parameter that has none."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that the payload fills: its name, its resolved annotation (or Any), and its default."""

    name: str
    annotation: Any
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes.

    Attributes:
        takes_context: whether its first parameter is the job's context.
        parameters: those that the payload fills, in order.
        positional: the names among them that callers may also pass by position, in order.
        extra: the parameter `**kwargs`, which takes fields of any other name; None without one.
    """

    takes_context: bool
    parameters: tuple[Parameter, ...]
    positional: tuple[str, ...]
    extra: Parameter | None


def function_name(function: Callable[..., Any]) -> str:
    """Return the full name of a function, for messages."""
    return f"{function.__module__}.{function.__qualname__}"


def read_signature(function: Callable[..., Any], local_names: Mapping[str, Any]) -> Signature:
    """Return what `function` takes.

    Args:
        function: a plain function, sync or async.
        local_names: what is defined where it is defined, for annotations that are strings.

    Raises:
        TypeError: it can't be a handler; the message names it and says what to change.
    """
    _check_kind(function)
    found = list(inspect.signature(function).parameters.values())
    takes_context = bool(found) and _is_context(found[0])
    payload = found[1:] if takes_context else found
    for parameter in payload:
        _check_parameter(function, parameter)
    types = _annotations(function, [parameter.name for parameter in payload], local_names)
    named = [p for p in payload if p.kind is not inspect.Parameter.VAR_KEYWORD]
    extra = [p for p in payload if p.kind is inspect.Parameter.VAR_KEYWORD]
    return Signature(
        takes_context=takes_context,
        parameters=tuple(Parameter(p.name, types.get(p.name, Any), p.default) for p in named),
        positional=tuple(p.name for p in named if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD),
        extra=Parameter(extra[0].name, types.get(extra[0].name, Any)) if extra else None,
    )


def _check_kind(function: object) -> None:
    if not inspect.isfunction(function):
        raise TypeError(f"{function!r} can't be a job handler: decorate a plain function (def or async def)")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{function_name(function)} is a generator: a job handler returns its result, it doesn't yield"
        )


def _is_context(first: inspect.Parameter) -> bool:
    if first.kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        return False
    annotation = first.annotation
    if isinstance(annotation, str):  # it may be importable for type checkers only
        return first.name == "ctx" or annotation.strip("'\"").split(".")[-1] == JobContext.__name__
    return first.name == "ctx" or (isinstance(annotation, type) and issubclass(annotation, JobContext))


def _check_parameter(function: Callable[..., Any], parameter: inspect.Parameter) -> None:
    problem = _problem_with(parameter)
    if problem is not None:
        raise TypeError(f"{function_name(function)} can't be a job handler: {problem}")


def _problem_with(parameter: inspect.Parameter) -> str | None:
    name = parameter.name
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return (
            f"its parameter {name!r} can be passed by position only, and a payload names its arguments; "
            f"remove the `/` (or name it `ctx`, if it is the context)"
        )
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"a payload can't fill `*{name}`; take a list instead, such as `{name}: list[str]`"
    if name in ("self", "cls"):
        return "it is a method; move it to the module's level and pass what it needs"
    if name.startswith("__"):
        return f"its parameter {name!r} starts with two underscores; rename it"
    return None


def _annotations(
    function: Callable[..., Any], names: list[str], local_names: Mapping[str, Any]
) -> dict[str, Any]:
    # Only those of the payload: others may name types that are imported for type checkers only.
    raw = {name: function.__annotations__[name] for name in names if name in function.__annotations__}
    namespace = inspect.unwrap(function).__globals__
    try:
        return get_type_hints(
            SimpleNamespace(__annotations__=raw), namespace, dict(local_names), include_extras=True
        )
    except Exception as error:
        raise TypeError(
            f"{function_name(function)} can't be a job handler: its annotations can't be read ({error}); "
            f"import the types of its parameters at run time, at the module's level"
        ) from error
