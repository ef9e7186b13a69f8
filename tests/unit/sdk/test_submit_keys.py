"""sdk/keys.py: idempotency keys and unique jobs, as users write them and as they go on record."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from tests.unit.sdk.desk import Desk

from toril import Backoff, InvalidInput, NewJob, Toril
from toril.domain.job import Held, OnConflict, Unique
from toril.domain.keys import MAX_KEY, MAX_TTL
from toril.sdk.options import read_options

desk = Desk()
app = Toril(submitter=desk)


@dataclass
class Item:
    sku: str
    count: int


@app.job(queue="orders")
def order(item: Item, tags: set[Any] = frozenset(), notes: dict[str, int] | None = None) -> None:  # type: ignore[assignment]
    """Do nothing."""


@app.job
def lock(unique: str, idempotency_key: str, conn: str) -> None:
    """Its parameters have the names of options."""


def fingerprint(**changes: Any) -> bytes:
    arguments = {"item": Item("a", 1)} | changes.pop("arguments", {})
    job = order.options(idempotency_key="k", **changes).args(**arguments)
    assert job.idempotency
    return job.idempotency.fingerprint


def test_a_key_alone_is_held_while_the_job_is_active_and_answers_with_the_job_that_has_it() -> None:
    assert read_options(unique="order-1").unique == Unique(
        "order-1", Held.ACTIVE, OnConflict.RETURN_EXISTING, None
    )
    assert read_options(unique={"key": "order-1"}).unique == read_options(unique="order-1").unique
    nothing: Any = {"key": "order-1", "while": None, "on_conflict": None, "ttl": None}
    assert read_options(unique=nothing).unique == read_options(unique="order-1").unique


@pytest.mark.parametrize("ttl", [90, 90.0, timedelta(minutes=1.5)])
def test_all_parts_of_a_unique_key_are_read(ttl: float | timedelta) -> None:
    options = read_options(unique={"key": "k", "while": "ttl", "ttl": ttl, "on_conflict": "extend"})
    assert options.unique == Unique("k", Held.TTL, OnConflict.EXTEND, 90.0)


@pytest.mark.parametrize("held", ["queued", "active"])
@pytest.mark.parametrize("on_conflict", ["reject", "return_existing", "replace", "extend"])
def test_every_choice_is_taken(held: Any, on_conflict: Any) -> None:
    unique = read_options(unique={"key": "k", "while": held, "on_conflict": on_conflict}).unique
    assert unique == Unique("k", Held(held), OnConflict(on_conflict))


BAD_KEYS: list[object] = [
    "",
    " ",
    "a b",
    "a\n",
    "a\0",
    "a\u200b",
    "a\u00a0b",
    "\ud800",
    "k" * (MAX_KEY + 1),
    b"bytes",
    7,
    True,
    UUID(int=1),
    ["k"],
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
@pytest.mark.parametrize("field", ["idempotency_key", "unique.key", "unique"])
def test_a_key_that_can_not_be_one_is_refused_by_name_with_a_remedy(field: str, key: object) -> None:
    options: Any = {field.split(".")[0]: {"key": key} if field == "unique.key" else key}
    with pytest.raises(InvalidInput) as caught:
        read_options(**options)
    assert caught.value.field == field
    assert caught.value.hint
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("parts", "field", "hint"),
    [
        ({}, "unique.key", "give the unique key"),
        ({"key": None}, "unique.key", "give the unique key"),
        ({"key": "k", "whlie": "queued"}, "unique.whlie", "did you mean 'while'?"),
        ({"key": "k", 3: 4}, "unique.3", "it takes key, while, on_conflict, ttl"),
        ({"key": "k", "while": "running"}, "unique.while", "give 'queued', 'active' or 'ttl'"),
        ({"key": "k", "while": ["queued"]}, "unique.while", "give 'queued', 'active' or 'ttl'"),
        ({"key": "k", "while": 1}, "unique.while", "give 'queued', 'active' or 'ttl'"),
        (
            {"key": "k", "on_conflict": "ignore"},
            "unique.on_conflict",
            "give 'reject', 'return_existing', 'replace' or 'extend'",
        ),
        ({"key": "k", "while": "ttl"}, "unique.ttl", "give the seconds"),
        ({"key": "k", "ttl": 3}, "unique.ttl", "say 'while': 'ttl'"),
        ({"key": "k", "while": "queued", "ttl": 3}, "unique.ttl", "say 'while': 'ttl'"),
        ({"key": "k", "while": "ttl", "ttl": 0}, "unique.ttl", "more than 0"),
        ({"key": "k", "while": "ttl", "ttl": -1}, "unique.ttl", "more than 0"),
        ({"key": "k", "while": "ttl", "ttl": "60"}, "unique.ttl", "seconds"),
        ({"key": "k", "while": "ttl", "ttl": True}, "unique.ttl", "seconds"),
        ({"key": "k", "while": "ttl", "ttl": float("nan")}, "unique.ttl", "seconds"),
        ({"key": "k", "while": "ttl", "ttl": 10**400}, "unique.ttl", "seconds"),
        ({"key": "k", "while": "ttl", "ttl": MAX_TTL + 1}, "unique.ttl", "seconds"),
        ({"key": "k", "while": "ttl", "ttl": timedelta.max}, "unique.ttl", "seconds"),
    ],
)
def test_a_part_that_can_not_be_is_refused_by_name_with_a_remedy(
    parts: dict[Any, Any], field: str, hint: str
) -> None:
    unique: Any = parts
    with pytest.raises(InvalidInput) as caught:
        read_options(unique=unique)
    assert caught.value.field == field
    assert hint in (caught.value.hint or "")


def test_without_keys_a_job_has_none() -> None:
    job = order.args(Item("a", 1))
    assert (job.idempotency, job.unique) == (None, None)


async def test_keys_come_with_every_way_to_make_a_job() -> None:
    item = Item("a", 1)
    await order.enqueue(item, idempotency_key="k", unique="u")
    await order.options(idempotency_key="k", unique="u").enqueue(item)
    await order.options(idempotency_key="k", unique="u").enqueue_many([{"item": item}])
    await app.enqueue("order", {"item": item}, idempotency_key="k", unique="u")
    await app.enqueue_many([order.options(idempotency_key="k", unique="u").args(item)])
    await app.enqueue_many([app.new_job("order", {"item": item}, idempotency_key="k", unique="u")])
    assert len(desk.jobs) == 6
    assert len(set(desk.jobs)) == 1
    assert (desk.jobs[0].idempotency or ("",))[0] == "k"
    assert desk.jobs[0].unique == Unique("u")


async def test_a_job_of_another_program_has_keys_too() -> None:
    job = app.new_job(
        "elsewhere", {"b": 1, "a": 2}, idempotency_key="k", unique={"key": "u", "while": "queued"}
    )
    assert job.idempotency == app.new_job("elsewhere", {"a": 2, "b": 1}, idempotency_key="k").idempotency
    assert job.unique == Unique("u", Held.QUEUED)


def test_a_parameter_that_is_called_like_a_key_or_a_connection_wins() -> None:
    job = lock.args(unique="a", idempotency_key="b", conn="c")
    assert job == NewJob("default", "lock", '{"unique":"a","idempotency_key":"b","conn":"c"}')
    keyed = lock.options(unique="u").args(unique="a", idempotency_key="b", conn="c")
    assert keyed == job._replace(unique=Unique("u"))


def test_the_same_request_has_the_same_fingerprint_however_it_is_written() -> None:
    same = fingerprint()
    assert len(same) == 32
    assert same == fingerprint(arguments={"item": {"count": 1, "sku": "a"}})
    assert same == fingerprint(queue="orders", attempts=3, priority=0, delay=0)
    # Sets have another order in every process; numbers show it within one.
    first, second = map(set, ([0, 8], [8, 0]))
    assert list(first) != list(second)
    assert fingerprint(arguments={"tags": first}) == fingerprint(arguments={"tags": second})
    assert fingerprint(arguments={"notes": {"a": 1, "b": 2}}) == fingerprint(
        arguments={"notes": {"b": 2, "a": 1}}
    )
    utc = datetime(2030, 1, 1, tzinfo=UTC)
    assert fingerprint(run_at=utc) == fingerprint(run_at=utc.astimezone(timezone(timedelta(hours=2))))


def test_a_set_whose_members_have_no_order_has_a_fingerprint_all_the_same() -> None:
    assert fingerprint(arguments={"tags": {"a", 1}}) == fingerprint(arguments={"tags": {"a", 1}})


def test_every_other_request_has_another_fingerprint() -> None:
    requests: list[dict[str, Any]] = [
        {},
        {"arguments": {"item": Item("a", 2)}},
        {"arguments": {"item": Item("b", 1)}},
        {"arguments": {"tags": {"a"}}},
        {"queue": "default"},
        {"priority": 1},
        {"delay": 1},
        {"run_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"run_at": datetime(2030, 1, 1, microsecond=1, tzinfo=UTC)},
        {"attempts": 4},
        {"timeout": 5},
        {"backoff": Backoff()},
    ]
    assert len({fingerprint(**request) for request in requests}) == len(requests)
    elsewhere = app.new_job("elsewhere", {"item": Item("a", 1)}, queue="orders", idempotency_key="k")
    assert elsewhere.idempotency
    assert elsewhere.idempotency.fingerprint != fingerprint()


def test_keys_are_no_part_of_what_is_asked_for() -> None:
    assert fingerprint(unique="u") == fingerprint()
