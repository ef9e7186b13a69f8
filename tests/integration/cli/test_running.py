"""How a process that serves ends when what it served fails: always, and with the right status."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys, threading, time
from toril.cli.running import run
from toril.domain.errors import SettingsError, Unavailable

async def serve(stop):
    {body}

run(serve)
"""

STUCK_THREAD = "threading.Thread(target=time.sleep, args=[600]).start()"
STUCK_CALL = "asyncio.get_running_loop().run_in_executor(None, time.sleep, 600); await asyncio.sleep(0.1)"
STUBBORN_TASK = """
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                pass
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
"""


def run(body: str) -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(body=body)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("left", [STUCK_THREAD, STUCK_CALL, STUBBORN_TASK])
def test_nothing_that_is_left_keeps_the_process(left: str) -> None:
    ended = run(left)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_is_told_though_something_is_left() -> None:
    ended = run(f"{STUCK_THREAD}\n    raise SettingsError('No.', hint='Do this.')")
    assert (ended.returncode, ended.stderr) == (2, "error: No.\nhint: Do this.\n")
    ended = run(f"{STUCK_THREAD}\n    raise Unavailable('Gone.')")
    assert ended.returncode == 1


def test_an_unexpected_error_is_told_with_its_traceback() -> None:
    for left in ("", f"{STUCK_THREAD}\n    "):
        ended = run(f"{left}raise ZeroDivisionError('oh')")
        assert ended.returncode == 1
        assert "ZeroDivisionError: oh" in ended.stderr
        assert "Traceback" in ended.stderr
