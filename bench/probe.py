"""When each job was submitted, started and ended: one file that all processes of a run map into memory.

Noting a time is a store into memory, so measuring costs no round trip and no lock: every job has cells of its
own. Jobs are known by their index, from 0; the last `WARM_UP` indices are for jobs that aren't measured.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from time import time

VARIABLE = "BENCH_PROBE"
"""The environment variable that has the file's path."""

WARM_UP = 64

_HEADER = struct.Struct("<Qbb6x")  # jobs, ready, go
_READY, _GO = 8, 9
_TIMES = ("enqueued", "accepted", "started", "ended")


class Probe:
    """The mapped file. Times are Unix times in seconds, 0 for "not yet".

    Args:
        path: a file that `Probe.create` has made.

    Attributes:
        jobs: how many jobs are measured.
        enqueued: by index, when the call that submits it began.
        accepted: when that call returned.
        started: when its handler started, the last time.
        ended: when its handler ended, the last time.
        submissions: how often it was submitted.
        executions: how often it was run.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = memoryview(mmap.mmap(file.fileno(), 0))
        self.jobs: int = _HEADER.unpack_from(self._map)[0]
        doubles, octets = _columns(self.jobs)
        self.enqueued, self.accepted, self.started, self.ended = (self._map[cut].cast("d") for cut in doubles)
        self.submissions, self.executions = (self._map[cut] for cut in octets)

    @classmethod
    def create(cls, path: Path, jobs: int) -> "Probe":
        """Make the file for so many jobs, and map it."""
        size = _columns(jobs)[1][-1].stop
        path.write_bytes(_HEADER.pack(jobs, 0, 0).ljust(size, b"\0"))
        return cls(path)

    @classmethod
    def of_this_run(cls) -> "Probe":
        """Map the file that the environment names."""
        return cls(Path(os.environ[VARIABLE]))

    @property
    def warm_up(self) -> range:
        """The indices of jobs that aren't measured."""
        return range(self.jobs, self.jobs + WARM_UP)

    def submitted(self, index: int, enqueued: float) -> None:
        """Note that a job has been submitted by a call that began at `enqueued`."""
        self.enqueued[index] = enqueued
        self.accepted[index] = time()
        self.submissions[index] += 1

    def executed(self, index: int) -> None:
        """Note that a job is being run. The count comes last: who sees it sees the times."""
        self.started[index] = time()
        self.ended[index] = time()
        self.executions[index] += 1

    def count_submitted(self) -> int:
        """Return how many of the measured jobs have been submitted."""
        return self.jobs - self.submissions[: self.jobs].tobytes().count(0)

    def count_executed(self) -> int:
        """Return how many of the measured jobs have been run at least once."""
        return self.jobs - self.executions[: self.jobs].tobytes().count(0)

    def repeated(self) -> int:
        """Return how many of the measured jobs were run more than once."""
        counts = self.executions[: self.jobs].tobytes()
        return self.jobs - counts.count(0) - counts.count(1)

    def measured(self, times: "memoryview[float]") -> list[float]:
        """Return a column's times of the measured jobs, by index."""
        return list(times[: self.jobs])

    def say_ready(self) -> None:
        """Say, as the submitting process, that the measured part may begin."""
        self._map[_READY] = 1

    @property
    def ready(self) -> bool:
        """Whether the submitting process is ready."""
        return bool(self._map[_READY])

    def say_go(self) -> None:
        """Let the submitting process begin."""
        self._map[_GO] = 1

    @property
    def go(self) -> bool:
        """Whether the submitting process may begin."""
        return bool(self._map[_GO])


def _columns(jobs: int) -> tuple[list[slice], list[slice]]:
    """Return where the columns are: of eight bytes a job, and of one."""
    cells = jobs + WARM_UP
    cuts = _cuts(_HEADER.size, [8 * cells] * len(_TIMES) + [cells, cells])
    found = list(cuts)
    return found[: len(_TIMES)], found[len(_TIMES) :]


def _cuts(start: int, sizes: list[int]) -> Iterator[slice]:
    for size in sizes:
        yield slice(start, start + size)
        start += size
