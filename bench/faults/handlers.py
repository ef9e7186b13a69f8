"""The application whose jobs are run while things break: every run is in the ledger, its result names it."""

import asyncio
import time

from bench.faults.ledger import Ledger
from toril import JobContext, Retry, Toril

app = Toril()
ledger = Ledger.of_this_run()

Ran = dict[str, int]


def ran(ctx: JobContext) -> Ran:
    """Note the end of a run and return the result that names it."""
    ledger.ended(ctx.id, ctx.attempt)
    return {"job": ctx.id, "attempt": ctx.attempt}


@app.job(max_crashes=1000)  # processes are killed for no fault of the job's
async def work(ctx: JobContext, seconds: float = 0.0) -> Ran:
    """Take this long, in the loop."""
    ledger.started(ctx.id, ctx.attempt)
    await asyncio.sleep(seconds)
    return ran(ctx)


@app.job(max_crashes=1000)
def work_in_thread(ctx: JobContext, seconds: float = 0.0) -> Ran:
    """Take this long, in a thread."""
    ledger.started(ctx.id, ctx.attempt)
    time.sleep(seconds)
    return ran(ctx)


@app.job(max_crashes=1000, retry=Retry(attempts=5, base=0.1, type="fixed"))
async def work_at_second_try(ctx: JobContext, seconds: float = 0.0) -> Ran:
    """Fail once, then take this long."""
    ledger.started(ctx.id, ctx.attempt)
    if ctx.failures == 0:
        raise ConnectionError("as asked")
    await asyncio.sleep(seconds)
    return ran(ctx)


@app.job(max_crashes=1000)
async def work_long_at_first(ctx: JobContext, seconds: float) -> Ran:
    """Take this long at the first attempt, and no time at later ones."""
    ledger.started(ctx.id, ctx.attempt)
    if ctx.attempt == 1:
        await asyncio.sleep(seconds)
    return ran(ctx)


@app.job(max_crashes=1000)
def work_long_at_first_in_thread(ctx: JobContext, seconds: float) -> Ran:
    """Do the same in a thread, where nothing can interrupt it."""
    ledger.started(ctx.id, ctx.attempt)
    if ctx.attempt == 1:
        time.sleep(seconds)
    return ran(ctx)


@app.job(max_crashes=1000, retry=Retry(attempts=1000, base=0.1, type="fixed"))
async def write_once(ctx: JobContext, seconds: float) -> None:
    """Write a row, take this long, and complete the job, all in one transaction."""
    ledger.started(ctx.id, ctx.attempt)
    async with ctx.transaction() as conn:
        await conn.execute("insert into effects (job_id, attempt) values ($1, $2)", ctx.id, ctx.attempt)
        await asyncio.sleep(seconds)
        ctx.set_result({"job": ctx.id, "attempt": ctx.attempt})
    ledger.ended(ctx.id, ctx.attempt)
