"""A guarded program: stopped when told, ended when its parent is gone, or its guard."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.devserver.conftest import gone, wait_until

from toril.domain.errors import ServerError
from toril.runtime.guarded import Guarded, Program, describe_exit, spawn

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " print('deaf', flush=True); time.sleep(600)"
)
WITH_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]]);"
    " print(child.pid, flush=True); child.wait()"
)
PARENT = (
    "import sys; from toril.runtime.guarded import Program, spawn; "
    "process = spawn(Program('it', [sys.executable, '-c', sys.argv[1]])); "
    "print(process.pid, process.guard_pid, flush=True); process.wait()"
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def run(
    code: str, *arguments: str, output: Path, ladder: tuple[tuple[str, float], ...] = (("TERM", 30.0),)
) -> Guarded:
    with output.open("wb") as file:
        argv = [sys.executable, "-c", code, *arguments]
        return spawn(Program("The program", argv, ladder, output=file.fileno()))


def test_its_exit_status_is_the_programs(output: Path) -> None:
    assert run("raise SystemExit(7)", output=output).wait() == 7


def test_a_program_that_was_killed_says_by_what(output: Path) -> None:
    process = run(SLEEP, output=output)
    os.kill(process.pid, signal.SIGKILL)
    assert describe_exit(process.wait()) == "was killed by SIGKILL"


def test_a_program_that_is_not_there_is_one_sentence() -> None:
    process = spawn(Program("The program", ["/nonexistent/program"]))
    with pytest.raises(ServerError, match=r"The program could not be started: .*No such file"):
        _ = process.pid
    process.wait()


def test_a_stop_is_polite_and_asked_only_once(output: Path) -> None:
    process = run(SLEEP, output=output)
    pid = process.pid
    process.stop()
    process.stop()
    assert process.wait() == 128 + signal.SIGTERM
    assert gone(pid)


def test_who_does_not_listen_is_killed_when_the_time_is_up(output: Path) -> None:
    process = run(STUBBORN, output=output, ladder=(("TERM", 0.2), ("KILL", 5.0)))
    wait_until(lambda: b"deaf" in output.read_bytes())
    process.stop()
    assert process.wait() == 128 + signal.SIGKILL


def test_a_hurry_takes_the_next_signal_at_once(output: Path) -> None:
    process = run(STUBBORN, output=output, ladder=(("TERM", 600.0), ("KILL", 5.0)))
    wait_until(lambda: b"deaf" in output.read_bytes())
    process.stop()
    process.hurry()
    assert process.wait() == 128 + signal.SIGKILL


def test_what_the_program_started_ends_with_it(output: Path) -> None:
    process = run(WITH_CHILD, SLEEP, output=output)
    wait_until(lambda: output.read_bytes().endswith(b"\n"))
    child = int(output.read_text())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: gone(child))


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, SLEEP], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_it_is_ended_when_its_guard_is_killed(output: Path) -> None:
    process = run(SLEEP, output=output)
    pid = process.pid
    os.kill(process.guard_pid, signal.SIGKILL)
    assert describe_exit(process.wait()) == "was killed by SIGKILL"
    wait_until(lambda: gone(pid))


def test_a_signal_to_the_terminal_does_not_reach_it(output: Path) -> None:
    process = run(SLEEP, output=output)
    assert os.getsid(process.pid) != os.getsid(0)
    process.stop()
    process.wait()
