"""Handlers for the command line's tests: some end when they are let, some never."""

import asyncio
import os
import time
from pathlib import Path

from toril import Toril

app = Toril()


@app.job
def hello(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"


@app.job(retry=1)
def explode(message: str) -> None:
    raise ValueError(message)


@app.job
async def wait_for(file: str) -> int:
    """Run until a file exists; return this process' id."""
    say("waiting")
    while not Path(file).exists():  # noqa: ASYNC240  # another process makes it
        await asyncio.sleep(0.02)
    return os.getpid()


@app.job
def never_return() -> None:
    say("in a thread for ever")
    while True:
        time.sleep(60)


@app.job
async def never_obey() -> None:
    say("in a loop for ever")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            say("no")


@app.job
async def block_the_loop() -> None:
    say("blocking")
    while True:
        pass


def say(what: str) -> None:
    os.write(1, f"{what}\n".encode())
