import asyncio
from collections.abc import Callable

import pytest
from tests.unit.api.memory import Memory, registered

from toril.domain.errors import Unavailable
from toril.domain.views import RegisteredJob
from toril.operations.catalog import Catalog, unregistered


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class GatedRegistry(Memory):
    """A registry whose reads wait until they are let go; each returns what was registered when it began."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[asyncio.Event] = []

    async def registered_jobs(self) -> list[RegisteredJob]:
        jobs = await super().registered_jobs()
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        return jobs


@pytest.fixture
def memory() -> Memory:
    memory = Memory()
    memory.registered = [registered("a")]
    return memory


async def test_a_refresh_takes_over_what_is_registered(memory: Memory) -> None:
    catalog = Catalog(memory)
    assert catalog.get("a") is None

    await catalog.refresh()
    assert catalog.get("a") is not None

    memory.registered = [registered("b")]
    await catalog.refresh()
    assert catalog.get("a") is None
    assert catalog.get("b") is not None


async def test_schemas_are_compiled_again_only_when_they_change(memory: Memory) -> None:
    catalog = Catalog(memory)
    memory.registered = [registered("a"), registered("b")]
    await catalog.refresh()
    before = {name: catalog.get(name) for name in "ab"}

    memory.registered = [registered("a"), registered("b", '{"type": "object"}')]
    await catalog.refresh()

    assert catalog.get("a") is before["a"]
    assert catalog.get("b") is not before["b"]


async def test_a_failed_refresh_keeps_the_last_snapshot(memory: Memory) -> None:
    catalog = Catalog(memory)
    await catalog.refresh()
    memory.failure = Unavailable("down")

    with pytest.raises(Unavailable):
        await catalog.refresh()
    assert catalog.get("a") is not None


async def test_a_name_that_is_missing_is_looked_up_again(memory: Memory) -> None:
    catalog = Catalog(memory, spacing=0.0)
    await catalog.refresh()
    memory.registered.append(registered("new"))

    assert await catalog.find("new", since=catalog.now()) is not None
    assert await catalog.find("nobody", since=catalog.now()) is None


async def test_a_name_that_is_known_costs_no_read(memory: Memory) -> None:
    catalog = Catalog(memory)
    await catalog.refresh()

    await catalog.find("a", since=catalog.now())

    assert memory.registry_reads == 1


async def test_a_snapshot_that_is_new_enough_answers_without_a_read(memory: Memory) -> None:
    clock = Clock()
    catalog = Catalog(memory, clock=clock)
    await catalog.refresh()

    assert await catalog.find("nobody", since=clock.seconds) is None
    assert memory.registry_reads == 1


async def test_all_that_miss_at_the_same_time_share_one_read(memory: Memory) -> None:
    catalog = Catalog(memory, spacing=0.01)
    await catalog.refresh()
    memory.registered.append(registered("new"))

    found = await asyncio.gather(*(catalog.find("new", since=catalog.now()) for _ in range(100)))

    assert all(found)
    assert memory.registry_reads == 2


async def test_unknown_names_can_not_flood_the_registry(memory: Memory) -> None:
    catalog = Catalog(memory, spacing=0.05)
    await catalog.refresh()
    started = catalog.now()

    for number in range(4):
        assert await catalog.find(f"unknown-{number}", since=catalog.now()) is None

    assert catalog.now() - started >= 4 * 0.05
    assert memory.registry_reads == 5


async def test_a_read_that_was_under_way_does_not_answer_for_names_registered_since() -> None:
    registry = GatedRegistry()
    catalog = Catalog(registry, spacing=0.0)
    early = asyncio.create_task(catalog.find("new", since=catalog.now()))
    await _until(lambda: len(registry.gates) == 1)

    registry.registered = [registered("new")]
    late = asyncio.create_task(catalog.find("new", since=catalog.now()))
    registry.gates[0].set()
    assert await early is None

    await _until(lambda: len(registry.gates) == 2)
    registry.gates[1].set()
    assert await late is not None


async def test_there_is_one_read_at_a_time() -> None:
    registry = GatedRegistry()
    catalog = Catalog(registry, spacing=0.0)
    refresh = asyncio.create_task(catalog.refresh())
    find = asyncio.create_task(catalog.find("new", since=catalog.now()))

    await _until(lambda: len(registry.gates) == 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(registry.gates) == 1

    registry.gates[0].set()
    await _until(lambda: len(registry.gates) == 2)
    registry.gates[1].set()
    await asyncio.gather(refresh, find)


async def test_one_request_that_goes_away_does_not_fail_the_others() -> None:
    registry = GatedRegistry()
    registry.registered = [registered("new")]
    catalog = Catalog(registry, spacing=0.0)
    leaver = asyncio.create_task(catalog.find("new", since=catalog.now()))
    stayer = asyncio.create_task(catalog.find("new", since=catalog.now()))
    await _until(lambda: len(registry.gates) == 1)

    leaver.cancel()
    registry.gates[0].set()

    assert await stayer is not None


async def test_a_registry_that_can_not_be_read_fails_the_lookup(memory: Memory) -> None:
    memory.failure = Unavailable("down")
    catalog = Catalog(memory)

    with pytest.raises(Unavailable):
        await catalog.find("a", since=catalog.now())


async def test_the_error_for_an_unknown_name_suggests_the_nearest(memory: Memory) -> None:
    catalog = Catalog(memory)
    memory.registered = [registered("thumbnail"), registered("report")]
    await catalog.refresh()

    near, far = catalog.unknown("thumbnial"), catalog.unknown("x" * 5000)

    assert (near.hint or "").startswith("did you mean 'thumbnail'? Otherwise start a worker")
    assert (far.hint or "").startswith("start a worker")
    assert len(str(far)) < 200


def test_a_name_that_nobody_has_registered_takes_any_object() -> None:
    kind = unregistered("later")

    assert (kind.registered.name, kind.registered.queue) == ("later", "default")
    kind.schema.check({"a": [1]}, 10)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it did not happen")
