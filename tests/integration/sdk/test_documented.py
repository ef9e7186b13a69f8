"""The code of docs/transactions.md does what the page says."""

import asyncio
import importlib.util
import json
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.conftest import eventually
from tests.integration.sdk.conftest import Ids
from tests.integration.store.test_foreign import engine_url
from toril.bootstrap import running_worker
from toril.sdk.registry import Registry
from toril.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "transactions.md"


def load_page(folder: Path) -> ModuleType:
    """Return the page's examples as the module that they are together; Django's needs a project around it."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = folder / "page.py"
    path.write_text("\n\n".join(block for block in blocks if "django" not in block))
    spec = importlib.util.spec_from_file_location("page", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def registry_of(folder: Path) -> Registry:
    registry: Registry = load_page(folder).app.registry
    return registry


@pytest.fixture
async def page(
    environment: dict[str, str], sql: psycopg.Connection[Any], tmp_path: Path
) -> AsyncIterator[ModuleType]:
    sql.execute("create table orders (id int generated always as identity, customer text)")
    sql.execute("create table payments (order_id int, cents int)")
    loaded = load_page(tmp_path)
    yield loaded
    await loaded.app.close()
    await asyncio.to_thread(loaded.app.close_sync)


@pytest.fixture
def payloads(sql: psycopg.Connection[Any]) -> Callable[[], list[int]]:
    """Return which orders there are jobs for."""
    return lambda: [
        row[0] for row in sql.execute("select (payload->'order_id')::int from toril.jobs order by id")
    ]


async def test_an_order_is_placed_with_its_receipt(
    page: ModuleType, database_url: str, payloads: Ids
) -> None:
    connection = await asyncpg.connect(database_url)
    assert await page.place_order(connection, "ada@example.com") == 1
    async with connection.transaction():
        assert await page.place_order(connection, "grace@example.com") == 2
        assert payloads() == [1]
    await connection.close()
    assert payloads() == [1, 2]


def test_an_order_is_placed_by_code_that_blocks(page: ModuleType, database_url: str, payloads: Ids) -> None:
    with psycopg.connect(database_url) as connection:
        assert page.place_order_blocking(connection, "ada@example.com") == 1
        assert payloads() == [1]
    engine = create_engine(engine_url(database_url, "psycopg"), poolclass=NullPool)
    with Session(engine) as session:
        assert page.place_order_in_session(session, "grace@example.com") == 2
    page.import_orders([3, 4])
    assert payloads() == [1, 2, 3, 4, 3, 3, 3, 4]


async def test_a_payment_is_settled_with_its_job(
    page: ModuleType, settings: Settings, tmp_path: Path, sql: psycopg.Connection[Any]
) -> None:
    done = "select name, result::text from toril.jobs where finished_at is not null order by id"

    async def both_are_done() -> bool:
        return len(sql.execute(done).fetchall()) == 2

    async with running_worker(settings, page.app.registry, partial(registry_of, tmp_path)):
        await page.settle.enqueue(7, 1250)
        await eventually(both_are_done)
    assert sql.execute("select * from payments").fetchall() == [(7, 1250)]
    results = [(name, json.loads(result)) for name, result in sql.execute(done).fetchall()]
    assert results == [("settle", {"cents": 1250}), ("send_receipt", "receipt for order 7")]


async def test_keys_do_what_their_examples_say(
    page: ModuleType, payloads: Ids, capsys: pytest.CaptureFixture[str], sql: psycopg.Connection[Any]
) -> None:
    assert await page.order_paid(1) == await page.order_paid(1)
    assert [await page.order_changed(2) for _ in range(3)] == [True, False, False]
    await page.order_changed_often(3)
    await page.order_changed_often(3)
    assert payloads() == [1, 2, 3]
    assert capsys.readouterr().out == ""
