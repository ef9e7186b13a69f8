"""What Redis has lost or has too many of is put right, and what is right or on its way is left alone."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from tests.conftest import Heard, eventually
from tests.integration.store.situations import BOOM, claim, join, new, submit
from toril.bootstrap import Core, running_keeper
from toril.broker.wire import Interop, Settlement, What
from toril.domain.events import AuditRepaired
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision
from toril.keeper import auditor as auditor_module
from toril.keeper import refiller as refiller_module
from toril.keeper import visit as visit_module
from toril.keeper.auditor import REST, Auditor
from toril.keeper.relay import Relay
from toril.keeper.visit import STEP, Auditing
from toril.settings import Settings
from toril.store.audit import Audit
from toril.store.connection import Lane
from toril.store.jobs import Finish


@pytest.fixture(params=[Interop.BOARD, Interop.OFF])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings of each level, whose queues differ in what there is to compare."""
    return replace(settings, interop=request.param.value)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


class Walk:
    """An auditor whose visits a test makes happen."""

    def __init__(self, core: Core, lane: Lane, *, acting: Callable[[], bool] = lambda: True) -> None:
        self.now = 1_000.0
        auditing = Auditing(core.broker.survey, Audit(core.settings.horizon), lane, lambda: self.now)
        self.auditor = Auditor(auditing, acting=acting, emit=core.bus.emit)

    async def visit(self, times: int = 1) -> int:
        """Visit all queues; return how many steps it took."""
        steps = 0
        for _ in range(times):
            self.now += REST
            await self.auditor.tick()
            steps += 1
            while self.auditor._turns or self.auditor._visits:
                await self.auditor.tick()
                steps += 1
        return steps


@pytest.fixture
def walk(core: Core, lane: Lane) -> Walk:
    return Walk(core, lane)


async def age(lane: Lane) -> None:
    """Let a minute pass for all jobs and promises."""
    await lane.fetch(
        """update toril.jobs
           set queued_at = queued_at - interval '1 minute',
               run_at = case standing when 0 then run_at - interval '1 minute' else run_at end"""
    )
    await lane.fetch("update toril.outbox set push_at = push_at - interval '1 minute' where job_id > 0")


async def relay(core: Core, lane: Lane) -> None:
    """Keep all promises that are due."""
    relay = Relay(core.outbox, lane, core.broker, core.bus.emit)
    while await relay.tick():
        pass


async def told(core: Core, lane: Lane, *jobs: Any) -> list[int]:
    """Submit jobs, and tell Redis, some time ago."""
    ids = await submit(lane, core.jobs, *jobs)
    await age(lane)
    await relay(core, lane)
    return ids


async def take_all(core: Core, worker: Any = None) -> list[int]:
    ids: list[int] = []
    worker, ticket = worker or uuid4(), 1
    while found := (await core.broker.take("default", 100, worker=worker, name="w", ticket=ticket)).ids:
        ids += found
        ticket += 1
    return ids


async def everything(redis: Any, prefix: str) -> dict[str, bytes]:
    """All that this test's keys hold."""
    return {key: await redis.execute_command("DUMP", key, NEVER_DECODE=True)
            async for key in redis.scan_iter(f"{prefix}:*")}  # fmt: skip


async def promises(lane: Lane) -> int:
    return len(await lane.fetch("select from toril.outbox where job_id > 0 and push_at <= now()"))


async def test_a_healthy_queue_is_left_alone(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, heard: Heard
) -> None:
    backlog = [new(priority=n % 7, delay=0 if n % 3 else 300) for n in range(3000)]
    await told(core, lane, *backlog, *[new(delay=86_400) for _ in range(100)])
    worker = await join(lane)
    taken = await core.broker.take("default", 10, worker=worker, name="w", ticket=1)
    running = await claim(lane, core.jobs, taken.ids, worker)
    finishes = [Finish(job.id, 1, Decision(Event.COMPLETE, result="1")) for job in running[:5]]
    await core.jobs.complete(lane, finishes)
    await core.broker.settle([Settlement(each.id, "default", What.COMPLETED, 1, 1, "1") for each in finishes])
    before, events = await everything(redis, prefix), list(heard)
    await walk.visit(3)
    assert await everything(redis, prefix) == before
    assert await promises(lane) == 0
    assert heard == events


PLACES: dict[str, dict[str, Any]] = {"wait": {}, "prioritized": {"priority": 5}, "delayed": {"delay": 300}}


@pytest.mark.parametrize("place", PLACES)
async def test_a_job_that_redis_has_lost_comes_back(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, heard: Heard, place: str
) -> None:
    ids = await told(core, lane, *[new(**PLACES[place]) for _ in range(5)])
    key, lost = f"{prefix}:default:{place}", f"t{ids[2]}"
    assert await (redis.lrem(key, 0, lost) if place == "wait" else redis.zrem(key, lost)) == 1
    await walk.visit()
    assert await promises(lane) == 0  # one look may have been mistaken
    await walk.visit()
    await relay(core, lane)
    there = await (redis.lrange(key, 0, -1) if place == "wait" else redis.zrange(key, 0, -1))
    assert sorted(there) == sorted(f"t{each}" for each in ids)
    assert heard.of(AuditRepaired) == [AuditRepaired("default", 1, 0)]
    await age(lane)
    await walk.visit(2)
    assert len(heard.of(AuditRepaired)) == 1


@pytest.mark.parametrize("gone", ["list", "hashes", "both"])
async def test_a_queue_whose_list_or_hashes_are_gone_runs_all_its_jobs(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, gone: str
) -> None:
    ids = await told(core, lane, *[new() for _ in range(2 * STEP + 500)])
    if gone != "list":
        await redis.delete(*(f"{prefix}:default:t{each}" for each in ids))
    if gone != "hashes":
        await redis.delete(f"{prefix}:default:wait")
    await walk.visit(2)
    await relay(core, lane)
    assert await take_all(core) == ids


async def ended(core: Core, lane: Lane) -> int:
    """A job that has ended, of which Redis has not heard a word."""
    (job,) = await claim(lane, core.jobs, await submit(lane, core.jobs, new()))
    await core.jobs.complete(lane, [Finish(job.id, 1, Decision(Event.COMPLETE, result="1"))])
    await lane.fetch("delete from toril.outbox where job_id = $1", job.id)
    return job.id


SORTED = ("delayed", "prioritized")


@pytest.mark.parametrize("place", ["delayed", "prioritized", "wait", "paused", "active"])
async def test_ids_that_redis_should_not_have_are_removed_with_their_hashes(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, heard: Heard, place: str
) -> None:
    ids = [f"t{each}" for each in await told(core, lane, new(), new(), new())]
    of_another_queue = (await told(core, lane, new(queue="other")))[0]
    ghosts = [f"t{each}" for each in (987_654_321, await ended(core, lane), of_another_queue)]
    base = f"{prefix}:default:"
    for ghost in ghosts:
        await redis.hset(base + ghost, mapping={"name": "noop", "tg": 1})
    if place in SORTED:
        await redis.zadd(base + place, dict.fromkeys([*ghosts, "17"], 9e15))
    else:
        await redis.lpush(base + place, *ghosts, "17", *ghosts)
    before = await everything(redis, prefix)
    await walk.visit()
    assert await everything(redis, prefix) == before
    await walk.visit()
    read = redis.zrange if place in SORTED else redis.lrange
    assert await read(base + place, 0, -1) == ["17", *(ids[::-1] if place == "wait" else [])]
    assert await redis.exists(*(base + ghost for ghost in ghosts)) == 0
    assert heard.of(AuditRepaired) == [AuditRepaired("default", 0, 3 if place in SORTED else 6)]


async def test_what_boards_show_as_finished_stays_when_a_stale_suggestion_of_it_goes(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str
) -> None:
    done, base = await ended(core, lane), f"{prefix}:default:"
    await redis.hset(f"{base}t{done}", "name", "noop")
    await redis.zadd(f"{base}completed", {f"t{done}": 1})
    await redis.lpush(f"{base}wait", f"t{done}")
    await walk.visit(2)
    assert await redis.llen(f"{base}wait") == 0
    assert await redis.hget(f"{base}t{done}", "name") == "noop"


async def test_ghosts_in_the_middle_of_a_long_list_leave_the_others_in_their_order(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str
) -> None:
    ids = await told(core, lane, *[new() for _ in range(2 * STEP)])
    wait, unknown = f"{prefix}:default:wait", 900_000_000
    for n, pivot in enumerate(ids[::20]):
        await redis.linsert(wait, "BEFORE", f"t{pivot}", f"t{unknown + n}")
    await walk.visit(2)
    assert await take_all(core) == ids


async def test_a_job_that_is_queued_but_active_for_redis_is_told_again(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, heard: Heard
) -> None:
    now, later = await told(core, lane, new(), new(delay=86_400))
    await redis.delete(f"{prefix}:default:wait")
    for each in (now, later):  # as their failed mirrors left them
        await redis.lpush(f"{prefix}:default:active", f"t{each}")
        await redis.hset(f"{prefix}:default:t{each}", "processedOn", 1)
    await walk.visit(2)
    assert await redis.llen(f"{prefix}:default:active") == 0
    assert heard.of(AuditRepaired) == [AuditRepaired("default", 1, 2)]
    await relay(core, lane)
    assert await take_all(core) == [now]


async def test_a_job_on_its_way_through_the_queue_is_not_disturbed(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str, heard: Heard
) -> None:
    worker = await join(lane)
    (done, again) = await told(core, lane, new(), new())
    await walk.visit()
    ids = await take_all(core, worker)
    await walk.visit()  # taken, not claimed
    jobs = await claim(lane, core.jobs, ids, worker)
    await walk.visit()  # claimed
    await core.jobs.complete(lane, [Finish(done, 1, Decision(Event.COMPLETE, result="1"))])
    pushes = await core.jobs.set_back(lane, [Finish(again, 1, Decision(Event.RETRY, error=BOOM, delay=1.0))])
    before = await everything(redis, prefix)
    await walk.visit()  # finished, not settled
    assert await everything(redis, prefix) == before
    back = Settlement(again, "default", What.BACK, 1, 1, "boom")
    await core.broker.settle([Settlement(done, "default", What.COMPLETED, 1, 1, "1"), back])
    await walk.visit()  # settled, not pushed
    push = pushes[again]
    assert push is not None
    await core.broker.push([push])
    await core.outbox.settle(lane, [(again, push.generation)])
    await walk.visit(2)
    assert len(jobs) == 2
    assert heard.of(AuditRepaired) == []


async def test_what_is_still_promised_is_not_missed(core: Core, lane: Lane, walk: Walk, heard: Heard) -> None:
    await submit(lane, core.jobs, new(), new(delay=300))
    await age(lane)
    await walk.visit(3)
    assert await promises(lane) == 2
    assert heard.of(AuditRepaired) == []


async def test_what_was_pushed_late_in_a_visit_is_found_by_the_next(
    core: Core, lane: Lane, walk: Walk, heard: Heard
) -> None:
    await submit(lane, core.jobs, *[new() for _ in range(STEP)])
    await age(lane)
    walk.now += REST
    for _ in range(2):
        await relay(core, lane)  # the promises are kept when Redis has been looked at
        await walk.auditor.tick()
    await walk.visit(2)
    assert heard.of(AuditRepaired) == []


async def test_steps_are_bounded_and_a_large_queue_keeps_no_other_waiting(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str
) -> None:
    await told(core, lane, *[new() for _ in range(3 * STEP)])
    assert await walk.visit() in (6, 7)  # of a thousand ids each; the last may find that there are no more
    (small,) = await told(core, lane, new(queue="small"))
    await redis.delete(f"{prefix}:small:wait")
    walk.now += REST
    await walk.auditor.tick()
    await walk.auditor.tick()
    walk.now += REST
    await walk.auditor.tick()
    await walk.auditor.tick()
    assert await promises(lane) == 1
    assert "default" in walk.auditor._visits
    await relay(core, lane)
    assert await redis.lrange(f"{prefix}:small:wait", 0, -1) == [f"t{small}"]


async def test_a_queue_that_redis_refuses_keeps_no_other_from_being_audited(
    core: Core, lane: Lane, walk: Walk, redis: Any, prefix: str
) -> None:
    ids = await told(core, lane, new())
    await submit(lane, core.jobs, new(queue="sick"))
    await redis.delete(f"{prefix}:default:wait")
    await redis.set(f"{prefix}:sick:wait", "rubbish")
    await walk.visit(2)
    await relay(core, lane)
    assert await take_all(core) == ids


async def test_who_is_not_to_act_does_not_and_forgets_what_it_suspected(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard
) -> None:
    acting = [True]
    walk = Walk(core, lane, acting=lambda: bool(acting))
    await told(core, lane, new())
    await redis.delete(f"{prefix}:default:wait")
    await walk.visit()
    acting.clear()
    await walk.auditor.tick()
    acting.append(True)
    await walk.visit()
    assert heard.of(AuditRepaired) == []
    await walk.visit()
    assert len(heard.of(AuditRepaired)) == 1


async def test_the_keeper_brings_lost_jobs_back_by_itself(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor_module, "REST", 0.5)
    monkeypatch.setattr(visit_module, "SETTLED", 0.5)
    monkeypatch.setattr(refiller_module, "SECOND_TIME", 0.0)
    async with running_keeper(core):
        recorded = await core.jobs.insert(lane, [new() for _ in range(50)])
        await core.broker.push([each.push for each in recorded if each.push])
        await lane.fetch("delete from toril.outbox where job_id > 0")
        assert await redis.delete(f"{prefix}:default:wait") == 1

        async def back() -> bool:
            return bool(await redis.llen(f"{prefix}:default:wait") == 50)

        await eventually(back)
    assert await take_all(core) == [each.submitted.id for each in recorded]
