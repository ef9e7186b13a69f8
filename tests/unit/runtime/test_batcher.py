"""The batcher: batches that fill themselves, in order, bounded, each item with its own result."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.errors import Unavailable
from toril.runtime.batcher import Batcher


class Writer:
    """Writes batches when it is let; keeps them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def __call__(self, batch: list[int]) -> Sequence[int | Exception]:
        await self.may_write.wait()
        self.batches.append(batch)
        return [ValueError(f"bad {item}") if item < 0 else item * 2 for item in batch]


def batcher(writer: Writer, max_batch: int = 100, max_waiting: int = 1000) -> Batcher[int, int]:
    return Batcher("numbers", writer, max_batch=max_batch, max_waiting=max_waiting)


async def test_a_lone_item_is_written_at_once() -> None:
    writer = Writer()
    assert await batcher(writer).offer(1) == 2
    assert writer.batches == [[1]]


async def test_while_one_batch_is_in_flight_the_next_one_fills() -> None:
    writer = Writer()
    writer.may_write.clear()
    numbers = batcher(writer, max_batch=50)
    first = numbers.offer(0)
    await asyncio.sleep(0)
    rest = [numbers.offer(n) for n in range(1, 121)]
    writer.may_write.set()
    assert await asyncio.gather(first, *rest) == [2 * n for n in range(121)]
    assert [len(batch) for batch in writer.batches] == [1, 50, 50, 20]


async def test_an_item_that_fails_fails_alone() -> None:
    numbers = batcher(Writer())
    results = await asyncio.gather(*(numbers.offer(n) for n in (1, -5, 3)), return_exceptions=True)
    assert [str(result) for result in results] == ["2", "bad -5", "6"]


async def test_a_writer_that_fails_fails_its_batch_and_the_next_one_is_written() -> None:
    calls = []

    async def write(batch: list[int]) -> list[int]:
        calls.append(batch)
        if len(calls) == 1:
            raise Unavailable("down")
        return batch

    numbers: Batcher[int, int] = Batcher("numbers", write, max_batch=10, max_waiting=10)
    with pytest.raises(Unavailable):
        await numbers.offer(1)
    assert await numbers.offer(2) == 2


async def test_a_full_batcher_refuses_and_makes_others_wait_until_there_is_room() -> None:
    writer = Writer()
    writer.may_write.clear()
    numbers = batcher(writer, max_batch=5, max_waiting=3)
    accepted = [numbers.offer(0)]
    await asyncio.sleep(0)  # this one is in flight
    accepted += [numbers.offer(n) for n in range(3)]
    with pytest.raises(Unavailable, match="numbers"):
        numbers.offer(9)
    waiting = asyncio.ensure_future(numbers.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    writer.may_write.set()
    await waiting
    await asyncio.gather(*accepted)


async def test_a_caller_that_gives_up_does_not_take_others_with_it() -> None:
    writer = Writer()
    writer.may_write.clear()
    numbers = batcher(writer)
    leaver, stayer = numbers.offer(1), numbers.offer(2)
    await asyncio.sleep(0)
    leaver.cancel()
    writer.may_write.set()
    assert await stayer == 4


async def test_draining_waits_for_everything() -> None:
    writer = Writer()
    numbers = batcher(writer, max_batch=2)
    for n in range(5):
        numbers.add(n)
    await numbers.drain()
    assert [item for batch in writer.batches for item in batch] == list(range(5))
    assert numbers.idle


@given(st.lists(st.integers(0, 1000), max_size=200), st.integers(1, 50))
def test_order_is_kept_and_nothing_is_lost_or_doubled(items: list[int], max_batch: int) -> None:
    async def run() -> None:
        writer = Writer()
        numbers = batcher(writer, max_batch=max_batch)
        results = await asyncio.gather(*(numbers.offer(item) for item in items))
        assert results == [2 * item for item in items]
        assert [item for batch in writer.batches for item in batch] == items
        assert all(len(batch) <= max_batch for batch in writer.batches)

    asyncio.run(run())
