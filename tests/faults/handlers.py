"""Handlers that do what handlers must not do; each run of one leaves a line in the file it is given."""

import asyncio
import os
import time
from pathlib import Path

from toril import Toril

app = Toril()


def leave_a_line(ledger: str) -> int:
    """Note that a run began, outside of the system; return how many have begun so far."""
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    return len(Path(ledger).read_text(encoding="utf-8").splitlines())


@app.job
async def block_the_loop(ledger: str, seconds: float) -> int:
    """Block the event loop, the first time for long."""
    runs = leave_a_line(ledger)
    time.sleep(seconds if runs == 1 else 0)  # noqa: ASYNC251  # that is the fault
    return runs


@app.job
async def wait(ledger: str, seconds: float) -> int:
    """Take a while; properly."""
    runs = leave_a_line(ledger)
    await asyncio.sleep(seconds)
    return runs


@app.job
async def pause() -> None:
    """Take a moment."""
    await asyncio.sleep(0.01)


@app.job(max_crashes=2)
async def kill_the_worker(ledger: str) -> None:
    """Take the worker down, every time."""
    leave_a_line(ledger)
    os.kill(os.getpid(), 9)
