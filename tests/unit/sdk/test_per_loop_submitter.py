"""sdk/submitting.py: one connection per event loop, opened once."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.unit.sdk.desk import Desk

from toril import NewJob, Submitted, Unavailable
from toril.sdk.submitting import PerLoopSubmitter

JOB = NewJob("default", "job", "{}")


class Connection(Desk):
    """A submitter that works on the loop that opened it only, as real connections do."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()

    async def submit(self, jobs: Sequence[NewJob], *, conn: object | None = None) -> list[Submitted]:
        assert asyncio.get_running_loop() is self.loop
        assert not self.closed
        return await super().submit(jobs, conn=conn)

    async def close(self) -> None:
        assert asyncio.get_running_loop() is self.loop
        await super().close()


class Opener:
    """Opens connections, and counts; fails as often as told."""

    def __init__(self, *, failures: int = 0) -> None:
        self.opened: list[Connection] = []
        self.failures = failures

    async def __call__(self) -> Connection:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise Unavailable("PostgreSQL is down")
        self.opened.append(Connection())
        return self.opened[-1]


async def test_the_first_submits_share_one_connection() -> None:
    opener = Opener()
    submitter = PerLoopSubmitter(opener)
    await asyncio.gather(*(submit_one(submitter) for _ in range(10)))
    await submit_one(submitter)
    assert len(opener.opened) == 1


def test_another_event_loop_gets_another_connection() -> None:
    opener = Opener()
    submitter = PerLoopSubmitter(opener)
    for _ in range(3):
        asyncio.run(submit_one(submitter))
    assert len(opener.opened) == 3
    assert len(submitter._opening) == 1


async def submit_one(submitter: PerLoopSubmitter) -> None:
    await (await submitter.connect()).submit([JOB])


async def test_a_connection_that_could_not_be_opened_is_tried_again() -> None:
    opener = Opener(failures=1)
    submitter = PerLoopSubmitter(opener)
    with pytest.raises(Unavailable):
        await submit_one(submitter)
    await submit_one(submitter)
    assert len(opener.opened) == 1


async def test_a_caller_that_gives_up_does_not_take_the_connection_from_the_others() -> None:
    opener = Opener()
    submitter = PerLoopSubmitter(opener)
    impatient = asyncio.create_task(submit_one(submitter))
    patient = asyncio.create_task(submit_one(submitter))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert impatient.cancelled()
    assert len(opener.opened) == 1


async def test_closing_closes_what_was_opened_and_a_later_submit_opens_again() -> None:
    opener = Opener()
    submitter = PerLoopSubmitter(opener)
    await submitter.close()
    await submit_one(submitter)
    await submitter.close()
    assert opener.opened[0].closed
    await submit_one(submitter)
    assert not opener.opened[1].closed


async def test_closing_while_the_connection_opens_waits_for_it() -> None:
    opener = Opener()
    submitter = PerLoopSubmitter(opener)
    opening = asyncio.create_task(submitter.connect())
    await asyncio.sleep(0)
    await submitter.close()
    assert opener.opened[0].closed
    await opening


async def test_closing_what_never_opened_is_no_error() -> None:
    submitter = PerLoopSubmitter(Opener(failures=1))
    opening = asyncio.create_task(submitter.connect())
    await asyncio.sleep(0)
    await submitter.close()
    with pytest.raises(Unavailable):
        await opening
