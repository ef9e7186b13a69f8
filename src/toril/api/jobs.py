"""`GET /jobs` and `GET /jobs/{id}`."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from toril.api.answers import answer
from toril.api.query import JobsQuery, NoQuery, parse_query
from toril.api.schemas import JobList
from toril.api.shown import details_shown, job_shown
from toril.domain.names import check_job_name, check_queue_name
from toril.domain.views import JobFilter, JobView
from toril.operations.lookup import Lookup

Value = TypeVar("Value")


class Jobs:
    """Shows jobs."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def show(self, request: Request) -> Response:
        """Answer with all that is known of one job."""
        parse_query(request.scope["query_string"], NoQuery)
        history = await self._lookup.job(request.path_params["id"])
        return answer(msgspec.json.encode(details_shown(history)))

    async def list(self, request: Request) -> Response:
        """Answer with a page of jobs, newest first."""
        query = parse_query(request.scope["query_string"], JobsQuery)
        jobs = await self._lookup.page(_filter(query))
        following = _next_page(query, jobs, request.scope.get("root_path", ""))
        headers = {"link": f'<{following}>; rel="next"'} if following else None
        page = JobList(jobs=[job_shown(job) for job in jobs], next=following)
        return answer(msgspec.json.encode(page), headers=headers)


def _filter(query: JobsQuery) -> JobFilter:
    return JobFilter(
        status=_or_none(query.status),
        queue=None if query.queue is UNSET else check_queue_name(query.queue),
        name=None if query.name is UNSET else check_job_name(query.name),
        before=_or_none(query.before),
        limit=query.limit,
        payloads=query.include == "payload",
    )


def _next_page(query: JobsQuery, jobs: Sequence[JobView], root: str) -> str | None:
    """Return the path of the page after `jobs`; after a full page there may be one."""
    if len(jobs) < query.limit:
        return None
    parameters = {**msgspec.to_builtins(query), "before": jobs[-1].id}
    return f"{root}/jobs?{urlencode(parameters)}"


def _or_none(value: Value | UnsetType) -> Value | None:
    return None if value is UNSET else value
