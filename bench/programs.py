"""The processes of one run: the real commands, started under a guard, and stopped whatever happens.

Each writes to a file of its own; when one ends that should not have, its last line is what the error says.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.failure import BenchError
from bench.meter import Meter
from toril.runtime.guarded import Guarded, Program, describe_exit, spawn

ROOT = Path(__file__).resolve().parent.parent
_LADDER = (("TERM", 30.0), ("KILL", 5.0))


class Programs:
    """Starts processes, watches over them, and stops them when the block is left.

    Args:
        directory: for what they print.
        environment: all of their environment.
        meter: told about each.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], meter: Meter) -> None:
        self._directory = directory
        self._environment = environment
        self._meter = meter
        self._running: list[tuple[Guarded, Path]] = []
        self._roles: set[str] = set()

    def start(self, role: str, module: str, *arguments: str) -> None:
        """Run `python -m MODULE ARGUMENTS` and count its CPU under a role."""
        log = self._directory / f"{role}-{len(self._running)}.log"
        output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        argv = [sys.executable, "-m", module, *arguments]
        try:
            process = spawn(Program(f"The {role}", argv, _LADDER, self._environment, ROOT, output=output))
        finally:
            os.close(output)
        self._running.append((process, log))
        self._roles.add(role)
        self._meter.track(role, process.pid)

    def worker(self, concurrency: int) -> None:
        """Run a worker with the benchmark's handlers."""
        self.start(
            "worker", "toril", "worker", "--app", "bench.handlers:app", "--concurrency", str(concurrency)
        )

    def api(self, port: int) -> None:
        """Run the HTTP API."""
        self.start("API", "toril", "api", "--host", "127.0.0.1", "--port", str(port))

    def check(self) -> None:
        """Make sure that none has ended.

        Raises:
            BenchError: one has.
        """
        for process, log in self._running:
            if not process.running():
                status = describe_exit(process.wait())
                raise BenchError(f"{process.name} {status}. {_last_words(log)}")

    def last_words(self) -> str:
        """Return the last line that each has printed."""
        return "\n".join(f"{process.name}. {_last_words(log)}" for process, log in self._running)

    def stop(self) -> None:
        """Stop all, gracefully first, and wait until they have ended."""
        for process, _ in self._running:
            process.stop()
        for process, _ in self._running:
            process.wait()
        for role in self._roles:
            self._meter.forget(role)
        self._running.clear()
        self._roles.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"It said: {lines[-1].strip()}" if lines else "It said nothing."
