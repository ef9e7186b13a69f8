"""Who used how much CPU: process trees between two readings, and the rest of the machine as noise.

A tree is a process with all its descendants, and what those that have ended have used. Linux keeps these
times in steps of 10 ms, so a figure is worth something only over some seconds of work.
"""

import os
import time
from collections import defaultdict
from dataclasses import dataclass

import psutil

HARNESS = "harness"


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of all meters at one moment.

    Attributes:
        at: seconds on the monotonic clock.
        cpu: seconds of CPU that each role has used.
        busy: seconds of CPU that the whole machine has been busy.
    """

    at: float
    cpu: dict[str, float]
    busy: float


@dataclass(frozen=True, slots=True)
class Used:
    """What was used between two readings.

    Attributes:
        seconds: between them.
        cpu: seconds of CPU by role.
        foreign: cores that were busy with something else, on average.
    """

    seconds: float
    cpu: dict[str, float]
    foreign: float

    @classmethod
    def between(cls, first: Reading, last: Reading) -> "Used":
        """Return the difference of two readings."""
        seconds = last.at - first.at
        cpu = {role: last.cpu[role] - first.cpu[role] for role in last.cpu}
        return cls(seconds, cpu, max(0.0, last.busy - first.busy - sum(cpu.values())) / seconds)


class Meter:
    """Reads the CPU times of the processes it was told about, and of this one."""

    def __init__(self) -> None:
        self._roles: dict[str, list[int]] = {HARNESS: []}

    def track(self, role: str, pid: int | None) -> None:
        """Count a process and its descendants under a role; None says that it can't be seen from here."""
        if pid is not None:
            self._roles.setdefault(role, []).append(pid)

    def forget(self, role: str) -> None:
        """Count a role's processes no longer."""
        self._roles.pop(role, None)

    def read(self) -> Reading:
        """Return the times of all roles now."""
        at, busy = time.monotonic(), _busy()
        used, children = _processes()
        cpu = {role: sum(_tree(pid, used, children) for pid in pids) for role, pids in self._roles.items()}
        cpu[HARNESS] = used.get(os.getpid(), 0.0)
        return Reading(at, cpu, busy)


def _busy() -> float:
    times = psutil.cpu_times()._asdict()
    idle = times["idle"] + times.get("iowait", 0.0)
    guests = times.get("guest", 0.0) + times.get("guest_nice", 0.0)  # counted in `user` already
    return float(sum(times.values()) - idle - guests)


def _processes() -> tuple[dict[int, float], dict[int, list[int]]]:
    """Return the CPU time of every process, and who its children are; one look at each."""
    used: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None:
            own = times.user + times.system
            ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            # Our own ended children are servers and workers of earlier runs.
            used[process.pid] = own if process.pid == os.getpid() else own + ended
            children[process.info["ppid"]].append(process.pid)
    return used, children


def _tree(pid: int, used: dict[int, float], children: dict[int, list[int]]) -> float:
    return used.get(pid, 0.0) + sum(_tree(child, used, children) for child in children.get(pid, ()))
