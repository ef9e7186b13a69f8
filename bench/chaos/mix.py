"""Which jobs are submitted, a mix of all that a job can be, and how each kind has to end. Pure."""

from random import Random
from typing import NamedTuple

import msgspec

_NAMES = {"plain": 74, "in_thread": 10, "longer": 5, "flaky": 8, "doomed": 3}
"""Of a hundred jobs."""
_DELAYED, _URGENT = 0.15, 0.15


class End(NamedTuple):
    """How a job has to end, whatever happens to its workers."""

    state: str
    failures: int


FLAKY_FAILURES, DOOMED_FAILURES = 2, 2
MUST_END = {
    "plain": End("completed", 0),
    "in_thread": End("completed", 0),
    "longer": End("completed", 0),
    "flaky": End("completed", FLAKY_FAILURES),
    "doomed": End("failed", DOOMED_FAILURES),
}


def draw_request(rng: Random, key: int) -> bytes:
    """Return the body of a request.

    Args:
        rng: what to draw with.
        key: put into the payload, to know the job by.
    """
    [name] = rng.choices(list(_NAMES), list(_NAMES.values()))
    payload: dict[str, float] = {"key": key}
    if name == "longer":
        payload["seconds"] = round(rng.uniform(0.1, 3.0), 2)
    request: dict[str, object] = {"name": name, "payload": payload}
    if rng.random() < _DELAYED:
        request["delay"] = rng.randrange(500, 6_000)
    if rng.random() < _URGENT:
        request["priority"] = rng.randrange(1, 10)
    return msgspec.json.encode(request)
