"""The schedule of a chaos run: repeatable, fair to every kind of fault, and possible to carry out."""

from itertools import pairwise
from random import Random

import msgspec
from bench.chaos.arsenal import ARSENAL
from bench.chaos.kinds import APIS, CLIENT, PROFILES, REDIS, WORKERS, Kind, clients_may_notice, resources
from bench.chaos.mix import MUST_END, draw_request
from bench.chaos.schedule import LEAD, draw_schedule
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**63)
SECONDS = st.floats(10, 3_600)
KINDS = st.lists(st.sampled_from(Kind), min_size=1, unique=True)


@given(SEEDS, SECONDS, KINDS)
def test_the_same_seed_gives_the_same_schedule(seed: int, seconds: float, kinds: list[Kind]) -> None:
    assert draw_schedule(seed, seconds, kinds) == draw_schedule(seed, seconds, kinds)


def test_another_seed_gives_another_schedule() -> None:
    assert len({tuple(draw_schedule(seed, 60)) for seed in range(20)}) == 20


@given(SEEDS, SECONDS, KINDS)
def test_every_kind_occurs_once_before_any_comes_again(seed: int, seconds: float, kinds: list[Kind]) -> None:
    drawn = [planned.kind for planned in draw_schedule(seed, seconds, kinds)]
    for start in range(0, len(drawn), len(kinds)):
        chunk = drawn[start : start + len(kinds)]
        assert len(set(chunk)) == len(chunk)


@given(SEEDS, SECONDS)
def test_faults_come_in_order_and_are_healed_in_time(seed: int, seconds: float) -> None:
    schedule = draw_schedule(seed, seconds)
    assert all(one.at <= other.at for one, other in pairwise(schedule))
    assert all(planned.at >= LEAD and planned.ends <= seconds for planned in schedule)


@given(SEEDS, SECONDS)
def test_faults_that_need_the_same_thing_never_overlap(seed: int, seconds: float) -> None:
    free_at: dict[str, float] = {}
    for planned in draw_schedule(seed, seconds):
        for resource in resources(planned.kind, planned.target):
            assert planned.at >= free_at.get(resource, 0.0)
            free_at[resource] = planned.ends


@given(SEEDS, SECONDS)
def test_faults_strike_whom_they_may_for_as_long_as_they_may(seed: int, seconds: float) -> None:
    for planned in draw_schedule(seed, seconds):
        profile = PROFILES[planned.kind]
        assert planned.target in profile.targets
        assert profile.shortest <= planned.seconds <= profile.longest


def test_ten_minutes_have_several_rounds_of_every_kind() -> None:
    drawn = [planned.kind for planned in draw_schedule(7, 600)]
    assert min(drawn.count(kind) for kind in Kind) >= 2


def test_every_kind_can_be_done() -> None:
    assert set(ARSENAL) == set(PROFILES) == set(Kind)


def test_clients_must_not_notice_what_happens_to_redis_and_workers() -> None:
    assert not any(clients_may_notice(kind, REDIS) for kind in Kind if kind.name.startswith("REDIS"))
    assert not any(clients_may_notice(Kind.WORKER_KILL, worker) for worker in WORKERS)
    assert not clients_may_notice(Kind.REDIS_STALL, "everyone")
    assert clients_may_notice(Kind.POSTGRES_STALL, "everyone")
    assert clients_may_notice(Kind.API_PAUSE, APIS[0])
    assert clients_may_notice(Kind.CLIENT_KILL, CLIENT)


def test_the_mix_has_every_kind_of_job_delayed_ones_and_urgent_ones() -> None:
    rng = Random(1)
    drawn = [msgspec.json.decode(draw_request(rng, key)) for key in range(2_000)]
    assert {request["name"] for request in drawn} == set(MUST_END)
    assert [request["payload"]["key"] for request in drawn] == list(range(2_000))
    assert any("delay" in request for request in drawn)
    assert any("priority" in request for request in drawn)
