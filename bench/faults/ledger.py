"""What handlers really did, noted outside of the system: one line for each start and end of an execution.

A line is one write to a file opened for appending, so that processes can share it and a kill can't tear it.
"""

import os
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

VARIABLE = "FAULTS_LEDGER"
"""The environment variable that tells handlers the file's path."""

STARTED, ENDED = "started", "ended"


class Entry(NamedTuple):
    """One line.

    Attributes:
        what: `started` or `ended`.
        job_id: the job.
        attempt: which attempt it was.
        pid: the process.
        monotonic: seconds on the machine's monotonic clock, which all processes share.
        wall: the machine's own Unix time in seconds, whatever clock the process was made to believe in.
    """

    what: str
    job_id: int
    attempt: int
    pid: int
    monotonic: float
    wall: float


class Ledger:
    """The writing side, in the process that runs handlers.

    Args:
        path: the file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)

    @classmethod
    def of_this_run(cls) -> "Ledger":
        """Open the file that the environment names."""
        return cls(Path(os.environ[VARIABLE]))

    def started(self, job_id: int, attempt: int) -> None:
        """Note that an execution begins."""
        self._note(STARTED, job_id, attempt)

    def ended(self, job_id: int, attempt: int) -> None:
        """Note that an execution has come to its end."""
        self._note(ENDED, job_id, attempt)

    def _note(self, what: str, job_id: int, attempt: int) -> None:
        wall = time.clock_gettime(time.CLOCK_REALTIME)
        line = f"{what} {job_id} {attempt} {os.getpid()} {time.monotonic()} {wall}\n"
        os.write(self._file, line.encode())


class Record:
    """The reading side: all that has been noted up to now.

    Args:
        path: the file; one that is missing has nothing in it.
    """

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="ascii") if path.exists() else ""
        self.entries = [_entry(line) for line in text.splitlines()]

    @property
    def executions(self) -> Counter[int]:
        """How often each job was begun."""
        return Counter(entry.job_id for entry in self.entries if entry.what == STARTED)

    @property
    def completions(self) -> Counter[int]:
        """How often each job was run to its end."""
        return Counter(entry.job_id for entry in self.entries if entry.what == ENDED)

    def starts(self, job_id: int) -> list[Entry]:
        """Return the starts of one job, in order."""
        return [entry for entry in self.entries if entry.job_id == job_id and entry.what == STARTED]


def _entry(line: str) -> Entry:
    what, job_id, attempt, pid, monotonic, wall = line.split()
    return Entry(what, int(job_id), int(attempt), int(pid), float(monotonic), float(wall))
