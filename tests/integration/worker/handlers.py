"""Handlers for the tests of workers; a module of their own, because processes import them by address."""

import asyncio
import os
import sys
import threading
import time
from contextlib import suppress

from toril import Cancel, Fail, JobContext, Retry, Snooze, Toril

app = Toril()
QUICK = Retry(attempts=3, base=0.02)


@app.job
async def echo(ctx: JobContext, value: int = 0) -> int:
    return value


@app.job
def where(ctx: JobContext) -> str:
    ctx.log("in a thread", thread=threading.current_thread().name.split("_")[0])
    ctx.progress(50)
    return threading.current_thread().name.split("_")[0]


@app.job(isolation="process")
def apart(ctx: JobContext, value: int) -> list[int]:
    ctx.log("in a process")
    ctx.progress({"step": value})
    return [value * 2, int(os.getpid() == os.getppid())]


@app.job(isolation="process", retry=1)
def dies(code: int) -> None:
    os._exit(code)


@app.job(isolation="process", retry=1)
def tells_its_pid(ctx: JobContext) -> None:
    ctx.progress({"pid": os.getpid()})
    time.sleep(60)


@app.job(isolation="process", retry=1, timeout=0.5)
def hangs_apart() -> None:
    time.sleep(60)


class Rows:
    """What handlers do in their transactions, and with them."""

    STATEMENT = "insert into effects (job_id, attempt) values ($1, $2)"


@app.job(retry=QUICK)
async def writes_and_completes(ctx: JobContext, then: str = "") -> str:
    async with ctx.transaction() as conn:
        await conn.execute(Rows.STATEMENT, ctx.id, ctx.attempt)
        ctx.set_result({"attempt": ctx.attempt})
        if then == "roll back once" and ctx.attempt == 1:
            raise RuntimeError("not this time")
        if then == "be lost" and ctx.attempt == 1:
            STARTED.set()
            await asyncio.to_thread(RELEASED.wait, 20)
    if then == "raise":
        raise RuntimeError("too late")
    if then == "again":
        async with ctx.transaction():
            raise AssertionError("never reached")
    return then


@app.job(retry=1)
def wants_a_transaction_in_a_thread(ctx: JobContext) -> None:
    asyncio.run(_transaction(ctx))


async def _transaction(ctx: JobContext) -> None:
    async with ctx.transaction():
        raise AssertionError("never reached")


@app.job(retry=QUICK)
async def fails(ctx: JobContext) -> None:
    ctx.log(f"attempt {ctx.attempt}")
    raise ValueError(f"no luck with attempt {ctx.attempt}")


@app.job(retry=QUICK)
async def recovers(ctx: JobContext) -> int:
    if ctx.failures < 2:
        raise RuntimeError("not yet")
    return ctx.attempt


@app.job(retry=Retry(attempts=2, base=3600))
async def retries_soon(ctx: JobContext) -> str:
    if ctx.attempt == 1:
        raise Retry.after(0.01, "come back")
    return "back"


@app.job
async def gives_up() -> None:
    raise Fail("no such user")


@app.job
async def withdraws() -> None:
    raise Cancel("order withdrawn")


@app.job
async def snoozes(ctx: JobContext) -> "Snooze | str":
    return Snooze(0.01) if ctx.attempt < 3 else "awake"


@app.job(retry=1, timeout=0.1)
async def hangs() -> None:
    await asyncio.sleep(60)


@app.job(retry=1, timeout=0.1)
def hangs_in_thread(ctx: JobContext) -> None:
    while not ctx.cancelled:
        time.sleep(0.005)


@app.job(retry=1)
async def cancels_itself() -> None:
    raise asyncio.CancelledError


@app.job(retry=1)
async def exits() -> None:
    sys.exit(3)


@app.job(retry=1)
async def returns_nonsense() -> object:
    return object()


STARTED = threading.Event()
RELEASED = threading.Event()


@app.job
async def waits(ctx: JobContext, seconds: float = 60) -> str:
    STARTED.set()
    await asyncio.sleep(seconds)
    return "done"


@app.job
async def stubborn() -> None:
    STARTED.set()
    while not RELEASED.is_set():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
