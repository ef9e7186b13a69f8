"""Finds and ends servers that an earlier run left behind: those whose guard was killed as well as its parent.

Called at each start, with the data directory's lock held, so whatever still carries our mark has no owner.
Each server process carries the mark, a hash of the data directory's path, in its command line: PostgreSQL
by `cluster_name`, which it repeats in the title of all its processes, Valkey in its title. Process ids in
files are not believed: after a reboot they belong to anybody.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from toril.domain.errors import ServerError
from toril.runtime.guarded import GUARD_FILE

GUARD = str(GUARD_FILE)
PROC = Path("/proc")
PATIENCE = 30.0
KILL_PATIENCE = 5.0


def end_leftovers(program: str, mark: str) -> None:
    """End every process of a server program (`postgres`, `valkey-server`) that carries the mark.

    Raises:
        ServerError: one is still there after SIGKILL.
    """
    send(signal.SIGINT, (pid for pid, line in marked(program, mark) if takes_sigint(line)))
    if gone_within(PATIENCE, program, mark):
        return
    send(signal.SIGKILL, (pid for pid, _ in marked(program, mark)))
    if not gone_within(KILL_PATIENCE, program, mark):
        raise ServerError(f"A server of an earlier run won't end: process {marked(program, mark)[0][0]}.")


def takes_sigint(line: str) -> bool:
    """Whether SIGINT means to it what it means to both servers: disconnect everybody, save, stop.

    Not so PostgreSQL's helpers. A guard needs none: with its parent gone, it is stopping its server already.
    """
    return not line.startswith("postgres: ") and GUARD not in line


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def gone_within(seconds: float, program: str, mark: str) -> bool:
    deadline = time.monotonic() + seconds
    while marked(program, mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def marked(program: str, mark: str) -> list[tuple[int, str]]:
    """The processes that carry the mark: the program's own, and its guard, which names it last."""
    ours = re.compile(rf"(/.*/)?{re.escape(program)}\b.*\b{re.escape(mark)}\b")
    return [(pid, line) for pid, line in command_lines() if ours.match(line)]


def command_lines() -> Iterator[tuple[int, str]]:
    """Every process and its command line; from /proc where there is one, since small images have no `ps`."""
    if not (PROC / "self" / "cmdline").exists():
        listing = subprocess.check_output(["ps", "-axww", "-o", "pid=,command="], text=True)
        for row in listing.splitlines():
            pid, _, line = row.strip().partition(" ")
            yield int(pid), line
        return
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = (entry / "cmdline").read_bytes().split(b"\0")
                yield int(entry.name), b" ".join(words).decode(errors="replace")
