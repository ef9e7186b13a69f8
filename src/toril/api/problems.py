"""Errors as clients see them: RFC 9457 problem documents, one stable code each.

A code never changes its meaning. The table is the whole list: the OpenAPI document and the documentation
page print it, and a problem's `type` is its place on that page.
"""

from math import ceil
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from toril.api.answers import answer
from toril.domain.errors import Conflict, NotFound, TorilError, Unavailable

MEDIA_TYPE = "application/problem+json"


class ProblemType(NamedTuple):
    """A kind of problem: its HTTP status, a title, and what it means and asks for."""

    status: int
    title: str
    meaning: str


PROBLEMS: dict[str, ProblemType] = {
    "invalid_json": ProblemType(400, "Not JSON", "The body is empty, cut short or not JSON (RFC 8259)."),
    "unknown_parameter": ProblemType(400, "Unknown query parameter", "The route has no such parameter."),
    "repeated_parameter": ProblemType(400, "Repeated query parameter", "Each parameter may be given once."),
    "invalid_parameter": ProblemType(400, "Invalid query parameter", "The value is not one it can have."),
    "not_found": ProblemType(404, "No such job", "No job has this id, or it was deleted after it ended."),
    "unknown_path": ProblemType(404, "No such path", "The API has no such path."),
    "method_not_allowed": ProblemType(
        405, "Method not allowed", "The path exists, but not with this method; see the Allow header."
    ),
    "body_timeout": ProblemType(408, "Body too slow", "The body did not arrive in time; nothing was stored."),
    "idempotency_conflict": ProblemType(
        409,
        "Key of another request",
        "The idempotency key came with another request before: see `job_id`. Nothing was stored.",
    ),
    "unique_conflict": ProblemType(
        409, "Not unique", "Another job holds the unique key: see `job_id`. Nothing was stored."
    ),
    "too_large": ProblemType(413, "Too large", "The body, or one job in it, is over the size limit."),
    "too_many_jobs": ProblemType(413, "Too many jobs", "Split the jobs into several bulk calls."),
    "unsupported_media_type": ProblemType(
        415, "Wrong content type", "Send the content type that the route takes, uncompressed."
    ),
    "invalid_type": ProblemType(422, "Wrong type", "The field has a value of another JSON type."),
    "missing_field": ProblemType(422, "Missing field", "The field is required."),
    "unknown_field": ProblemType(422, "Unknown field", "There is no such field; nothing is ever ignored."),
    "out_of_range": ProblemType(422, "Out of range", "The value is too small, too large or too long."),
    "invalid_value": ProblemType(422, "Invalid value", "The value can't be read or is not an allowed one."),
    "invalid_name": ProblemType(422, "Invalid name", "No job or queue can have this name."),
    "invalid_key": ProblemType(
        422,
        "Invalid key",
        "A key has 1 to 255 printable characters and no spaces; as a header it is given once, for one job.",
    ),
    "conflicting_fields": ProblemType(422, "Conflicting fields", "Two fields contradict each other."),
    "unknown_job": ProblemType(
        422,
        "Unknown job name",
        "No worker has registered this name. Start one, or submit with allow_unknown=true.",
    ),
    "invalid_payload": ProblemType(
        422, "Payload doesn't fit", "The payload doesn't fit the signature of the job's handler."
    ),
    "nul_character": ProblemType(422, "NUL character", "PostgreSQL can't hold U+0000 in text."),
    "invalid_unicode": ProblemType(422, "Invalid Unicode", "Not UTF-8, or half of a surrogate pair."),
    "number_out_of_range": ProblemType(422, "Number out of range", "Beyond a 64-bit float; use a string."),
    "too_deep": ProblemType(422, "Nested too deeply", "Arrays and objects are nested beyond the limit."),
    "empty_batch": ProblemType(422, "No jobs", "A bulk call needs at least one job."),
    "invalid_input": ProblemType(422, "Invalid input", "The request can't be done as it stands."),
    "internal": ProblemType(
        500, "Internal error", "A fault in Toril; it has been reported. The job may or may not be stored."
    ),
    "unavailable": ProblemType(
        503, "Unavailable", "A part is down or busy. Nothing was stored; see the Retry-After header."
    ),
}


class Problem(Struct, omit_defaults=True, kw_only=True):
    """What went wrong (RFC 9457), and what to do."""

    type: Annotated[str, Meta(description="Where this kind of problem is explained.")]
    title: Annotated[str, Meta(description="The kind of problem, for people.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    code: Annotated[str, Meta(description="The kind of problem, for programs; it never changes its meaning.")]
    detail: Annotated[str, Meta(description="What is wrong with this very request.")]
    field: Annotated[
        str | None, Meta(description="The field, parameter or header at fault, as in `[17].payload.width`.")
    ] = None
    hint: Annotated[str | None, Meta(description="What to do about it.")] = None
    job_id: Annotated[int | None, Meta(description="The job that has the key, where one is in the way.")] = (
        None
    )


def problem(error: TorilError, *, close: bool = False) -> Response:
    """Return the response that tells a client of `error`.

    Args:
        error: what went wrong.
        close: end the connection, because the request has not been read to its end.
    """
    code = error.code if error.code in PROBLEMS else _nearest_code(error)
    headers = {}
    if isinstance(error, Unavailable):
        headers["retry-after"] = str(ceil(error.retry_after))
    if close:
        headers["connection"] = "close"
    return problem_response(
        code,
        error.message,
        field=error.field,
        hint=error.hint,
        job_id=error.job_id if isinstance(error, Conflict) else None,
        headers=headers,
    )


def problem_response(
    code: str,
    detail: str,
    *,
    field: str | None = None,
    hint: str | None = None,
    job_id: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document.

    Args:
        code: one of `PROBLEMS`.
        detail: what is wrong with this very request, in a sentence.
        field: the field at fault.
        hint: what to do.
        job_id: the job that is in the way.
        headers: response headers besides the usual ones.
    """
    kind = PROBLEMS[code]
    document = Problem(
        type=f"/docs#{code}",
        title=kind.title,
        status=kind.status,
        code=code,
        detail=_ended(detail),
        field=field,
        hint=hint and _ended(hint[0].upper() + hint[1:]),
        job_id=job_id,
    )
    body = msgspec.json.encode(document)
    return answer(body, status=kind.status, media_type=MEDIA_TYPE, headers=headers)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _nearest_code(error: TorilError) -> str:
    if isinstance(error, NotFound):
        return "not_found"
    return "unavailable" if isinstance(error, Unavailable) else "invalid_input"
