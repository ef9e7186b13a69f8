"""Every statement that people or workers wait for is a few index scans, however many jobs there are.

A third of a million jobs of every kind in two partitions; each statement's plan is taken where it runs, on a
connection with the same settings. Two things are asserted: no table of jobs, attempts or promises is read
from end to end, and the statement touches only a few pages, which is what stays true at ten million.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.servers import LiveServers
from toril.domain.lifecycle import Status
from toril.store.connection import _FEW_ROWS, _INDEX_PROBES_ONLY, Database
from toril.store.pages import RANGES
from toril.store.statements import load

JOBS = 330_000
TOUCHED = 1_500
"""Pages a statement may touch; reading the jobs from end to end would be over 9,000."""

FILL = """
insert into toril.jobs (id, queue, name, payload, priority, created_at, queued_at, run_at, standing, state,
                        max_attempts, max_crashes, attempt, failures, worker, started_at, finished_at)
select id, queue, 'name' || queue, '{}', 0, now(), now(),
       case when delayed then now() + '1 day' else now() end,
       delayed::int, state, 3, 3, (state <> 'queued')::int, (state = 'failed')::int,
       case when state <> 'queued' then gen_random_uuid() end, case when state <> 'queued' then now() end,
       case when state in ('completed', 'failed', 'cancelled') then now() end
from (select id + 4800000 as id, 'queue' || id % 5 as queue,
             case when id % 7001 = 0 then 'failed' when id % 5003 = 0 then 'cancelled'
                  when id % 3001 = 0 then 'active' when id % 10 in (0, 1) then 'queued'
                  else 'completed' end::toril.job_state as state,
             id % 10 = 0 and id % 7001 <> 0 and id % 5003 <> 0 and id % 3001 <> 0 as delayed
      from generate_series(1, $1::int) as id) as made
"""
AFTER = (
    """insert into toril.outbox
       select id, run_at - interval '10 minutes', 1 from toril.jobs where state = 'queued'""",
    """insert into toril.job_attempts
       select id, now(), now(), worker, 1, 'failed', 'E', 'e', 's' from toril.jobs where state <> 'active'""",
    "insert into toril.counts (queue, status, n) select queue, state, count(*) from toril.jobs group by 1, 2",
    "select setval('toril.job_ids', 6000000)",
    "vacuum analyze toril.jobs",
    "vacuum analyze toril.outbox",
    "vacuum analyze toril.job_attempts",
    "vacuum analyze toril.counts",
)


@pytest.fixture(scope="module")
def filled(servers: LiveServers, template: str) -> Iterator[str]:
    """A database with many jobs."""

    async def fill() -> str:
        url = await servers.create_database(template)
        connection = await Database(url, deadline=120).connect()
        await connection.execute("select toril.create_partitions(6000000)")
        for table in ("jobs_0", "jobs_1", "outbox", "job_attempts", "counts"):
            # What the planner knows is to come from the statements below alone, whenever autovacuum wakes up.
            await connection.execute(f"alter table toril.{table} set (autovacuum_enabled = off)")
        await connection.fetch(FILL, JOBS)
        for statement in AFTER:
            await connection.execute(statement)
        await connection.close()
        return url

    url = asyncio.run(fill())
    yield url
    asyncio.run(servers.drop_database(url))


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[Any]:
    opened = await Database(filled).connect(**_INDEX_PROBES_ONLY)
    yield opened
    await opened.close()


@pytest.fixture(params=["1.1", "60"])
async def reader(filled: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A connection for pages, to a server that takes its disk for a quick one, or for a slow one."""
    opened = await Database(filled).connect(**_FEW_ROWS, random_page_cost=request.param)
    yield opened
    await opened.close()


async def plan(connection: Any, statement: str, *arguments: Any) -> dict[str, Any]:
    """Run a statement, take it back, and return its plan as it was executed."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        text = await connection.fetchval(f"explain (analyze, buffers, format json) {statement}", *arguments)
    finally:
        await transaction.rollback()
    return dict(json.loads(text)[0]["Plan"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def assert_short(plan: dict[str, Any]) -> None:
    big = ("jobs", "outbox", "job_attempts")
    scans = [
        node["Relation Name"]
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Relation Name"].startswith(big)
        and node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0) > 0
    ]  # fmt: skip
    assert scans == []
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < TOUCHED


FIRST = 4_990_000
IDS = "{" + ",".join(str(FIRST + n) for n in range(100)) + "}"


def column(value: str) -> str:
    return "{" + ",".join([value] * 100) + "}"


HOT: dict[str, tuple[str | None, ...]] = {
    "jobs/claim": (IDS, "00000000-0000-0000-0000-000000000001"),
    "jobs/complete": (IDS, column("1"), column("1")),
    "jobs/set_back": (IDS, *map(column, ("1", "queued", "1", "t", "failed", "e", "e", "e")), "600"),
    "jobs/suggestion_fates": (IDS,),
    "jobs/ownership": (IDS, column("1")),
    "jobs/rescue": ("50", None, "crashed", "{}", "{}"),
    "jobs/note_progress": (IDS, column("1"), column("1")),
    "outbox/sweep": ("100", "2"),
    "outbox/settle": (IDS, column("1")),
    "outbox/postpone": (IDS, column("1"), "30"),
    "outbox/backlog": (),
    "audit/states": ("queue1", IDS),
    "audit/promise": (IDS,),
}
WALKS: dict[str, tuple[str | None, ...]] = {
    "audit/expected": ("queue1", "0", str(FIRST), "100", "600", "5"),
}


async def kept_plan(connection: Any, statement: str, arguments: tuple[str | None, ...]) -> dict[str, Any]:
    """Run a statement with the plan that a lane keeps: made without knowing the arguments."""
    prepared = await connection.prepare(statement)
    types = ", ".join(parameter.name for parameter in prepared.get_parameters())
    values = ", ".join("null" if value is None else f"'{value}'" for value in arguments)
    await connection.execute(f"prepare kept{f'({types})' if types else ''} as {statement}")
    try:
        return await plan(connection, f"execute kept{f'({values})' if values else ''}")
    finally:
        await connection.execute("deallocate kept")


@pytest.mark.parametrize(("name", "arguments"), [*HOT.items(), *WALKS.items()])
async def test_hot_statements_probe_what_they_are_about(
    connection: Any, name: str, arguments: tuple[str | None, ...]
) -> None:
    folder, _, file = name.partition("/")
    assert_short(await kept_plan(connection, load(folder)[file], arguments))


@pytest.mark.parametrize("name", WALKS)
async def test_walks_read_the_index_of_the_queue_whatever_the_planner_knew(
    database_url: str, name: str
) -> None:
    folder, _, file = name.partition("/")
    connection = await Database(database_url).connect(**_INDEX_PROBES_ONLY)
    found = await kept_plan(connection, load(folder)[file], WALKS[name])
    await connection.close()
    scans = {node.get("Relation Name"): node for node in nodes(found) if "Scan" in node["Node Type"]}
    for part in ("queue = $1", "state = 'queued'", "standing = $2", "id > $3"):
        assert part in scans["jobs_0"]["Index Cond"]
    assert scans["outbox"]["Index Cond"].startswith("((job_id = ")


@pytest.mark.parametrize("name", HOT)
@pytest.mark.parametrize("past", ["nothing", "only queued jobs"])
async def test_they_do_so_whatever_the_planner_knew(database_url: str, name: str, past: str) -> None:
    """A plan made while there was no job, or no active one, is still right when there are thousands."""
    folder, _, file = name.partition("/")
    connection = await Database(database_url).connect(**_INDEX_PROBES_ONLY)
    if past != "nothing":
        await connection.fetch(
            FILL.replace("case when id % 7001", "case when true then 'queued' when id % 7001"), 20_000
        )
        await connection.execute("vacuum analyze")
    found = await kept_plan(connection, load(folder)[file], HOT[name])
    await connection.close()
    for node in nodes(found):
        if "Scan" not in node["Node Type"]:
            continue
        relation = node.get("Relation Name", "")
        if relation == "jobs_0" and node["Alias"] != "j_4":
            assert node["Index Cond"].startswith("(id = "), node
        elif relation in ("jobs_0", "outbox"):
            assert "Index Cond" in node, node


async def test_a_job_is_found_by_its_id(reader: Any) -> None:
    assert_short(await plan(reader, load("jobs")["history"], FIRST))
    assert_short(await plan(reader, load("jobs")["attempts"], FIRST, 100))
    assert_short(await plan(reader, load("jobs")["logs"], FIRST, 100))


@pytest.mark.parametrize("status", [None, *Status])
@pytest.mark.parametrize("where", ["queue", "all queues", "name", "name and queue"])
async def test_every_list_page_is_a_few_index_scans(reader: Any, status: Status | None, where: str) -> None:
    places, due_too, overdue = RANGES[status]
    first = (2**63 - 1, 50, False)
    last = (*zip(*places, strict=True), due_too, overdue)
    sql = load("jobs")
    if where == "name":
        found = await plan(reader, sql["page_by_name"], *first, "namequeue3", None, *last)
    elif where == "name and queue":
        found = await plan(reader, sql["page_by_name"], *first, "namequeue3", "queue3", *last)
    else:
        queues = ["queue3"] if where == "queue" else None
        found = await plan(reader, sql["page_by_queue"], *first, queues, *last)
    assert_short(found)


async def test_the_page_of_everything_is_one_backward_scan(reader: Any) -> None:
    assert_short(await plan(reader, load("jobs")["page"], 2**63 - 1, 50, True))
