"""What time processes believe it is: noted by handlers, read by whoever stepped their clocks."""

import os
import time
from pathlib import Path
from typing import NamedTuple

VARIABLE = "CHAOS_CLOCKS"
"""The environment variable that tells handlers the file's path."""

_LOOK_EVERY = 0.2


class Clocks:
    """The writing side.

    Args:
        path: the file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._next = 0.0

    @classmethod
    def of_this_run(cls) -> "Clocks":
        """Open the file that the environment names."""
        return cls(Path(os.environ[VARIABLE]))

    def look(self) -> None:
        """Note what time this process believes it is, unless that was done a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LOOK_EVERY
            right = time.clock_gettime(time.CLOCK_REALTIME)
            os.write(self._file, f"{os.getpid()} {now} {time.time() - right}\n".encode())


class Look(NamedTuple):
    """One line: by how many seconds a process' clock was ahead, and when, on the monotonic clock."""

    pid: int
    at: float
    ahead: float


def read_clocks(path: Path, since: float) -> list[Look]:
    """Return what was noted since then."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    looks = (Look(int(pid), float(at), float(ahead)) for pid, at, ahead in lines)
    return [look for look in looks if look.at >= since]
