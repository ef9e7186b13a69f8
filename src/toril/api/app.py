"""The API as one ASGI application: the router, the hot route in front of it, and the last line of defence."""

from collections.abc import Callable

from starlette.routing import Route as RouterRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toril.api.body import ClientGone
from toril.api.bulk import bulk_endpoint
from toril.api.docs import build_docs
from toril.api.health import Health
from toril.api.jobs import Jobs
from toril.api.limits import Limits
from toril.api.openapi import openapi_document
from toril.api.problems import problem, problem_response
from toril.api.queues import Queues
from toril.api.routes import ROUTES, SUBMIT_PATH, Handlers
from toril.api.submit import submit_endpoint
from toril.api.unrouted import MethodSwitch, unknown_path
from toril.domain.errors import TorilError
from toril.operations.catalog import Catalog
from toril.operations.lookup import Lookup
from toril.operations.ports import HealthChecks, JobReader, Submitter
from toril.operations.submission import Submission


def create_app(
    *,
    submitter: Submitter,
    store: JobReader,
    catalog: Catalog,
    health: HealthChecks,
    limits: Limits,
    on_error: Callable[[Exception], None],
) -> ASGIApp:
    """Return the HTTP API.

    Args:
        submitter: records jobs.
        store: shows jobs and queues.
        catalog: the registered jobs; whoever calls this also has it refreshed.
        health: asks the parts that the process depends on.
        limits: bounds on requests.
        on_error: is told of errors that nobody expected; the client is told only that there was one.
    """
    submission = Submission(submitter, catalog)
    lookup = Lookup(store)
    handlers = Handlers(
        submit=submit_endpoint(submission, limits),
        bulk=bulk_endpoint(submission, limits),
        jobs=Jobs(lookup),
        queues=Queues(lookup),
        health=Health(health, timeout=limits.health_timeout),
        docs=build_docs(openapi_document(ROUTES)),
    )
    return _Api(handlers, on_error)


class _Api:
    def __init__(self, handlers: Handlers, on_error: Callable[[Exception], None]) -> None:
        self._submit = handlers.submit
        self._router = _router(handlers)
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        started = False

        async def sender(message: Message) -> None:
            nonlocal started
            started = True
            try:
                await send(message)
            except OSError:  # how some servers say so; uvicorn says nothing
                raise ClientGone from None

        hot = scope["path"] == SUBMIT_PATH and scope["method"] == "POST"
        try:
            await (self._submit if hot else self._router)(scope, receive, sender)
        except ClientGone:
            return
        except TorilError as error:
            await problem(error)(scope, receive, sender)
        except Exception as error:  # noqa: BLE001  # the last line of defence: reported, never shown
            self._on_error(error)
            if not started:
                await _INTERNAL(scope, receive, sender)


_INTERNAL = problem_response("internal", "Something went wrong that should not have.", hint="try again later")


def _router(handlers: Handlers) -> Router:
    """Return the router over the table: one entry a path, which then looks at the method."""
    methods: dict[str, dict[str, ASGIApp]] = {}
    for route in ROUTES:
        methods.setdefault(route.path, {})[route.method] = route.handler(handlers)
    return Router(
        [RouterRoute(path, MethodSwitch(path, by_method)) for path, by_method in methods.items()],
        redirect_slashes=False,
        default=unknown_path,
    )
