"""`POST /jobs/bulk`: many jobs in one transaction, as a JSON array or as NDJSON; all of them or none."""

import asyncio
from functools import partial

import msgspec
from msgspec import UNSET
from starlette.types import Scope

from toril.api.body import Body
from toril.api.idempotency_header import not_in_bulk
from toril.api.intake import Accepted, Intake
from toril.api.limits import Limits
from toril.api.query import SubmitQuery, parse_query
from toril.api.schemas import BulkSubmitted, JobSubmitted
from toril.api.splitting import ArraySplitter, LineSplitter, Splitter
from toril.domain.errors import InvalidInput, Unavailable
from toril.domain.job import Effect, NewJob, Submitted
from toril.operations.decoding import decode_job
from toril.operations.submission import Submission

ARRAY = b"application/json"
LINES = b"application/x-ndjson"

_TURN = 0.002
"""Seconds of checking jobs after which others get the event loop."""


def bulk_endpoint(submission: Submission, limits: Limits) -> Intake:
    """Return the route's ASGI application."""
    return Intake(
        _Bulk(submission, limits).submit,
        accepted=(ARRAY, LINES),
        limit=limits.bulk,
        timeout=limits.bulk_timeout,
    )


class _Bulk:
    def __init__(self, submission: Submission, limits: Limits) -> None:
        self._submission = submission
        self._limits = limits
        self._calls = 0

    async def submit(self, scope: Scope, body: Body, content_type: bytes) -> Accepted:
        if body.idempotency_key is not None:
            raise not_in_bulk()
        allow_unknown = parse_query(scope["query_string"], SubmitQuery).allow_unknown
        if self._calls >= self._limits.bulk_calls:  # each may hold a whole body in memory
            raise Unavailable("Too many bulk calls at a time.", hint="wait a moment, or send smaller ones")
        self._calls += 1
        try:
            jobs = await self._collect(body, content_type, allow_unknown=allow_unknown)
            submitted = await self._submission.submit_all(jobs)
        finally:
            self._calls -= 1
        answers = [_shown(job, result) for job, result in zip(jobs, submitted, strict=True)]
        return Accepted(
            msgspec.json.encode(BulkSubmitted(count=len(answers), jobs=answers)),
            created=any(result.effect is Effect.CREATED for result in submitted),
        )

    async def _collect(self, body: Body, content_type: bytes, *, allow_unknown: bool) -> list[NewJob]:
        limit = self._limits.job
        splitter: Splitter = ArraySplitter(limit) if content_type == ARRAY else LineSplitter(limit)
        check = partial(self._submission.check, since=self._submission.now(), allow_unknown=allow_unknown)
        clock = asyncio.get_running_loop().time
        turn_ends = clock() + _TURN
        jobs: list[NewJob] = []
        while not body.complete:
            piece = await body.piece()
            for text in splitter.feed(piece, last=body.complete):
                if len(jobs) == self._limits.bulk_jobs:
                    raise self._too_many()
                try:
                    jobs.append(await check(decode_job(text), text))
                except InvalidInput as error:
                    raise _located(error, len(jobs), splitter.place()) from None
                if clock() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = clock() + _TURN
        if not jobs:
            raise InvalidInput("There are no jobs.", code="empty_batch", hint="send at least one")
        return jobs

    def _too_many(self) -> InvalidInput:
        return InvalidInput(
            f"There are more than {self._limits.bulk_jobs:,} jobs.",
            code="too_many_jobs",
            hint="split them into several calls",
        )


def _shown(job: NewJob, result: Submitted) -> JobSubmitted:
    keyed = job.idempotency is not None or job.unique is not None
    return JobSubmitted(id=result.id, status=result.status, effect=result.effect if keyed else UNSET)


def _located(error: InvalidInput, index: int, place: str) -> InvalidInput:
    """Return `error` as it is about the job at `index`, counted from 0 as in the answer's `jobs`."""
    field = f"[{index}].{error.field}" if error.field not in (None, "body") else f"[{index}]"
    return InvalidInput(f"{place}: {error.message}", code=error.code, field=field, hint=error.hint)
