"""Outcomes on their way to the record: what can't be written, what came too late, what was down."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Heard
from tests.integration.store.situations import claim, new, row_of, submit
from toril.bootstrap import Core
from toril.domain.errors import Unavailable
from toril.domain.events import OwnershipLost, PartBack, PartDown, ServiceFailed
from toril.domain.job import ClaimedJob
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision, ErrorInfo
from toril.store.connection import Lane
from toril.worker.patience import Patience
from toril.worker.recorder import OutcomeRecorder

DONE = Decision(Event.COMPLETE, result='"done"')


@pytest.fixture
async def forgotten() -> list[tuple[int, int]]:
    return []


@pytest.fixture
async def recorder(
    core: Core, lane: Lane, forgotten: list[tuple[int, int]]
) -> AsyncIterator[OutcomeRecorder]:
    made = OutcomeRecorder(
        core.jobs,
        lane,
        core.broker,
        core.dispatcher,
        Patience("PostgreSQL", core.bus.emit),
        core.bus.emit,
        lambda job_id, attempt: forgotten.append((job_id, attempt)),
    )
    yield made
    await made.drain()


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


async def test_an_outcome_that_came_too_late_is_told_and_discarded(
    core: Core, lane: Lane, recorder: OutcomeRecorder, heard: Heard
) -> None:
    (job,) = await claimed(core, lane, 1)
    await lane.fetch("update toril.workers set state = 'lost'")
    await core.jobs.rescue(lane, limit=10, outcome="crashed")
    await recorder.record(job, DONE)
    assert heard.of(OwnershipLost) == [OwnershipLost(job.id, 1, '"done"')]
    assert (await row_of(lane, job.id))["result"] is None


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
