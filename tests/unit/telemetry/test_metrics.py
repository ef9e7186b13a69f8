"""Every event that is counted, as Prometheus reads it."""

from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from toril.domain import events
from toril.domain.events import TelemetryEvent
from toril.telemetry.metrics import Metrics
from toril.telemetry.progress import Progress

LABELS = {"version": "1.2", "role": "worker"}


def scraped(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return what a scrape shows: by name and the values of the labels, in the order of their names."""
    body, _ = metrics.exposition("")
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


COUNTED: list[tuple[TelemetryEvent, dict[tuple[str, str], float]]] = [
    (
        events.BatchRecorded({"complete": 5, "interrupt": 2}),
        {("toril_outcomes_total", "complete"): 5, ("toril_outcomes_total", "interrupt"): 2},
    ),
    (
        events.AttemptFailed(1, 1, "mail", "send", "E", "m", last=True, retry_in=0),
        {("toril_attempts_failed_total", "true,mail"): 1},
    ),
    (events.OwnershipLost(1, 1, None), {("toril_ownership_lost_total", ""): 1}),
    (events.WorkersLost((uuid4(), uuid4())), {("toril_workers_lost_total", ""): 2}),
    (events.WorkerDeclaredLost(uuid4(), 3), {("toril_declared_lost_total", ""): 1}),
    (
        events.JobRescued(1, 1, "mail", poisoned=False),
        {("toril_jobs_rescued_total", ""): 1, ("toril_jobs_poisoned_total", ""): 0},
    ),
    (
        events.JobRescued(1, 1, "mail", poisoned=True),
        {("toril_jobs_rescued_total", ""): 1, ("toril_jobs_poisoned_total", ""): 1},
    ),
    (
        events.PromisesKept(7, 2),
        {("toril_promises_kept_total", ""): 7, ("toril_promises_void_total", ""): 2},
    ),
    (events.RedisRefilling(emptied=True), {("toril_redis_refills_total", "emptied"): 1}),
    (events.RedisRefilling(emptied=False), {("toril_redis_refills_total", "restarted"): 1}),
    (events.RedisRefilled(900), {("toril_redis_refilled_jobs_total", ""): 900}),
    (events.SuggestionsRefused("mail", 4), {("toril_suggestions_refused_total", "mail"): 4}),
    (
        events.AuditRepaired("mail", 3, 4),
        {("toril_audit_promised_total", "mail"): 3, ("toril_audit_removed_total", "mail"): 4},
    ),
    (events.QueueRefused("mail", "WRONGTYPE"), {("toril_queues_refused_total", "mail"): 1}),
    (events.HandlerMissing(1, "n", "mail"), {("toril_handlers_missing_total", ""): 1}),
    (events.LoopBlocked(3, (), fatal=False), {("toril_event_loop_blocked_total", ""): 1}),
    (events.ServiceFailed("relay", "E", 1), {("toril_service_failures_total", "relay"): 1}),
    (events.RequestFailed("E", ""), {("toril_requests_failed_total", ""): 1}),
    (events.PartDown("Redis", "gone"), {("toril_part_up", "redis"): 0, ("toril_part_up", "postgresql"): 1}),
    (events.LeadershipChanged(leading=True), {("toril_leading", ""): 1}),
]


@pytest.mark.parametrize(("event", "shown"), COUNTED, ids=lambda each: type(each).__name__)
def test_an_event_is_counted_where_it_belongs(
    event: TelemetryEvent, shown: dict[tuple[str, str], float]
) -> None:
    metrics = Metrics(Progress(), LABELS)
    metrics(event)
    assert scraped(metrics).items() >= shown.items()


def test_a_part_that_is_back_is_up() -> None:
    metrics = Metrics(Progress(), LABELS)
    metrics(events.PartDown("PostgreSQL", "gone"))
    assert scraped(metrics)["toril_part_up", "postgresql"] == 0
    metrics(events.PartBack("PostgreSQL", 3.0))
    assert scraped(metrics)["toril_part_up", "postgresql"] == 1


def test_loops_and_slots_are_shown_as_they_are_at_the_scrape() -> None:
    now = [100.0]
    progress = Progress(lambda: now[0])
    metrics = Metrics(progress, LABELS)
    used = [3]
    metrics.watch_slots(lambda: used[0], 10)
    progress.follow("relay", 30.0).begun()
    now[0] += 40
    used[0] = 4
    shown = scraped(metrics)
    assert shown["toril_loop_silent_seconds", "relay"] == 40
    assert shown["toril_loop_silence_limit_seconds", "relay"] == 30
    assert (shown["toril_slots_used", ""], shown["toril_slots", ""]) == (4, 10)
    assert shown["toril_build_info", "worker,1.2"] == 1


def test_nothing_is_registered_with_the_library_itself() -> None:
    Metrics(Progress(), LABELS)
    Metrics(Progress(), LABELS)  # a registry that they shared would refuse the second
