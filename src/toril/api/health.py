"""`GET /healthz` and `GET /readyz`: for load balancers and for whoever is paged.

Alive means that the process answers; restarting it helps only when it doesn't. Ready means that jobs can be
accepted, so a load balancer should send them here. Without Redis they still can, only degraded.
"""

import asyncio
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from toril.api.answers import answer
from toril.api.schemas import Alive, Component, Readiness
from toril.operations.ports import ComponentHealth, HealthChecks

_ALIVE = msgspec.json.encode(Alive())


class Health:
    """Says how the process and the parts it depends on are.

    Args:
        checks: asks the parts.
        timeout: seconds after which they count as down.
    """

    def __init__(self, checks: HealthChecks, *, timeout: float) -> None:
        self._checks = checks
        self._timeout = timeout

    async def alive(self, _request: Request) -> Response:
        """Answer 200."""
        return answer(_ALIVE)

    async def ready(self, _request: Request) -> Response:
        """Answer 200 when jobs can be accepted, else 503."""
        components = await self._components()
        status = _status(components)
        shown = [Component(name=c.name, up=c.up, required=c.required, detail=c.detail) for c in components]
        body = msgspec.json.encode(Readiness(status=status, components=shown))
        return answer(body, status=503 if status == "down" else 200)

    async def _components(self) -> list[ComponentHealth]:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._checks.check()
        except TimeoutError:
            return [ComponentHealth("checks", up=False, detail="They did not end in time.", required=True)]


def _status(components: list[ComponentHealth]) -> Literal["ok", "degraded", "down"]:
    if any(part.required and not part.up for part in components):
        return "down"
    return "ok" if all(part.up for part in components) else "degraded"
