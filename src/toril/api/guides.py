"""What takes more than a line to say: sections of the documentation page, and of the OpenAPI document.

Text, in which `backquotes` mark code.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Guide(NamedTuple):
    """A section.

    Attributes:
        title: of one word, which is also its place on the page.
        tag: the group of routes it is about.
        paragraphs: what there is to know.
        terms: what each value means.
    """

    title: str
    tag: str
    paragraphs: tuple[str, ...]
    terms: Mapping[str, str]


KEYS = Guide(
    title="Keys",
    tag="Jobs",
    paragraphs=(
        (
            "An answer may be lost on its way, and sending the job again must not make a second one. So "
            "give it a key: as the header `Idempotency-Key: order-1001` of `POST /jobs`, or as the job's "
            "field `idempotency_key`. The first request is answered with 201; the same again, byte for "
            "byte, with 200 and the same id; another request under the key with 409 "
            "`idempotency_conflict`. A key is kept for 24 hours (`TORIL_IDEMPOTENCY_TTL`), also when the "
            "job has been cleaned up before."
        ),
        (
            "A job that is `unique` keeps others out: of the jobs of one name, at most one holds a key at "
            "a time. `while` says for how long, `on_conflict` what becomes of a job that comes meanwhile. "
            "`effect` in the answer says what was done: `created` with 201; `existing`, `replaced` or "
            "`extended` with 200."
        ),
    ),
    terms={
        '"while": "queued"': (
            "While the job waits for a worker. One that is submitted while it runs gets in: at most one "
            "waits."
        ),
        '"while": "active"': "Until the job has ended, its retries included. The default.",
        '"while": "ttl"': "For `ttl` milliseconds, whatever becomes of the job.",
        '"on_conflict": "return_existing"': (
            "Nothing is stored; the answer has the other job's id. The default."
        ),
        '"on_conflict": "reject"': (
            "Nothing is stored; the answer is 409 `unique_conflict`, with the other job's id as `job_id`."
        ),
        '"on_conflict": "replace"': (
            "While the other job is queued, it gets this payload, these options and this run time; its id "
            "and its queue stay. When it runs or has ended, the answer is 409 `unique_conflict`: the new "
            "payload must not be lost silently."
        ),
        '"on_conflict": "extend"': (
            "The other job keeps its payload. While it is queued, it is postponed to this run time, and "
            "never made earlier; with `ttl`, the key is held for another `ttl` from now."
        ),
    },
)

GUIDES = (KEYS,)


def markdown(guide: Guide) -> str:
    """Return a section as CommonMark."""
    terms = "\n".join(f"* `{term}`: {meaning}" for term, meaning in guide.terms.items())
    return "\n\n".join([*guide.paragraphs, terms])
