"""`POST /jobs`: one job, recorded together with the others that arrive at the same time."""

from starlette.types import Scope

from toril.api.body import Body
from toril.api.intake import Accepted, Intake
from toril.api.limits import Limits
from toril.api.query import SubmitQuery, parse_query
from toril.operations.decoding import decode_job
from toril.operations.submission import Submission


def submit_endpoint(submission: Submission, limits: Limits) -> Intake:
    """Return the route's ASGI application."""

    async def submit(scope: Scope, body: Body, _content_type: bytes) -> Accepted:
        query = scope["query_string"]
        allow_unknown = bool(query) and parse_query(query, SubmitQuery).allow_unknown
        request = decode_job(await body.read())
        job = await submission.submit(request, allow_unknown=allow_unknown)
        location = f"{scope.get('root_path', '')}/jobs/{job.id}"
        return Accepted(f'{{"id":{job.id},"status":"{job.status}"}}'.encode(), location.encode())

    return Intake(submit, accepted=(b"application/json",), limit=limits.job, timeout=limits.body_timeout)
