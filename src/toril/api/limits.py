"""What a client may ask of one API process, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on requests; all of them are refused in words, none by a crash.

    Args:
        job: bytes of one job's JSON, alone or in bulk.
        body_timeout: seconds in which the body of `POST /jobs` must arrive.
        bulk: bytes of a whole bulk body.
        bulk_jobs: jobs in one bulk call.
        bulk_timeout: seconds in which a bulk body must arrive.
        bulk_calls: bulk calls at a time; each may hold `bulk` bytes in memory.
        health_timeout: seconds in which the readiness checks must answer.
    """

    job: int = 256 * 1024
    body_timeout: float = 30.0
    bulk: int = 64 * 1024 * 1024
    bulk_jobs: int = 10_000
    bulk_timeout: float = 120.0
    bulk_calls: int = 4
    health_timeout: float = 2.0
