"""Every (state, event) pair against the real statements: exactly what the table allows takes effect."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.store.situations import BOOM, claim, join, new, put_into, row_of
from toril.domain.job import ClaimedJob, Held, OnConflict, Unique
from toril.domain.lifecycle import Event, State, transition
from toril.domain.outcome import Decision
from toril.store.connection import Database, Lane
from toril.store.jobs import Finish, Jobs
from toril.store.recording import Recorded

Try = Callable[[Lane, Jobs, ClaimedJob], Awaitable[object]]


def finish(event: Event) -> Try:
    async def attempt(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
        decision = Decision(event, error=BOOM)  # type: ignore[arg-type]  # every event of a set-back in turn
        return await jobs.set_back(lane, [Finish(job.id, job.attempt, decision)])

    return attempt


async def try_claim(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
    return await claim(lane, jobs, [job.id])


async def try_complete(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
    return await jobs.complete(lane, [Finish(job.id, job.attempt, Decision(Event.COMPLETE, result="2"))])


async def try_rescue(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
    await lane.fetch("update toril.workers set state = 'lost'")
    return await jobs.rescue(lane, limit=10, outcome="crashed")


async def try_poison(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
    await lane.fetch("update toril.jobs set crashes = max_crashes - 1 where id = $1", job.id)
    return await try_rescue(lane, jobs, job)


async def try_revise(lane: Lane, jobs: Jobs, job: ClaimedJob) -> object:
    """Replace it, as whoever holds a unique key."""
    await lane.fetch(
        "insert into toril.unique_keys (name, key, job_id, held, expires_at)"
        " values ('noop', 'k', $1, 'ttl', now() + interval '1 hour')",
        job.id,
    )
    unique = Unique("k", Held.TTL, OnConflict.REPLACE, 60.0)
    (answer,) = await jobs.record(lane, [new(payload='{"i": 2}', unique=unique)])
    return isinstance(answer, Recorded)


TRIES: dict[Event, Try] = {
    Event.REVISE: try_revise,
    Event.CLAIM: try_claim,
    Event.COMPLETE: try_complete,
    Event.RESCUE: try_rescue,
    Event.POISON: try_poison,
    **{
        event: finish(event)
        for event in (Event.FAIL, Event.RETRY, Event.SNOOZE, Event.INTERRUPT, Event.CANCEL)
    },
}


NOT_OF_AN_ATTEMPT = (Event.REVISE, Event.CLAIM, Event.RESCUE, Event.POISON)


def test_every_event_is_tried() -> None:
    assert set(TRIES) == set(Event)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(TRIES))
async def test_an_event_takes_effect_exactly_where_the_table_allows_it(
    lane: Lane, state: State, event: Event
) -> None:
    jobs = Jobs(600)
    job = await put_into(lane, jobs, state)
    before = await row_of(lane, job.id)
    matched = await TRIES[event](lane, jobs, job)
    after = await row_of(lane, job.id)
    expected = transition(state, event)
    if expected is None:
        assert not matched
        assert after["state"] == state
        assert after["result"] == before["result"]
        assert after["generation"] == before["generation"]
        assert after["attempt"] == before["attempt"]
    else:
        assert matched
        assert after["state"] == expected


@pytest.mark.parametrize("event", [event for event in TRIES if event not in NOT_OF_AN_ATTEMPT])
async def test_an_outcome_of_an_older_attempt_is_refused(lane: Lane, event: Event) -> None:
    jobs = Jobs(600)
    first = await put_into(lane, jobs, State.ACTIVE)
    await try_rescue(lane, jobs, first)
    (second,) = await claim(lane, jobs, [first.id])
    assert second.attempt == first.attempt + 1
    assert not await TRIES[event](lane, jobs, first)
    assert (await row_of(lane, first.id))["state"] == State.ACTIVE
    assert await TRIES[event](lane, jobs, second)


async def test_only_one_of_many_claims_at_once_is_granted(lane: Lane, database_url: str) -> None:
    jobs = Jobs(600)
    job = await put_into(lane, jobs, State.QUEUED)
    worker = await join(lane)
    lanes = [Database(database_url).lane() for _ in range(8)]
    granted = await asyncio.gather(*(jobs.claim(each, [job.id], worker) for each in lanes))
    assert sum(len(each) for each in granted) == 1
    for each in lanes:
        await each.close()
