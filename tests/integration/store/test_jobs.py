"""Recording, finishing, taking back: what the statements write beside the state."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.store.situations import BOOM, claim, join, new, row_of, submit
from toril.domain.errors import InvalidInput
from toril.domain.lifecycle import Event, Status
from toril.domain.outcome import Decision
from toril.store.connection import Lane
from toril.store.jobs import Finish, Jobs


@pytest.fixture
def jobs() -> Jobs:
    return Jobs(horizon=600)


async def outbox(lane: Lane) -> list[tuple[int, int]]:
    rows = await lane.fetch(
        "select job_id, generation from toril.outbox where job_id > 0 order by job_id, generation"
    )
    return [(row["job_id"], row["generation"]) for row in rows]


async def test_ids_ascend_in_the_order_given(lane: Lane, jobs: Jobs) -> None:
    recorded = await jobs.insert(lane, [new(f"job{n}") for n in range(1000)])
    ids = [each.submitted.id for each in recorded]
    assert ids == sorted(ids)
    rows = await lane.fetch("select id, name from toril.jobs order by id")
    assert [row["name"] for row in rows] == [f"job{n}" for n in range(1000)]


async def test_a_recorded_job_comes_with_its_promise(lane: Lane, jobs: Jobs) -> None:
    ids = await submit(lane, jobs, new(), new())
    assert await outbox(lane) == [(job_id, 1) for job_id in ids]


async def test_one_bad_job_records_none(lane: Lane, jobs: Jobs) -> None:
    with pytest.raises(InvalidInput):
        await jobs.insert(lane, [new(), new(payload='"\\u0000"'), new()])
    assert await lane.fetch("select from toril.jobs") == []
    assert await outbox(lane) == []


async def test_delays_and_run_times_make_a_job_scheduled(lane: Lane, jobs: Jobs) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    earlier = datetime.now(UTC) - timedelta(hours=2)
    recorded = await jobs.insert(lane, [new(), new(delay=60), new(run_at=later), new(run_at=earlier)])
    assert [each.submitted.status for each in recorded] == [
        Status.PENDING,
        Status.SCHEDULED,
        Status.SCHEDULED,
        Status.PENDING,
    ]
    assert recorded[2].push is not None
    assert recorded[2].push.due_ms == pytest.approx(later.timestamp() * 1000, abs=1)
    rows = await lane.fetch(
        "select push_at - now() as due_in from toril.outbox where job_id > 0 order by job_id"
    )
    assert [round(row["due_in"].total_seconds() / 60) for row in rows] == [0, 0, 110, 0]


async def test_a_job_that_is_not_due_is_not_claimed(lane: Lane, jobs: Jobs) -> None:
    (job_id,) = await submit(lane, jobs, new(delay=60))
    assert await claim(lane, jobs, [job_id]) == []
    fate = (await jobs.suggestion_fates(lane, [job_id, 999]))[job_id]
    assert fate.state == "queued"


async def test_a_claim_grants_what_it_can_and_ignores_the_rest(lane: Lane, jobs: Jobs) -> None:
    ids = await submit(lane, jobs, new("a"), new("b"), new("c"))
    await claim(lane, jobs, [ids[1]])
    granted = await claim(lane, jobs, [*ids, ids[0], 123_456])
    assert [job.name for job in granted if job.id in ids] == ["a", "c", "a"]
    assert {job.attempt for job in granted} == {1}


async def test_a_retry_counts_a_failure_and_waits(lane: Lane, jobs: Jobs) -> None:
    (job_id,) = await submit(lane, jobs)
    await claim(lane, jobs, [job_id])
    pushes = await jobs.set_back(lane, [Finish(job_id, 1, Decision(Event.RETRY, delay=30, error=BOOM))])
    row = await row_of(lane, job_id)
    assert (row["state"], row["failures"], row["generation"], row["standing"]) == ("queued", 1, 2, 2)
    assert row["run_at"] - row["queued_at"] == timedelta(seconds=30)
    push = pushes[job_id]
    assert push is not None
    assert (push.generation, push.failures) == (2, 1)
    assert await outbox(lane) == [(job_id, 1), (job_id, 2)]
    (attempt,) = await lane.fetch("select * from toril.job_attempts")
    assert (attempt["outcome"], attempt["error_kind"], attempt["stack"]) == ("failed", *BOOM[::2])


async def test_snoozes_and_interruptions_are_free(lane: Lane, jobs: Jobs) -> None:
    ids = await submit(lane, jobs, new(), new())
    await claim(lane, jobs, ids)
    snooze, interrupt = Decision(Event.SNOOZE, delay=5), Decision(Event.INTERRUPT)
    await jobs.set_back(lane, [Finish(ids[0], 1, snooze), Finish(ids[1], 1, interrupt)])
    snoozed, interrupted = await row_of(lane, ids[0]), await row_of(lane, ids[1])
    assert (snoozed["failures"], snoozed["interruptions"], snoozed["standing"]) == (0, 0, 1)
    assert (interrupted["failures"], interrupted["interruptions"], interrupted["standing"]) == (0, 1, 0)


async def test_an_outcome_written_twice_is_recognised_as_its_own(lane: Lane, jobs: Jobs) -> None:
    ids = await submit(lane, jobs, new(), new(), new())
    await claim(lane, jobs, ids)
    done = Finish(ids[0], 1, Decision(Event.COMPLETE, result="1"))
    retried = Finish(ids[1], 1, Decision(Event.RETRY, error=BOOM))
    await jobs.complete(lane, [done])
    await jobs.set_back(lane, [retried])
    assert await jobs.complete(lane, [done]) == set()
    assert await jobs.set_back(lane, [retried]) == {}
    running = Finish(ids[2], 1, Decision(Event.COMPLETE, result="1"))
    assert await jobs.ownership(lane, [done, retried, running]) == {
        ids[0]: done.decision,
        ids[1]: retried.decision,
    }


async def test_a_completion_on_record_counts_whatever_its_attempt_came_to_afterwards(
    lane: Lane, jobs: Jobs
) -> None:
    (job_id,) = await submit(lane, jobs)
    await claim(lane, jobs, [job_id])
    await jobs.complete(lane, [Finish(job_id, 1, Decision(Event.COMPLETE, result='{"n": 1}'))])
    failed = Finish(job_id, 1, Decision(Event.RETRY, error=BOOM))
    assert await jobs.set_back(lane, [failed]) == {}
    owned = await jobs.ownership(lane, [failed])
    assert owned == {job_id: Decision(Event.COMPLETE, result='{"n": 1}')}


async def test_a_run_that_was_rescued_does_not_own_the_outcome(lane: Lane, jobs: Jobs) -> None:
    (job_id,) = await submit(lane, jobs)
    await claim(lane, jobs, [job_id])
    await lane.fetch("update toril.workers set state = 'lost'")
    await jobs.rescue(lane, limit=10, outcome="crashed")
    late = Finish(job_id, 1, Decision(Event.COMPLETE, result="1"))
    assert await jobs.complete(lane, [late]) == set()
    assert await jobs.ownership(lane, [late]) == {}


async def test_the_jobs_of_lost_workers_are_taken_back_and_those_of_live_ones_are_not(
    lane: Lane, jobs: Jobs
) -> None:
    alive, gone = await join(lane), await join(lane)
    ids = await submit(lane, jobs, new(), new())
    await claim(lane, jobs, ids[:1], alive)
    await claim(lane, jobs, ids[1:], gone)
    await lane.fetch("update toril.workers set state = 'lost' where id = $1", gone)
    (rescued,) = await jobs.rescue(lane, limit=10, outcome="crashed")
    assert rescued.id == ids[1]
    assert rescued.push is not None
    row = await row_of(lane, ids[1])
    assert (row["state"], row["crashes"], row["failures"]) == ("queued", 1, 0)
    assert (await row_of(lane, ids[0]))["state"] == "active"


async def test_a_job_that_kills_its_workers_fails_as_poison(lane: Lane, jobs: Jobs) -> None:
    (job_id,) = await submit(lane, jobs, new(max_crashes=2))
    for expected in ("queued", "failed"):
        await claim(lane, jobs, [job_id])
        await lane.fetch("update toril.workers set state = 'lost'")
        (rescued,) = await jobs.rescue(lane, limit=10, outcome="crashed")
        assert (await row_of(lane, job_id))["state"] == expected
        assert (rescued.push is None) == (expected == "failed")
    (first, second) = await lane.fetch("select * from toril.job_attempts order by attempt")
    assert (first["error_kind"], second["error_kind"]) == ("WorkerLost", "Poison")


async def test_a_worker_gets_back_only_what_it_does_not_hold(lane: Lane, jobs: Jobs) -> None:
    me, other = await join(lane), await join(lane)
    ids = await submit(lane, jobs, new(), new(), new())
    await claim(lane, jobs, ids[:2], me)
    await claim(lane, jobs, ids[2:], other)
    (handed_back,) = await jobs.rescue(
        lane, limit=10, outcome="interrupted", worker=me, held=[(ids[0], 1), (ids[1], 7)]
    )
    assert handed_back.id == ids[1]
    row = await row_of(lane, ids[1])
    assert (row["state"], row["interruptions"], row["crashes"]) == ("queued", 1, 0)


async def test_jobs_beyond_the_last_partition_make_their_own(lane: Lane, jobs: Jobs) -> None:
    await lane.fetch("select setval('toril.job_ids', 40000000)")
    (job_id,) = await submit(lane, jobs)
    assert job_id > 40_000_000  # the first try used an id up
    parts = await lane.fetch("select relname from pg_class where relname ~ '^jobs_[0-9]+$'")
    assert "jobs_10" in {row["relname"] for row in parts}
