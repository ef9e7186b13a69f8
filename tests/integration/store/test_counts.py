"""The counts are exact, folded or not, whatever has happened to the jobs."""

import random

from tests.integration.store.situations import BOOM, claim, new, submit
from toril.domain.lifecycle import Event, Status
from toril.domain.outcome import Decision
from toril.store.connection import Database, Lane, Readers
from toril.store.counts import Counts
from toril.store.jobs import Finish, Jobs

COUNTED = """
select queue, count(*) as n,
       case when state <> 'queued' then state::text
            when standing = 0 then 'pending'
            when ceil(extract(epoch from run_at) / 10) * 10 <= extract(epoch from now()) then 'pending'
            when failures > 0 then 'retrying'
            else 'scheduled' end as status
from toril.jobs group by queue, status
"""


async def counts_of(database_url: str) -> dict[tuple[str, str], int]:
    readers = Readers(Database(database_url))
    found = {
        (queue.queue, status.value): n
        for queue in await Counts().read(readers)
        for status, n in queue.counts.items()
        if n
    }
    await readers.close()
    return found


async def test_counts_equal_what_counting_the_rows_would_say(lane: Lane, database_url: str) -> None:
    rng, jobs, counts = random.Random(7), Jobs(600), Counts()
    ids: list[int] = []
    for _ in range(30):
        batch = [
            new(queue=rng.choice("abc"), delay=rng.choice([0, 0, 1000, 5000]))
            for _ in range(rng.randint(1, 40))
        ]
        ids += await submit(lane, jobs, *batch)
        granted = await claim(lane, jobs, rng.sample(ids, min(len(ids), 30)))
        outcomes = [Finish(job.id, job.attempt, outcome(rng)) for job in granted[:-2]]
        completes = [each for each in outcomes if each.decision.event is Event.COMPLETE]
        others = [each for each in outcomes if each.decision.event is not Event.COMPLETE]
        if completes:
            await jobs.complete(lane, completes)
        if others:
            await jobs.set_back(lane, others)
        if rng.random() < 0.3:
            await counts.fold(lane)
    expected = {(row["queue"], row["status"]): row["n"] for row in await lane.fetch(COUNTED)}
    assert await counts_of(database_url) == expected
    await counts.fold(lane)
    assert await counts_of(database_url) == expected
    assert await lane.fetch("select from toril.count_deltas") == []


def outcome(rng: random.Random) -> Decision:
    event = rng.choice([Event.COMPLETE, Event.COMPLETE, Event.FAIL, Event.RETRY, Event.SNOOZE, Event.CANCEL])
    result = "1" if event is Event.COMPLETE else None
    return Decision(event, delay=rng.choice([0, 3600]), result=result, error=BOOM)  # type: ignore[arg-type]


async def test_a_delayed_job_is_counted_as_pending_once_its_time_has_come(
    lane: Lane, database_url: str
) -> None:
    jobs, counts = Jobs(600), Counts()
    (job_id,) = await submit(lane, jobs, new(delay=3600))
    await counts.fold(lane)
    assert await counts_of(database_url) == {("default", Status.SCHEDULED): 1}
    # Two hours pass: everything that was written then is moved into the past.
    for statement in (
        "update toril.counts set due = due - interval '2 hours'",
        "update toril.jobs set run_at = run_at - interval '2 hours'",
        "update toril.jobs set queued_at = queued_at - interval '2 hours'",
    ):
        await lane.fetch(statement)
    assert await counts_of(database_url) == {("default", Status.PENDING): 1}
    await claim(lane, jobs, [job_id])
    assert await counts_of(database_url) == {("default", Status.ACTIVE): 1}
    await counts.fold(lane)
    assert await counts_of(database_url) == {("default", Status.ACTIVE): 1}
