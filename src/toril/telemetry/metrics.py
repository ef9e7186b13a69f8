"""Events as metrics for Prometheus, in a registry of our own: counters of what happened, gauges of what is.

A subscriber of the bus; `exposition` is called by whoever serves them (`probes.py`), on any thread. Labels
have few values: events, parts, services, loops, and the queues that a worker was told to serve; never what a
submitter chose.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from toril.domain import events
from toril.domain.events import TelemetryEvent
from toril.telemetry.progress import Progress

PARTS = ("PostgreSQL", "Redis")


class Metrics:
    """A subscriber that counts.

    Args:
        progress: the process' loops, shown at each scrape.
        labels: what the process is: its version and role.
    """

    def __init__(self, progress: Progress, labels: dict[str, str]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Loops(progress))
        Info("toril_build", "This process.", registry=self.registry).info(labels)
        self._count = {
            **_counting_jobs(self.registry),
            **_counting_trouble(self.registry),
            **_gauging(self.registry),
        }

    def __call__(self, event: TelemetryEvent) -> None:
        """Count the event."""
        count = self._count.get(type(event))
        if count is not None:
            count(event)

    def watch_slots(self, used: Callable[[], float], slots: int) -> None:
        """Show how many jobs run.

        Args:
            used: asked at each scrape, on another thread.
            slots: jobs that may run at once.
        """
        gauge = partial(Gauge, registry=self.registry)
        gauge("toril_slots_used", "Jobs that run in this process now.").set_function(used)
        gauge("toril_slots", "Jobs that may run in this process at once.").set(slots)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as text, and its media type, in the format that an Accept header asks for."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


_Count = dict[type, Callable[[Any], None]]


def _counting_jobs(registry: CollectorRegistry) -> _Count:
    """Make the counters of what becomes of jobs; return what each event adds to them."""
    counter = partial(Counter, registry=registry)
    outcomes = counter(
        "toril_outcomes_total",
        "Outcomes on record, by event of the life cycle; `interrupt`: the job was handed back.",
        ["event"],
    )
    failed = counter(
        "toril_attempts_failed_total",
        "Failed attempts, by queue, and whether it was the job's last.",
        ["queue", "last"],
    )
    ownership = counter("toril_ownership_lost_total", "Outcomes that came too late and were discarded.")
    rescued = counter("toril_jobs_rescued_total", "Jobs that this process took back from lost workers.")
    poisoned = counter("toril_jobs_poisoned_total", "Of these, jobs that were failed as poison.")
    missing = counter("toril_handlers_missing_total", "Jobs put back because no handler has their name.")
    kept = counter("toril_promises_kept_total", "Jobs that the relay told to Redis.")
    void = counter("toril_promises_void_total", "Promises that the relay found to need no telling.")
    refused = counter("toril_suggestions_refused_total", "Stale suggestions of Redis, by queue.", ["queue"])
    missed = counter(
        "toril_audit_promised_total", "Jobs that the audit missed in Redis, by queue.", ["queue"]
    )
    removed = counter(
        "toril_audit_removed_total", "Ids that the audit removed from Redis, by queue.", ["queue"]
    )

    def count_outcomes(event: events.BatchRecorded) -> None:
        for kind, count in event.outcomes.items():
            outcomes.labels(kind).inc(count)

    def count_rescue(event: events.JobRescued) -> None:
        rescued.inc()
        poisoned.inc(event.poisoned)

    def count_promises(event: events.PromisesKept) -> None:
        kept.inc(event.pushed)
        void.inc(event.void)

    def count_repairs(event: events.AuditRepaired) -> None:
        missed.labels(event.queue).inc(event.promised)
        removed.labels(event.queue).inc(event.removed)

    return {
        events.BatchRecorded: count_outcomes,
        events.AuditRepaired: count_repairs,
        events.AttemptFailed: lambda event: failed.labels(event.queue, str(event.last).lower()).inc(),
        events.OwnershipLost: lambda _: ownership.inc(),
        events.JobRescued: count_rescue,
        events.HandlerMissing: lambda _: missing.inc(),
        events.PromisesKept: count_promises,
        events.SuggestionsRefused: lambda event: refused.labels(event.queue).inc(event.count),
    }


def _counting_trouble(registry: CollectorRegistry) -> _Count:
    """Make the counters of what happens to processes and parts; return what each event adds to them."""
    counter = partial(Counter, registry=registry)
    lost = counter("toril_workers_lost_total", "Workers that this process declared lost.")
    declared = counter("toril_declared_lost_total", "Times that this worker was declared lost and went on.")
    refills = counter(
        "toril_redis_refills_total",
        "Times that Redis was filled again, by reason: it was `emptied` or `restarted`.",
        ["reason"],
    )
    refilled = counter("toril_redis_refilled_jobs_total", "Jobs that were promised to Redis again.")
    blocked = counter("toril_event_loop_blocked_total", "Times that a handler blocked the event loop.")
    refused = counter(
        "toril_queues_refused_total", "Times that Redis began to refuse calls for a queue.", ["queue"]
    )
    failures = counter("toril_service_failures_total", "Defects in background services.", ["service"])
    requests = counter("toril_requests_failed_total", "Requests that the API answered with 500.")
    return {
        events.QueueRefused: lambda event: refused.labels(event.queue).inc(),
        events.WorkersLost: lambda event: lost.inc(len(event.workers)),
        events.WorkerDeclaredLost: lambda _: declared.inc(),
        events.RedisRefilling: lambda e: refills.labels("emptied" if e.emptied else "restarted").inc(),
        events.RedisRefilled: lambda event: refilled.inc(event.jobs),
        events.LoopBlocked: lambda _: blocked.inc(),
        events.ServiceFailed: lambda event: failures.labels(event.service).inc(),
        events.RequestFailed: lambda _: requests.inc(),
    }


def _gauging(registry: CollectorRegistry) -> _Count:
    """Make the gauges that follow events; return how each event moves them."""
    up = Gauge("toril_part_up", "0 while this process finds a part to be down.", ["part"], registry=registry)
    for part in PARTS:
        up.labels(part.lower()).set(1)
    leading = Gauge("toril_leading", "1 while this process leads the keeper's duties.", registry=registry)
    return {
        events.PartDown: lambda event: up.labels(event.part.lower()).set(0),
        events.PartBack: lambda event: up.labels(event.part.lower()).set(1),
        events.LeadershipChanged: lambda event: leading.set(event.leading),
    }


class _Loops(Collector):
    """Shows for how long each loop has been silent, and for how long it may be."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        silent = GaugeMetricFamily(
            "toril_loop_silent_seconds",
            "Since a loop that has something to do last moved, by loop.",
            labels=["loop"],
        )
        limit = GaugeMetricFamily(
            "toril_loop_silence_limit_seconds", "For how long that may be in order.", labels=["loop"]
        )
        for silence in self._progress.silences():
            silent.add_metric([silence.loop], silence.seconds)
            limit.add_metric([silence.loop], silence.limit)
        yield silent
        yield limit
