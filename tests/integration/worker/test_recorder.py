"""Outcomes on their way to the record: what can't be written, what came too late, what was down."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.conftest import Heard
from tests.integration.store.situations import claim, new, row_of, submit
from toril.bootstrap import Core
from toril.domain.errors import Unavailable
from toril.domain.events import OwnershipLost, PartBack, PartDown, ServiceFailed
from toril.domain.job import ClaimedJob
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision, ErrorInfo
from toril.store.connection import Database, Lane
from toril.store.discarded import KEPT, PRUNE_LIMIT, DiscardedOutcomes
from toril.store.reader import Reader
from toril.worker.discards import MAX_KIND, MAX_RESULT, Discards
from toril.worker.patience import Patience
from toril.worker.recorder import OutcomeRecorder

DONE = Decision(Event.COMPLETE, result='"done"')


@pytest.fixture
async def forgotten() -> list[tuple[int, int]]:
    return []


@pytest.fixture
async def discards(core: Core, database_url: str) -> AsyncIterator[Discards]:
    own = Database(database_url).lane()
    yield Discards(own, core.bus.emit)
    await own.close()


@pytest.fixture
async def recorder(
    core: Core, lane: Lane, forgotten: list[tuple[int, int]], discards: Discards
) -> AsyncIterator[OutcomeRecorder]:
    made = OutcomeRecorder(
        core.jobs,
        lane,
        core.broker,
        core.dispatcher,
        Patience("PostgreSQL", core.bus.emit),
        core.bus.emit,
        lambda job_id, attempt: forgotten.append((job_id, attempt)),
        discards,
        core.progress,
    )
    yield made
    await made.drain()
    await discards.drain()


async def claimed(core: Core, lane: Lane, count: int) -> list[ClaimedJob]:
    return await claim(lane, core.jobs, await submit(lane, core.jobs, *[new() for _ in range(count)]))


async def test_a_result_that_postgresql_refuses_fails_its_job_and_no_neighbour(
    core: Core, lane: Lane, recorder: OutcomeRecorder
) -> None:
    first, second, third = await claimed(core, lane, 3)
    recorder.record(first, DONE)
    recorder.record(second, Decision(Event.COMPLETE, result='"\\u0000"'))
    recorder.record(third, DONE)
    await recorder.drain()
    states = [(await row_of(lane, job.id))["state"] for job in (first, second, third)]
    assert states == ["completed", "failed", "completed"]


async def test_an_outcome_that_can_not_be_written_is_told_and_costs_no_neighbour(
    core: Core, lane: Lane, recorder: OutcomeRecorder, heard: Heard, forgotten: list[tuple[int, int]]
) -> None:
    first, second = await claimed(core, lane, 2)
    recorder.record(first, Decision(Event.RETRY, error=ErrorInfo("E", "a NUL \x00 that nobody removed")))
    recorder.record(second, Decision(Event.RETRY, error=ErrorInfo("E", "fine")))
    await recorder.drain()
    assert [(await row_of(lane, job.id))["state"] for job in (first, second)] == ["active", "queued"]
    assert len(heard.of(ServiceFailed)) == 1
    assert sorted(forgotten) == [(first.id, 1), (second.id, 1)]


async def rescued(core: Core, lane: Lane) -> None:
    """Take all jobs back from their worker."""
    await lane.fetch("update toril.workers set state = 'lost'")
    await core.jobs.rescue(lane, limit=1_000, outcome="crashed")


async def test_an_outcome_that_came_too_late_is_told_discarded_and_kept_for_a_look(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard, reader: Reader
) -> None:
    late, other = await claimed(core, lane, 2)
    await rescued(core, lane)
    (again,) = await claim(lane, core.jobs, [other.id])
    recorder.record(again, DONE)
    await recorder.record(late, DONE)
    await discards.drain()
    assert heard.of(OwnershipLost) == [OwnershipLost(late.id, 1, '"done"')]
    assert (await row_of(lane, late.id))["result"] is None
    assert (await row_of(lane, other.id))["state"] == "completed"
    history, own = await reader.history(late.id), await reader.history(other.id)
    assert history
    assert own
    (kept,) = history.discarded
    assert (kept.attempt, kept.event, kept.result, kept.error_kind) == (1, "complete", '"done"', None)
    assert kept.worker == history.attempts[0].worker
    assert own.discarded == []


async def test_what_is_kept_of_a_discarded_outcome_is_bounded_and_storable(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard, reader: Reader
) -> None:
    failed, huge, forbidden = await claimed(core, lane, 3)
    await rescued(core, lane)
    error = ErrorInfo("E\0" * 1_000, "\ud800 and \0 " * 10_000, "a stack")
    recorder.record(failed, Decision(Event.FAIL, error=error._replace(message="fine", kind="E")))
    recorder.record(huge, Decision(Event.COMPLETE, result='"' + "x" * 1_000_000 + '"'))
    await recorder.drain()
    discards.keep(forbidden, Decision(Event.FAIL, error=error))
    await discards.drain()
    shown = [await reader.history(job.id) for job in (failed, huge, forbidden)]
    one, two, three = [history.discarded[0] for history in shown if history]
    assert (one.event, one.result, one.error_kind, one.error_message) == ("fail", None, "E", "fine")
    assert two.result
    assert MAX_RESULT < len(two.result) < MAX_RESULT + 100
    assert three.error_kind
    assert len(three.error_kind) < 10 * MAX_KIND
    assert heard.of(ServiceFailed) == []


async def test_keeping_discarded_outcomes_never_holds_up_or_fails_the_record_of_others(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard
) -> None:
    late, other, broken = await claimed(core, lane, 3)
    await rescued(core, lane)
    (again,) = await claim(lane, core.jobs, [other.id])
    async with lane.transaction() as transaction:
        await transaction.execute("lock table toril.discarded_outcomes")  # whoever writes there waits
        writing = Database(core.settings.database_url).lane()
        recorder._lane = writing
        await recorder.record(late, DONE)
        await recorder.record(again, DONE)
    recorder._lane = lane
    await discards.drain()
    await writing.close()
    assert (await row_of(lane, other.id))["state"] == "completed"
    await lane.fetch("drop table toril.discarded_outcomes")
    await recorder.record(broken, DONE)
    await discards.drain()
    (failed,) = heard.of(ServiceFailed)
    assert isinstance(failed, ServiceFailed)
    assert failed.service == "discards"


async def test_discarded_outcomes_are_dropped_after_a_week_or_beyond_a_number_in_bounded_steps(
    core: Core, lane: Lane
) -> None:
    insert = (
        "insert into toril.discarded_outcomes (job_id, attempt, worker, event, at) "
        "select n, 1, gen_random_uuid(), 'complete', now() - $3::interval "
        "from generate_series($1::int, $2::int) as n"
    )
    await lane.fetch(insert, 1, PRUNE_LIMIT + 5, timedelta(days=8))
    await lane.fetch(insert, 2_001, 2_010, timedelta(days=6))
    store = DiscardedOutcomes()
    assert [await store.prune(lane) for _ in range(3)] == [PRUNE_LIMIT, 5, 0]
    await lane.fetch(insert, 3_001, 3_000 + KEPT, timedelta(0))
    assert [await store.prune(lane) for _ in range(2)] == [10, 0]
    assert (await lane.fetch("select min(job_id), count(*) from toril.discarded_outcomes"))[0] == (
        3_001,
        KEPT,
    )


async def test_the_recorder_is_silent_only_while_it_has_something_to_write(
    core: Core, lane: Lane, recorder: OutcomeRecorder
) -> None:
    (job,) = await claimed(core, lane, 1)
    assert not [silence for silence in core.progress.silences() if silence.loop == "recorder"]
    async with lane.transaction():
        recorder.record(job, DONE)
        (silence,) = [silence for silence in core.progress.silences() if silence.loop == "recorder"]
        assert not silence.overdue
    await recorder.drain()
    assert not [silence for silence in core.progress.silences() if silence.loop == "recorder"]


async def test_an_outcome_is_recorded_once_when_the_answer_of_the_first_write_was_lost(
    core: Core, lane: Lane, recorder: OutcomeRecorder, heard: Heard
) -> None:
    (job,) = await claimed(core, lane, 1)
    await recorder.record(job, DONE)
    await recorder.record(job, DONE)
    assert heard.of(OwnershipLost) == []
    assert (await row_of(lane, job.id))["state"] == "completed"


async def test_patience_tells_once_that_a_part_went_and_once_that_it_came_back(
    core: Core, heard: Heard
) -> None:
    tries = []

    async def call() -> str:
        tries.append(1)
        if len(tries) < 4:
            raise Unavailable("gone fishing")
        return "here"

    assert await Patience("PostgreSQL", core.bus.emit).insist(call) == "here"
    assert [type(event) for event in heard] == [PartDown, PartBack]
