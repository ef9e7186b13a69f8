"""The application whose jobs are submitted: quick and slow ones, some that fail a few times, some for good.

Every execution is noted in the ledger, and now and then what time its process believes it is, which is how a
stepped clock is proved. How each has to end is told by `MUST_END` in `mix.py`.
"""

import asyncio
import time

from bench.chaos.clocks import Clocks
from bench.chaos.mix import DOOMED_FAILURES, FLAKY_FAILURES
from bench.faults.ledger import Ledger
from toril import JobContext, Retry, Toril

_BLAMELESS = 1_000_000
"""How many workers a job may lose: they are killed for no fault of its own."""

app = Toril()
ledger, clocks = Ledger.of_this_run(), Clocks.of_this_run()

Ran = dict[str, int]


def begun(ctx: JobContext) -> None:
    """Note the start of an execution."""
    ledger.started(ctx.id, ctx.attempt)
    clocks.look()


def ended(ctx: JobContext) -> Ran:
    """Note the end of an execution; return the result that names it."""
    ledger.ended(ctx.id, ctx.attempt)
    return {"attempt": ctx.attempt}


@app.job(max_crashes=_BLAMELESS)
async def plain(ctx: JobContext, key: int) -> Ran:  # noqa: ARG001  # tells whose job it is
    """Do nothing."""
    begun(ctx)
    return ended(ctx)


@app.job(max_crashes=_BLAMELESS)
def in_thread(ctx: JobContext, key: int) -> Ran:  # noqa: ARG001
    """Block a thread for a moment."""
    begun(ctx)
    time.sleep(0.01)
    return ended(ctx)


@app.job(max_crashes=_BLAMELESS)
async def longer(ctx: JobContext, key: int, seconds: float) -> Ran:  # noqa: ARG001
    """Take a while."""
    begun(ctx)
    await asyncio.sleep(seconds)
    return ended(ctx)


@app.job(max_crashes=_BLAMELESS, retry=Retry(attempts=FLAKY_FAILURES + 1, base=0.2))
async def flaky(ctx: JobContext, key: int) -> Ran:  # noqa: ARG001
    """Fail at first."""
    begun(ctx)
    if ctx.failures < FLAKY_FAILURES:
        ledger.ended(ctx.id, ctx.attempt)
        raise ConnectionError("as it is meant to")
    return ended(ctx)


@app.job(max_crashes=_BLAMELESS, retry=Retry(attempts=DOOMED_FAILURES, base=0.2))
async def doomed(ctx: JobContext, key: int) -> Ran:  # noqa: ARG001
    """Fail for good."""
    begun(ctx)
    ledger.ended(ctx.id, ctx.attempt)
    raise ValueError("as it is meant to")
