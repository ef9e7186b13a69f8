"""What is asked of paths that don't exist, and with methods that a path doesn't have."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from toril.api.answers import GUARDS
from toril.api.problems import problem_response
from toril.operations.decoding import shortened


class MethodSwitch:
    """Hands a request to its method's application; GET's answers HEAD, OPTIONS lists them.

    Args:
        path: for error messages.
        by_method: the applications.
    """

    def __init__(self, path: str, by_method: Mapping[str, ASGIApp]) -> None:
        self._path = path
        self._by_method = dict(by_method)
        if "GET" in by_method:
            self._by_method["HEAD"] = by_method["GET"]
        self._allow = ", ".join(sorted([*self._by_method, "OPTIONS"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._by_method.get(scope["method"]) or self._without_method(scope["method"])
        await chosen(scope, receive, send)

    def _without_method(self, method: str) -> Response:
        if method == "OPTIONS":
            guards = {name.decode(): value.decode() for name, value in GUARDS}
            return Response(status_code=204, headers={"allow": self._allow, **guards})
        return problem_response(
            "method_not_allowed",
            f"{self._path} can't be asked with {shortened(method)}.",
            hint=f"use {self._allow}",
            headers={"allow": self._allow},
        )


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404; WebSockets are closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000, "reason": "There are no WebSockets here."})
        return
    path = scope["path"]
    without_slash = path.rstrip("/")
    response = problem_response(
        "unknown_path",
        f"There is nothing at {shortened(path)!r}.",
        hint=f"try {shortened(without_slash)}" if without_slash != path else "see /docs for the paths",
    )
    await response(scope, receive, send)
