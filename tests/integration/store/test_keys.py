"""Idempotency keys and unique keys, on the real tables: who gets which answer, alone and all at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.store.situations import claim, new, row_of, submit
from toril.domain.errors import Conflict, Locked
from toril.domain.job import Effect, Held, Idempotency, NewJob, OnConflict, Submitted, Unique
from toril.domain.lifecycle import Event, Status
from toril.domain.outcome import Decision
from toril.store.connection import Database, Lane
from toril.store.counts import Counts
from toril.store.jobs import Finish, Jobs
from toril.store.keys import Keys
from toril.store.recording import Recorded, Recording


@pytest.fixture
def jobs() -> Jobs:
    return Jobs(600)


@pytest.fixture
async def lanes(database_url: str) -> AsyncIterator[list[Lane]]:
    """Several connections, as of several processes."""
    opened = [Database(database_url).lane(lock_timeout="5s") for _ in range(8)]
    yield opened
    for lane in opened:
        await lane.close()


def keyed(key: str = "k", fingerprint: bytes = b"same", **options: Any) -> NewJob:
    return new(idempotency=Idempotency(key, fingerprint), **options)


def unique(
    on_conflict: OnConflict = OnConflict.RETURN_EXISTING,
    held: Held = Held.ACTIVE,
    *,
    key: str = "u",
    ttl: float | None = None,
    **options: Any,
) -> NewJob:
    return new(unique=Unique(key, held, on_conflict, ttl), **options)


async def record(lane: Lane, jobs: Jobs, *wanted: NewJob) -> list[Submitted]:
    """Record jobs; none of them may meet a conflict."""
    answers = await jobs.record(lane, wanted)
    return [answer.submitted for answer in answers if isinstance(answer, Recorded)]


async def refused(lane: Lane, jobs: Jobs, job: NewJob) -> Conflict:
    (answer,) = await jobs.record(lane, [job])
    assert isinstance(answer, Conflict)
    return answer


async def count(lane: Lane, table: str = "jobs") -> int:
    (row,) = await lane.fetch(f"select count(*) as n from toril.{table}")  # noqa: S608
    found: int = row["n"]
    return found


async def complete(lane: Lane, jobs: Jobs, job_id: int) -> None:
    (job,) = await claim(lane, jobs, [job_id])
    await jobs.complete(lane, [Finish(job.id, job.attempt, Decision(Event.COMPLETE, result="1"))])


async def test_the_same_key_and_request_again_gives_the_same_job(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, keyed(delay=60))
    (second,) = await record(lane, jobs, keyed(delay=60))
    assert first == Submitted(1, Status.SCHEDULED, Effect.CREATED)
    assert second == Submitted(1, Status.SCHEDULED, Effect.EXISTING)
    assert await count(lane) == 1


async def test_the_same_key_with_another_request_is_a_conflict_that_names_the_job(
    lane: Lane, jobs: Jobs
) -> None:
    (first,) = await record(lane, jobs, keyed())
    conflict = await refused(lane, jobs, keyed(fingerprint=b"other"))
    assert (conflict.code, conflict.job_id) == ("idempotency_conflict", first.id)
    assert await count(lane) == 1


async def test_a_hundred_submits_with_one_key_at_once_make_one_job(lanes: list[Lane], jobs: Jobs) -> None:
    batches = [jobs.record(lane, [keyed() for _ in range(13)]) for lane in lanes]
    answers = [answer for batch in await asyncio.gather(*batches) for answer in batch]
    assert len(answers) >= 100
    effects = [answer.submitted.effect for answer in answers if isinstance(answer, Recorded)]
    assert (effects.count(Effect.CREATED), effects.count(Effect.EXISTING)) == (1, len(answers) - 1)
    assert {answer.submitted.id for answer in answers if isinstance(answer, Recorded)} == {1}
    assert await count(lanes[0]) == 1


async def test_a_key_outlives_its_job_and_ends_with_its_time(lane: Lane) -> None:
    jobs = Jobs(600, Recording(600, idempotency_ttl=3600))
    (first,) = await record(lane, jobs, keyed())
    await lane.fetch("delete from toril.jobs")
    assert await record(lane, jobs, keyed()) == [first._replace(effect=Effect.EXISTING)]
    await lane.fetch("update toril.idempotency_keys set expires_at = now()")
    (again,) = await record(lane, jobs, keyed(fingerprint=b"other"))
    assert again == Submitted(2, Status.PENDING, Effect.CREATED)
    (row,) = await lane.fetch("select expires_at - now() as left from toril.idempotency_keys")
    assert 3590 < row["left"].total_seconds() <= 3600


async def test_jobs_with_and_without_keys_share_a_batch_in_their_order(lane: Lane, jobs: Jobs) -> None:
    batch = [new(), keyed("a"), keyed("b"), keyed("a"), unique(), unique(), keyed("a", b"other")]
    answers = await jobs.record(lane, batch)
    ids = [answer.job_id if isinstance(answer, Conflict) else answer.submitted.id for answer in answers]
    assert ids[1] == ids[3] == ids[6]
    assert ids[4] == ids[5]
    assert isinstance(answers[6], Conflict)
    assert len(set(ids)) == 4 == await count(lane)


@pytest.mark.parametrize("held", [Held.QUEUED, Held.ACTIVE])
async def test_a_unique_job_is_returned_while_it_is_queued(lane: Lane, jobs: Jobs, held: Held) -> None:
    (first,) = await record(lane, jobs, unique(held=held))
    (second,) = await record(lane, jobs, unique(held=held))
    assert second == Submitted(first.id, Status.PENDING, Effect.EXISTING)


async def test_a_job_unique_while_queued_lets_another_in_once_it_runs(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique(held=Held.QUEUED))
    await claim(lane, jobs, [first.id])
    (second,) = await record(lane, jobs, unique(held=Held.QUEUED))
    (third,) = await record(lane, jobs, unique(held=Held.QUEUED))
    assert (second.effect, third) == (Effect.CREATED, second._replace(effect=Effect.EXISTING))


async def test_a_job_unique_while_active_keeps_others_out_until_it_has_ended(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique())
    (job,) = await claim(lane, jobs, [first.id])
    assert await record(lane, jobs, unique()) == [Submitted(first.id, Status.ACTIVE, Effect.EXISTING)]
    await jobs.complete(lane, [Finish(job.id, job.attempt, Decision(Event.COMPLETE, result="1"))])
    (second,) = await record(lane, jobs, unique())
    assert second.effect is Effect.CREATED


async def test_a_time_to_live_holds_the_key_even_when_the_job_is_gone(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique(held=Held.TTL, ttl=3600))
    await complete(lane, jobs, first.id)
    assert [each.status for each in await record(lane, jobs, unique(held=Held.TTL, ttl=3600))] == [
        "completed"
    ]
    await lane.fetch("delete from toril.jobs")
    assert [each.id for each in await record(lane, jobs, unique(held=Held.TTL, ttl=3600))] == [first.id]
    await lane.fetch("update toril.unique_keys set expires_at = now()")
    (second,) = await record(lane, jobs, unique(held=Held.TTL, ttl=3600))
    assert second.effect is Effect.CREATED


async def test_keys_of_jobs_with_other_names_are_other_keys(lane: Lane, jobs: Jobs) -> None:
    made = await record(lane, jobs, unique(name="a"), unique(name="b"))
    assert [each.effect for each in made] == [Effect.CREATED] * 2


async def test_reject_refuses_and_leaves_no_trace(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique())
    job = unique(OnConflict.REJECT)._replace(idempotency=Idempotency("i", b"x"))
    conflict = await refused(lane, jobs, job)
    assert (conflict.code, conflict.job_id, conflict.field) == ("unique_conflict", first.id, "unique.key")
    assert (await count(lane), await count(lane, "idempotency_keys")) == (1, 0)
    await complete(lane, jobs, first.id)
    (second,) = await record(lane, jobs, job)
    assert second.effect is Effect.CREATED


async def test_replace_gives_a_queued_job_the_new_payload_options_and_time(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique(delay=60))
    replacement = unique(
        OnConflict.REPLACE, payload='{"i": 2}', priority=7, max_attempts=9, timeout=5.0, delay=7200
    )
    (answer,) = await jobs.record(lane, [replacement])
    assert isinstance(answer, Recorded)
    assert answer.submitted == Submitted(first.id, Status.SCHEDULED, Effect.REPLACED)
    row = await row_of(lane, first.id)
    assert (row["payload"], row["priority"], row["max_attempts"], row["timeout"]) == ('{"i": 2}', 7, 9, 5.0)
    assert (row["run_at"] - row["queued_at"]).total_seconds() == 7200
    assert answer.push is not None
    assert (answer.push.generation, answer.push.payload) == (2, '{"i": 2}')
    promised = await lane.fetch("select generation from toril.outbox where job_id = $1", first.id)
    assert {row["generation"] for row in promised} == {1, 2}


async def test_replace_is_refused_once_the_job_runs_because_the_payload_would_be_lost(
    lane: Lane, jobs: Jobs
) -> None:
    (first,) = await record(lane, jobs, unique())
    await claim(lane, jobs, [first.id])
    conflict = await refused(lane, jobs, unique(OnConflict.REPLACE, payload='{"i": 2}'))
    assert conflict.job_id == first.id
    assert "no longer be replaced" in conflict.message


async def test_extend_postpones_a_queued_job_and_never_brings_it_forward(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique(delay=600))
    for delay, expected in ((3600, 3600), (60, 3600)):
        (answer,) = await record(lane, jobs, unique(OnConflict.EXTEND, payload='{"i": 2}', delay=delay))
        assert answer == Submitted(first.id, Status.SCHEDULED, Effect.EXTENDED)
        row = await row_of(lane, first.id)
        assert (row["run_at"] - row["created_at"]).total_seconds() == pytest.approx(expected, abs=5)
        assert row["payload"] == '{"i": 1}'


async def test_extend_holds_the_key_for_another_time_to_live(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique(held=Held.TTL, ttl=60))
    await complete(lane, jobs, first.id)
    (answer,) = await record(lane, jobs, unique(OnConflict.EXTEND, Held.TTL, ttl=3600))
    assert answer == Submitted(first.id, Status.COMPLETED, Effect.EXTENDED)
    (row,) = await lane.fetch("select expires_at - now() as left, job_id from toril.unique_keys")
    assert (3590 < row["left"].total_seconds() <= 3600, row["job_id"]) == (True, first.id)


async def test_extend_leaves_a_running_job_alone(lane: Lane, jobs: Jobs) -> None:
    (first,) = await record(lane, jobs, unique())
    await claim(lane, jobs, [first.id])
    (answer,) = await record(lane, jobs, unique(OnConflict.EXTEND, delay=60))
    assert answer == Submitted(first.id, Status.ACTIVE, Effect.EXISTING)


async def test_counts_stay_exact_when_jobs_are_revised(lane: Lane, jobs: Jobs) -> None:
    await record(lane, jobs, unique(delay=60))
    await record(lane, jobs, unique(OnConflict.EXTEND, delay=3600))
    await record(lane, jobs, unique(OnConflict.REPLACE))
    rows = await lane.fetch("select status, sum(n)::int as n from toril.count_deltas group by 1 order by 1")
    assert [(row["status"], row["n"]) for row in rows] == [("pending", 1), ("scheduled", 0)]
    await Counts().fold(lane)


async def test_many_unique_submits_at_once_leave_one_job(lanes: list[Lane], jobs: Jobs) -> None:
    policies = [OnConflict.RETURN_EXISTING, OnConflict.REPLACE, OnConflict.EXTEND, OnConflict.REJECT] * 5
    batches = [jobs.record(lane, [unique(policy) for policy in policies]) for lane in lanes]
    answers = [answer for batch in await asyncio.gather(*batches) for answer in batch]
    created = [a for a in answers if isinstance(a, Recorded) and a.submitted.effect is Effect.CREATED]
    assert len(created) == 1 == await count(lanes[0])
    assert sum(isinstance(answer, Conflict) for answer in answers) == pytest.approx(len(answers) / 4, abs=1)


async def test_a_submit_meets_what_another_transaction_has_committed_while_it_waited(
    database_url: str, lanes: list[Lane], jobs: Jobs
) -> None:
    """The answer must come from the state after the wait, not from before it."""
    connection = await Database(database_url).connect()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "insert into toril.unique_keys (name, key, job_id, held) values ('noop', 'u', 0, 'queued')"
    )
    waiting = asyncio.create_task(record(lanes[0], jobs, unique()))
    (first,) = await submit(lanes[1], jobs)
    await connection.execute("update toril.unique_keys set job_id = $1, held = 'active'", first)
    assert not waiting.done()
    await transaction.commit()
    assert await waiting == [Submitted(first, Status.PENDING, Effect.EXISTING)]
    await connection.close()


async def test_a_key_in_a_transaction_that_stays_open_is_waited_for_only_shortly(
    database_url: str, jobs: Jobs
) -> None:
    connection = await Database(database_url).connect()
    lane = Database(database_url).lane(lock_timeout="50ms")
    async with connection.transaction():
        await connection.execute(
            "insert into toril.unique_keys (name, key, job_id, held) values ('noop', 'u', 0, 'queued')"
        )
        with pytest.raises(Locked, match="Another transaction"):
            await jobs.record(lane, [unique()])
    assert [each.effect for each in await record(lane, jobs, unique())] == [Effect.CREATED]
    await lane.close()
    await connection.close()


async def test_all_or_none_undoes_everything_at_a_conflict_and_says_which(lane: Lane, jobs: Jobs) -> None:
    await record(lane, jobs, unique())
    with pytest.raises(Conflict) as refusal:
        await jobs.record_all(lane, [keyed("a"), new(), unique(OnConflict.REJECT)])
    assert refusal.value.field == "[2].unique.key"
    assert (await count(lane), await count(lane, "idempotency_keys")) == (1, 0)
    recorded = await jobs.record_all(lane, [keyed("a"), new(), unique()])
    assert [each.submitted.effect for each in recorded] == ["created", "created", "existing"]


async def test_keys_that_nobody_needs_any_more_are_forgotten(lane: Lane, jobs: Jobs) -> None:
    keys = Keys()
    await record(lane, jobs, keyed("old"), keyed("new"), *(unique(key=f"u{n}") for n in range(5)))
    await lane.fetch("update toril.idempotency_keys set expires_at = now() where key = 'old'")
    for job_id in (3, 5, 7):
        await complete(lane, jobs, job_id)
    assert [await keys.forget(lane, limit=1) for _ in range(8)] == [True, *[False] * 7]
    rows = await lane.fetch(
        "select key from toril.idempotency_keys union all select key from toril.unique_keys"
    )
    assert sorted(row["key"] for row in rows) == ["new", "u1", "u3"]
