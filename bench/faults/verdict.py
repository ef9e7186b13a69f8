"""Judges what came of the jobs of a scenario: from the record, from a witness in it, and from the ledger.

The witness is a trigger on the job rows: whenever a job enters a terminal state, or its end is changed, it
notes that in a table of its own. So a second outcome is seen even if it was the same as the first.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import asyncpg
from rich.table import Table

from bench.faults.ledger import Record

_WITNESS = """
create schema if not exists witness;
create table if not exists witness.outcomes (
    seq bigint generated always as identity,
    job_id bigint not null,
    attempt int not null,
    state text not null,
    at timestamptz not null default clock_timestamp()
);
create or replace function witness.note() returns trigger language plpgsql security definer as $$
begin
    insert into witness.outcomes (job_id, attempt, state) values (new.id, new.attempt, new.state::text);
    return null;
end $$;
create or replace trigger witness after update on toril.jobs for each row
    when (new.state in ('completed', 'failed', 'cancelled')
          and (old.state, old.attempt, old.result, old.finished_at)
              is distinct from (new.state, new.attempt, new.result, new.finished_at))
    execute function witness.note();
"""

_ENDS = """
select id, state::text, attempt, failures, crashes, interruptions, result->>'attempt' as ran
from toril.jobs where id > $1 order by id
"""

_DOUBLED = "select job_id from witness.outcomes where job_id > $1 group by 1 having count(*) > 1"

_MISCOUNTED = """
with counted as (
    select queue, case when due <= now() then 'pending' else status end as status, sum(n) as n
    from (select queue, status, due, n from toril.counts
          union all select queue, status, due, n from toril.count_deltas) d group by 1, 2
), present as (
    select queue, case when state <> 'queued' then state::text
                       else case standing when 0 then 'pending' when 1 then 'scheduled' else 'retrying' end
                  end as status, count(*) as n
    from toril.jobs group by 1, 2
)
select coalesce(sum(abs(coalesce(c.n, 0) - coalesce(p.n, 0))), 0)::int
from counted c full join present p using (queue, status)
"""

_TERMINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario's jobs.

    Attributes:
        scenario: its name.
        accepted: jobs whose submitter was told that they are on record.
        completed: accepted jobs that ended well.
        failed: accepted jobs that ended otherwise.
        lost: accepted jobs that have not ended, or are not on record at all. Must be 0.
        doubled: jobs that ended more than once. Must be 0.
        foreign: completed jobs whose result is another attempt's. Must be 0.
        miscounted: by how much the counts of queues differ from the jobs that are there. Must be 0.
        extra: executions beyond the first of each job, and those that followed a failure of its own.
        allowed_extra: how many of these the faults explain: what was running when a process was hit.
        faults: how many faults there were.
        recovered: seconds from the last fault until all had ended, if that was measured.
        figures: what else was measured, by name.
        limits: what a figure may be at most, by name.
    """

    scenario: str
    accepted: int
    completed: int
    failed: int
    lost: int
    doubled: int
    foreign: int
    miscounted: int
    extra: int
    allowed_extra: int
    faults: int = 0
    recovered: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    HEADINGS: ClassVar = (
        "scenario",
        "faults",
        "accepted",
        "completed",
        "failed",
        "lost",
        "doubled",
        "extra runs",
        "recovered",
        "measured",
    )

    @property
    def held(self) -> bool:
        """Whether nothing was lost, doubled, mixed up or miscounted, and every limit was kept."""
        return not self.broken

    @property
    def broken(self) -> list[str]:
        """What is wrong, in words."""
        must_be_none = {
            "accepted jobs are lost": self.lost,
            "jobs ended more than once": self.doubled,
            "jobs have another attempt's result": self.foreign,
            "jobs are miscounted": self.miscounted,
        }
        wrong = [f"{number} {what}" for what, number in must_be_none.items() if number]
        if self.extra > self.allowed_extra:
            wrong.append(f"{self.extra} extra executions where {self.allowed_extra} can be explained")
        wrong += [
            f"{name} is {self.figures[name]:g}, over {most:g}"
            for name, most in self.limits.items()
            if self.figures[name] > most
        ]
        return wrong

    def assert_held(self) -> None:
        """Make sure that all is well.

        Raises:
            AssertionError: it isn't; says what.
        """
        if self.broken:
            raise AssertionError(f"{self.scenario}: {'; '.join(self.broken)}")

    def row(self) -> list[str]:
        """Return the cells of its row in a table, under `HEADINGS`."""
        wrong = self.doubled + self.foreign
        return [
            self.scenario,
            f"{self.faults:,}",
            f"{self.accepted:,}",
            f"{self.completed:,}",
            f"{self.failed:,}",
            _marked(self.lost),
            _marked(wrong),
            f"{self.extra:,} of {self.allowed_extra:,}",
            "" if self.recovered is None else f"{self.recovered:.1f} s",
            ", ".join(f"{name} {value:g}" for name, value in self.figures.items()),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it, with `held` and what is wrong."""
        return asdict(self) | {"held": self.held, "broken": self.broken}


class Judge:
    """Watches the jobs of one database, and judges those that were recorded since it was made.

    Args:
        url: of the database, for its owner. Each question has a connection of its own: servers may be
            restarted in between.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._since = 0

    async def watch(self) -> None:
        """Install the witness; jobs recorded before are not judged."""
        async with self._connected() as connection:
            await connection.execute(_WITNESS)
            self._since = await connection.fetchval("select coalesce(max(id), 0) from toril.jobs")

    async def unended(self) -> int:
        """Return how many jobs have not ended yet."""
        counted = "select count(*) from toril.jobs where id > $1 and state in ('queued', 'active')"
        async with self._connected() as connection:
            return int(await connection.fetchval(counted, self._since))

    async def due(self, ids: Collection[int]) -> dict[int, float]:
        """Return when jobs were due the last time, by PostgreSQL's clock, as Unix times."""
        asked = "select id, extract(epoch from run_at)::float8 as due from toril.jobs where id = any($1)"
        async with self._connected() as connection:
            return {row["id"]: row["due"] for row in await connection.fetch(asked, list(ids))}

    async def verdict(
        self,
        scenario: str,
        accepted: Collection[int],
        record: Record,
        *,
        allowed_extra: int = 0,
        faults: int = 0,
        recovered: float | None = None,
        figures: dict[str, float] | None = None,
        limits: dict[str, float] | None = None,
    ) -> Verdict:
        """Judge now.

        Args:
            scenario: its name.
            accepted: the ids that submitters were given.
            record: what handlers have noted.
            allowed_extra, faults, recovered, figures, limits: as in `Verdict`.
        """
        async with self._connected() as connection:
            rows = await connection.fetch(_ENDS, self._since)
            doubled = await connection.fetch(_DOUBLED, self._since)
            miscounted = await connection.fetchval(_MISCOUNTED)
        states = {row["id"]: row["state"] for row in rows}
        ends = Counter(states.get(job_id, "missing") for job_id in accepted)
        return Verdict(
            scenario,
            accepted=len(accepted),
            completed=ends["completed"],
            failed=ends["failed"] + ends["cancelled"],
            lost=len(accepted) - sum(ends[state] for state in _TERMINAL),
            doubled=len(doubled),
            foreign=_foreign(rows),
            miscounted=miscounted,
            extra=_extra(rows, record),
            allowed_extra=allowed_extra,
            faults=faults,
            recovered=recovered,
            figures=figures or {},
            limits=limits or {},
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        connection = await asyncpg.connect(self._url)
        try:
            yield connection
        finally:
            await connection.close()


def _extra(rows: Iterable[Any], record: Record) -> int:
    """Count executions beyond those that the record knows a good reason for: one, and one per failure."""
    executions = record.executions
    return sum(max(0, executions[row["id"]] - 1 - row["failures"]) for row in rows)


def _foreign(rows: Iterable[Any]) -> int:
    """Count completed jobs whose result says that another attempt made it (see `handlers.py`)."""
    return sum(
        row["state"] == "completed" and row["ran"] is not None and int(row["ran"]) != row["attempt"]
        for row in rows
    )


def _marked(number: int) -> str:
    return f"[bold red]{number:,}[/]" if number else "0"


def table(verdicts: Iterable[Verdict]) -> Table:
    """Return the verdicts as a table for people."""
    shown = Table(title="What came of the jobs", title_justify="left", show_edge=False, pad_edge=False)
    for heading in Verdict.HEADINGS:
        is_number = heading not in ("scenario", "measured")
        shown.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
    for verdict in verdicts:
        shown.add_row(*verdict.row(), style=None if verdict.held else "red")
    return shown
