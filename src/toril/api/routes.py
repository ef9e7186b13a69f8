"""The route table: the only place that says what can be asked of the API, and by whom."""

from dataclasses import dataclass

from starlette.routing import request_response
from starlette.types import ASGIApp

from toril.api import examples
from toril.api.docs import Docs
from toril.api.health import Health
from toril.api.idempotency_header import HEADER
from toril.api.jobs import Jobs
from toril.api.query import JobsQuery, SubmitQuery
from toril.api.queues import Queues
from toril.api.route import Answer, Content, Route
from toril.api.schemas import (
    Alive,
    BulkSubmitted,
    JobDetails,
    JobList,
    JobSubmitted,
    QueueList,
    Readiness,
)
from toril.operations.request import JobRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What the routes lead to; `create_app` builds it."""

    submit: ASGIApp
    bulk: ASGIApp
    jobs: Jobs
    queues: Queues
    health: Health
    docs: Docs


SUBMIT_PATH = "/jobs"

_JOB_PROBLEMS = (
    "unknown_parameter",
    "repeated_parameter",
    "invalid_parameter",
    "unsupported_media_type",
    "invalid_json",
    "body_timeout",
    "too_large",
    "missing_field",
    "unknown_field",
    "invalid_type",
    "invalid_value",
    "out_of_range",
    "conflicting_fields",
    "invalid_name",
    "invalid_key",
    "idempotency_conflict",
    "unique_conflict",
    "unknown_job",
    "invalid_payload",
    "nul_character",
    "invalid_unicode",
    "number_out_of_range",
    "too_deep",
    "unavailable",
)

ROUTES: tuple[Route[Handlers], ...] = (
    Route(
        method="POST",
        path=SUBMIT_PATH,
        handler=lambda on: on.submit,
        permission="jobs:submit",
        tag="Jobs",
        summary="Submit a job",
        description=(
            "Records a job. The answer comes after the commit in PostgreSQL: an answered job is never lost, "
            "whether Redis is up or not. The payload is checked against the signature of the job's handler, "
            "as workers have registered it. A job is at most 256 KiB by default. With a key, it is safe to "
            "send again; with `unique`, it keeps others like it out: see Keys below."
        ),
        query=SubmitQuery,
        headers={
            HEADER: "A request header: makes it safe to send the job again. Bare (`order-1001`) or quoted; "
            "the same as the body's `idempotency_key`."
        },
        body=(
            Content(
                type=JobRequest,
                examples={
                    "The least": examples.JOB,
                    "With everything": examples.JOB_WITH_EVERYTHING,
                    "At a time": examples.JOB_AT_A_TIME,
                    "Safe to repeat": examples.JOB_ONCE,
                    "Unique": examples.JOB_UNIQUE,
                },
            ),
        ),
        answers=(
            Answer(
                status=201,
                description="The job is recorded.",
                content=Content(
                    type=JobSubmitted,
                    examples={"Recorded": examples.SUBMITTED, "Recorded, with a key": examples.CREATED},
                ),
                headers={"Location": "Path of the job."},
            ),
            Answer(
                status=200,
                description="The key led to a job that was there already.",
                content=Content(
                    type=JobSubmitted,
                    examples={"There already": examples.EXISTING, "Replaced": examples.REPLACED},
                ),
                headers={"Location": "Path of that job."},
            ),
        ),
        problems=_JOB_PROBLEMS,
    ),
    Route(
        method="POST",
        path="/jobs/bulk",
        handler=lambda on: on.bulk,
        permission="jobs:submit",
        tag="Jobs",
        summary="Submit many jobs",
        description=(
            "Records up to 10,000 jobs in one transaction: all of them, or none. They come as a JSON array "
            "or as NDJSON, one job a line, read as it arrives. The answer has the ids in their order. "
            "An error names the job by its index from 0, as in `[17].payload.width`. Each job may have keys "
            "of its own, as fields; there is no header for all of them."
        ),
        query=SubmitQuery,
        body=(
            Content(
                type=list[JobRequest],
                examples={"An array": examples.BULK, "Safe to repeat": examples.BULK_ONCE},
            ),
            Content(media_type="application/x-ndjson", examples={"Lines": examples.BULK_LINES}),
        ),
        answers=(
            Answer(
                status=201,
                description="All jobs are on record, and at least one of them is new.",
                content=Content(type=BulkSubmitted, examples={"Recorded": examples.BULK_SUBMITTED}),
            ),
            Answer(
                status=200,
                description="The keys led to jobs that were there already, all of them.",
                content=Content(type=BulkSubmitted, examples={"There already": examples.BULK_EXISTING}),
            ),
        ),
        problems=(*_JOB_PROBLEMS, "too_many_jobs", "empty_batch"),
    ),
    Route(
        method="GET",
        path="/jobs",
        handler=lambda on: request_response(on.jobs.list),
        permission="jobs:view",
        tag="Jobs",
        summary="List jobs",
        description=(
            "Newest first, a page at a time. `next` leads to the following page, which stays the same when "
            "new jobs arrive. Payloads and results are left out unless `include=payload` asks for them."
        ),
        query=JobsQuery,
        answers=(
            Answer(
                status=200,
                description="A page of jobs.",
                content=Content(type=JobList, examples={"A page": examples.JOB_LIST}),
                headers={"Link": 'The following page, with rel="next".'},
            ),
        ),
        problems=(
            "unknown_parameter",
            "repeated_parameter",
            "invalid_parameter",
            "invalid_name",
            "unavailable",
        ),
    ),
    Route(
        method="GET",
        path="/jobs/{id}",
        handler=lambda on: request_response(on.jobs.show),
        permission="jobs:view",
        tag="Jobs",
        summary="Show a job",
        description="Everything known of a job: attempts, errors, timings, log lines, payload and result.",
        path_parameters={"id": "The job's id."},
        answers=(
            Answer(
                status=200,
                description="The job.",
                content=Content(type=JobDetails, examples={"A job": examples.JOB_DETAILS}),
            ),
        ),
        problems=("unknown_parameter", "not_found", "unavailable"),
    ),
    Route(
        method="GET",
        path="/queues",
        handler=lambda on: request_response(on.queues.list),
        permission="queues:view",
        tag="Queues",
        summary="List queues",
        description="How many jobs of each queue have each status, and how many live workers listen to it.",
        answers=(
            Answer(
                status=200,
                description="All queues, by name.",
                content=Content(type=QueueList, examples={"Queues": examples.QUEUES}),
            ),
        ),
        problems=("unknown_parameter", "unavailable"),
    ),
    Route(
        method="GET",
        path="/healthz",
        handler=lambda on: request_response(on.health.alive),
        permission="public",
        tag="Health",
        summary="Is the process alive?",
        description="Always 200 while the process answers. For what restarts processes.",
        answers=(
            Answer(
                status=200,
                description="Alive.",
                content=Content(type=Alive, examples={"Alive": examples.ALIVE}),
            ),
        ),
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=lambda on: request_response(on.health.ready),
        permission="public",
        tag="Health",
        summary="Can it accept jobs?",
        description=(
            "200 while jobs can be accepted, 503 while they can't. `degraded` means that they are accepted "
            "but something works less well: without Redis, jobs are recorded and start when it is back. "
            "`loops` tells whether the background loops of this process move, and names the one that has "
            "been silent for longest."
        ),
        answers=(
            Answer(
                status=200,
                description="Jobs are accepted: `ok` or `degraded`.",
                content=Content(type=Readiness, examples={"Degraded": examples.READY}),
            ),
            Answer(
                status=503,
                description="Jobs can't be accepted: `down`.",
                content=Content(type=Readiness, examples={"Down": examples.DOWN}),
            ),
        ),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=lambda on: request_response(on.docs.openapi),
        permission="public",
        tag="Documentation",
        summary="This API as OpenAPI 3.1",
        description="For client generators and other tools.",
        answers=(Answer(status=200, description="The document.", content=Content()),),
    ),
    Route(
        method="GET",
        path="/docs",
        handler=lambda on: request_response(on.docs.page),
        permission="public",
        tag="Documentation",
        summary="This API for people",
        description="The page you are reading. It works offline: it loads nothing from elsewhere.",
        answers=(Answer(status=200, description="The page.", content=Content(media_type="text/html")),),
    ),
    Route(
        method="GET",
        path="/docs/{file}",
        handler=lambda on: request_response(on.docs.file),
        permission="public",
        tag="Documentation",
        summary="Style and script of that page",
        description="`docs.css` and `docs.js`.",
        path_parameters={"file": "The file's name."},
        answers=(Answer(status=200, description="The file.", content=Content(media_type="text/css")),),
        problems=("unknown_path",),
    ),
    Route(
        method="GET",
        path="/",
        handler=lambda on: request_response(on.docs.home),
        permission="public",
        tag="Documentation",
        summary="Leads to the documentation",
        description="So that a browser finds something to read.",
        answers=(
            Answer(status=302, description="See /docs.", headers={"Location": "Path of the documentation."}),
        ),
    ),
)
