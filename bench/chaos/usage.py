"""Whose CPU it was: ours, the client's, or the system's, though processes come and go.

Looked at about once a second: what a process that is killed has used since the last look is missed.
"""

from bench.chaos.kinds import CLIENT
from bench.chaos.stage import Stage
from bench.meter import HARNESS, Meter, Reading


class Usage:
    """Adds up the CPU of all processes that a run has had.

    Args:
        stage: whose processes.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._meter = Meter()
        self._known: set[str] = set()
        self._used: dict[str, float] = {}
        self._first: Reading | None = None
        self._last: Reading | None = None

    def look(self) -> None:
        """Note what everybody has used up to now."""
        for role, pid in self._present():
            if pid and role not in self._known:
                self._known.add(role)
                self._meter.track(role, pid)
        reading = self._meter.read()
        self._first, self._last = self._first or reading, reading
        for role, seconds in reading.cpu.items():
            self._used[role] = max(self._used.get(role, 0.0), seconds)

    def cores(self) -> dict[str, float]:
        """Return how many cores each role has used, on average from the first look to the last."""
        if self._first is None or self._last is None or self._last.at == self._first.at:
            return {}
        seconds = self._last.at - self._first.at
        cores: dict[str, float] = {}
        for run, used in self._used.items():
            role = run.rsplit("#")[0].rstrip(" 0123456789")
            cores[role] = cores.get(role, 0.0) + (used - self._first.cpu.get(run, 0.0)) / seconds
        busy = (self._last.busy - self._first.busy) / seconds
        return cores | {"foreign": max(0.0, busy - sum(cores.values()))}

    def _present(self) -> list[tuple[str, int]]:
        members = [(f"{member.name}#{member.runs}", member.pid) for member in self._stage.fleet.members]
        postgres, valkey = self._stage.servers.postgres.pid, self._stage.servers.valkey.pid
        return [*members, (f"PostgreSQL#{postgres}", postgres), (f"Redis#{valkey}", valkey)]


OWN = (HARNESS, CLIENT)
"""The roles that are the harness' own."""
