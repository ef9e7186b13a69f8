"""What a row of the route table says about a route; the router and the OpenAPI document read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from msgspec import Struct
from starlette.types import ASGIApp

from toril.api.query import NoQuery

Handlers = TypeVar("Handlers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body in one media type.

    Args:
        media_type: such as `application/json`.
        type: the structure it has; None for what isn't JSON.
        examples: by title; text is shown as it is.
    """

    media_type: str = "application/json"
    type: object = None
    examples: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is not a problem."""

    status: int
    description: str
    content: Content | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Handlers]):
    """A route.

    Args:
        method: HTTP method; GET answers HEAD as well.
        path: with `{name}` for parameters.
        handler: picks the ASGI application from the API's handlers.
        permission: what a caller must be allowed; `public` is for everybody.
        tag: the group it is documented in.
        summary: a short phrase.
        description: what it promises.
        query: its query parameters.
        path_parameters: what each parameter in the path is.
        headers: what each request header is that the route looks at, besides those of every request.
        body: the request bodies it takes.
        answers: what it answers when all is well.
        problems: codes of the problems it may answer with, besides those that every route has.
    """

    method: str
    path: str
    handler: Callable[[Handlers], ASGIApp]
    permission: str
    tag: str
    summary: str
    description: str
    query: type[Struct] = NoQuery
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[Content, ...] = ()
    answers: tuple[Answer, ...]
    problems: tuple[str, ...] = ()
