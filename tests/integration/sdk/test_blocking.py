"""Submits without an event loop, on real servers: keys, transactions, many threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.integration.sdk.conftest import Ids
from toril import Conflict, Effect, InvalidInput, Toril


def test_a_thread_submits_and_redis_hears_of_it(
    app: Toril, recorded: Ids, suggested: Ids, promised: Ids
) -> None:
    first = app.enqueue_sync("note", {"value": 1})
    rest = app.enqueue_many_sync([app.new_job("note"), app.new_job("elsewhere")])
    app.close_sync()
    ids = [first.id, *(job.id for job in rest)]
    assert recorded() == suggested() == ids
    assert promised() == []


def test_many_threads_share_batches_and_connections(
    app: Toril, sql: psycopg.Connection[Any], recorded: Ids, suggested: Ids
) -> None:
    threads, each = 16, 25
    barrier = threading.Barrier(threads)

    def submit(_: int) -> list[int]:
        barrier.wait(10)
        return [app.enqueue_sync("note").id for _ in range(each)]

    with ThreadPoolExecutor(threads) as pool:
        ids = [job_id for found in pool.map(submit, range(threads)) for job_id in found]
    ours = "select count(*) from pg_stat_activity where application_name = 'toril application'"
    assert sql.execute(ours).fetchone() <= (6,)  # type: ignore[operator]  # a row
    app.close_sync()
    assert len(set(ids)) == threads * each
    assert sorted(ids) == recorded() == suggested()


def test_the_same_key_from_many_threads_is_one_job(app: Toril, recorded: Ids) -> None:
    def submit(_: int) -> tuple[int, Effect]:
        job = app.enqueue_sync("note", {"value": 1}, idempotency_key="order-1")
        return job.id, job.effect

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(submit, range(50)))
    [only] = recorded()
    assert sorted(answers) == [(only, Effect.CREATED), *[(only, Effect.EXISTING)] * 49]


def test_another_request_under_a_key_is_a_conflict_that_names_the_job(app: Toril, recorded: Ids) -> None:
    first = app.enqueue_sync("note", {"value": 1}, idempotency_key="order-1")
    with pytest.raises(Conflict) as caught:
        app.enqueue_sync("note", {"value": 2}, idempotency_key="order-1")
    assert (caught.value.code, caught.value.job_id) == ("idempotency_conflict", first.id)
    assert caught.value.field == "idempotency_key"
    assert recorded() == [first.id]


def test_a_unique_job_keeps_others_out_as_it_was_told_to(
    app: Toril, sql: psycopg.Connection[Any], recorded: Ids
) -> None:
    first = app.enqueue_sync("note", {"value": 1}, unique="u")
    again = app.enqueue_sync("note", {"value": 2}, unique="u")
    assert (again.id, again.effect) == (first.id, Effect.EXISTING)
    with pytest.raises(Conflict) as caught:
        app.enqueue_sync("note", unique={"key": "u", "on_conflict": "reject"})
    assert (caught.value.code, caught.value.job_id) == ("unique_conflict", first.id)
    replaced = app.enqueue_sync("note", {"value": 3}, unique={"key": "u", "on_conflict": "replace"})
    assert (replaced.id, replaced.effect) == (first.id, Effect.REPLACED)
    assert sql.execute("select payload->'value' from toril.jobs").fetchall() == [(3,)]
    other = app.enqueue_sync("elsewhere", unique="u")
    assert other.effect is Effect.CREATED
    assert recorded() == [first.id, other.id]


def test_a_job_is_committed_with_the_rows_of_its_submitter_or_not_at_all(
    app: Toril, database_url: str, recorded: Ids, suggested: Ids
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("create table orders (id int)")
        job = app.enqueue_sync("note", {"value": 1}, conn=conn)
        assert recorded() == []
    assert recorded() == [job.id]
    with psycopg.connect(database_url) as conn:
        app.enqueue_many_sync([app.new_job("note"), app.new_job("note")], conn=conn)
        conn.rollback()
    assert recorded() == [job.id]
    app.close_sync()
    assert suggested() == [job.id]


def test_a_conflict_leaves_the_submitters_transaction_usable(
    app: Toril, database_url: str, sql: psycopg.Connection[Any], recorded: Ids
) -> None:
    first = app.enqueue_sync("note", idempotency_key="order-1")
    with psycopg.connect(database_url) as conn:
        conn.execute("create table orders (id int)")
        with pytest.raises(Conflict):
            app.enqueue_sync("note", {"value": 2}, idempotency_key="order-1", conn=conn)
        conn.execute("insert into orders values (1)")
    assert sql.execute("select count(*) from orders").fetchall() == [(1,)]
    assert recorded() == [first.id]


def test_a_connection_that_can_not_be_used_is_refused_in_words(
    app: Toril, database_url: str, recorded: Ids
) -> None:
    with pytest.raises(InvalidInput, match=r"conn can't be a builtins\.str") as caught:
        app.enqueue_sync("note", conn=database_url)
    assert caught.value.field == "conn"
    with psycopg.connect(database_url, autocommit=True) as conn, pytest.raises(InvalidInput) as caught:
        app.enqueue_sync("note", conn=conn)
    assert "no transaction" in caught.value.message
    assert recorded() == []
