"""The examples in the documentation; tests hold every one of them against the real API."""

JOB = {"name": "thumbnail", "payload": {"url": "https://example.com/cat.jpg", "width": 320}}

JOB_WITH_EVERYTHING = {
    "queue": "images",
    "name": "thumbnail",
    "payload": {"url": "https://example.com/cat.jpg", "width": 320},
    "delay": 5000,
    "priority": 1,
    "attempts": 3,
    "backoff": {"type": "exponential", "delay": 1000},
    "timeout": 60000,
}

JOB_AT_A_TIME = {"name": "report", "payload": {"month": "2030-01"}, "run_at": "2030-02-01T06:00:00+01:00"}

JOB_ONCE = {
    "name": "thumbnail",
    "payload": {"url": "https://example.com/cat.jpg", "width": 320},
    "idempotency_key": "order-1001",
}

JOB_UNIQUE = {
    "name": "report",
    "payload": {"month": "2030-01"},
    "delay": 5000,
    "unique": {"key": "2030-01", "while": "queued", "on_conflict": "replace"},
}

SUBMITTED = {"id": 1, "status": "pending"}

CREATED = {"id": 1, "status": "pending", "effect": "created"}

EXISTING = {"id": 1, "status": "pending", "effect": "existing"}

REPLACED = {"id": 1, "status": "scheduled", "effect": "replaced"}

BULK = [JOB, {"name": "report", "payload": {"month": "2030-01"}, "priority": 10}]

BULK_LINES = """\
{"name": "thumbnail", "payload": {"url": "https://example.com/cat.jpg", "width": 320}}
{"name": "report", "payload": {"month": "2030-01"}, "priority": 10}
"""

BULK_ONCE = [{**JOB, "idempotency_key": "order-1001"}, {**JOB, "idempotency_key": "order-1002"}]

BULK_SUBMITTED = {"count": 2, "jobs": [{"id": 1, "status": "pending"}, {"id": 2, "status": "pending"}]}

BULK_EXISTING = {"count": 2, "jobs": [EXISTING, {"id": 2, "status": "pending", "effect": "existing"}]}

_ERROR = {"class": "TimeoutError", "message": "https://example.com/cat.jpg did not answer"}

_WHICH = {"id": 1, "status": "completed", "queue": "images", "name": "thumbnail", "priority": 1}

_STATE = {
    "attempt": 2,
    "failures": 1,
    "max_attempts": 3,
    "crashes": 0,
    "max_crashes": 3,
    "interruptions": 0,
    "timeout": 60000,
    "backoff": {"type": "exponential", "delay": 1000, "factor": 2, "cap": 3600000, "jitter": True},
    "created_at": "2030-01-31T09:00:00.000Z",
    "queued_at": "2030-01-31T09:00:30.250Z",
    "run_at": "2030-01-31T09:00:31.000Z",
    "started_at": "2030-01-31T09:00:31.004Z",
    "finished_at": "2030-01-31T09:00:31.254Z",
    "waited_ms": 4,
    "ran_ms": 250,
    "worker": "worker-1:4711",
    "error": _ERROR,
}

JOB_LIST = {"jobs": [{**_WHICH, **_STATE}], "next": "/jobs?status=completed&limit=1&before=1"}

JOB_DETAILS = {
    **_WHICH,
    "payload": {"url": "https://example.com/cat.jpg", "width": 320},
    "result": {"bytes": 18204},
    **_STATE,
    "progress": 100,
    "attempts": [
        {
            "attempt": 1,
            "outcome": "failed",
            "started_at": "2030-01-31T09:00:00.250Z",
            "finished_at": "2030-01-31T09:00:30.250Z",
            "ran_ms": 30000,
            "worker": "worker-1:4711",
            "error": {**_ERROR, "stack": "Traceback (most recent call last): …"},
        },
        {
            "attempt": 2,
            "outcome": "completed",
            "started_at": "2030-01-31T09:00:31.004Z",
            "finished_at": "2030-01-31T09:00:31.254Z",
            "ran_ms": 250,
            "worker": "worker-1:4711",
            "error": None,
        },
    ],
    "logs": [{"attempt": 2, "at": "2030-01-31T09:00:31.100Z", "level": "info", "message": "fetched 2 MB"}],
    "discarded": [
        {
            "attempt": 1,
            "at": "2030-01-31T09:00:40.100Z",
            "worker": "worker-1:4711",
            "event": "complete",
            "result": '{"bytes": 18204}',
            "error": None,
        }
    ],
}

QUEUES = {
    "queues": [
        {
            "name": "images",
            "counts": {
                "pending": 12,
                "scheduled": 3,
                "retrying": 1,
                "active": 8,
                "completed": 10452,
                "failed": 2,
                "cancelled": 0,
            },
            "workers": 2,
        }
    ]
}

ALIVE = {"status": "ok"}

READY = {
    "status": "degraded",
    "components": [
        {"name": "postgresql", "up": True, "required": True, "detail": "Answered in 2 ms."},
        {"name": "redis", "up": False, "required": False, "detail": "Connection refused."},
        {
            "name": "loops",
            "up": False,
            "required": False,
            "detail": "relay last moved 61.5 s ago; 32 s are in order",
        },
    ],
}

DOWN = {
    "status": "down",
    "components": [
        {"name": "postgresql", "up": False, "required": True, "detail": "No answer within 2 seconds."},
        {"name": "redis", "up": True, "required": False, "detail": "Answered in 1 ms."},
    ],
}
