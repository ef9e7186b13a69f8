"""`POST /jobs`: one job, recorded together with the others that arrive at the same time."""

from starlette.types import Scope

from toril.api.body import Body
from toril.api.idempotency_header import FIELD, HEADER, read_key
from toril.api.intake import Accepted, Intake
from toril.api.limits import Limits
from toril.api.query import SubmitQuery, parse_query
from toril.domain.errors import Conflict
from toril.domain.job import Effect
from toril.operations.decoding import decode_job
from toril.operations.submission import Submission


def submit_endpoint(submission: Submission, limits: Limits) -> Intake:
    """Return the route's ASGI application."""

    async def submit(scope: Scope, body: Body, _content_type: bytes) -> Accepted:
        query = scope["query_string"]
        allow_unknown = bool(query) and parse_query(query, SubmitQuery).allow_unknown
        text = await body.read()
        request = decode_job(text)
        if body.idempotency_key is not None:
            request.idempotency_key = read_key(body.idempotency_key, request.idempotency_key)
        try:
            job = await submission.submit(request, text, allow_unknown=allow_unknown)
        except Conflict as error:
            if error.field == FIELD and body.idempotency_key is not None:
                error.field = HEADER
            raise
        location = f"{scope.get('root_path', '')}/jobs/{job.id}".encode()
        if request.idempotency_key is None and request.unique is None:
            return Accepted(f'{{"id":{job.id},"status":"{job.status}"}}'.encode(), location)
        answer = f'{{"id":{job.id},"status":"{job.status}","effect":"{job.effect}"}}'
        return Accepted(answer.encode(), location, job.effect is Effect.CREATED)

    return Intake(submit, accepted=(b"application/json",), limit=limits.job, timeout=limits.body_timeout)
