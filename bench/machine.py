"""What it was measured on: figures without it mean nothing."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.servers import Servers


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of what ran on it."""

    cores: int
    cpu: str
    system: str
    python: str
    toril: str
    postgresql: str
    redis: str

    @classmethod
    def here(cls, servers: Servers) -> "Machine":
        """Describe this machine and these servers."""
        return cls(
            os.cpu_count() or 1,
            _cpu_model(),
            f"{platform.system()} {platform.release()}",
            f"Python {platform.python_version()}",
            f"Toril {version('toril')}",
            servers.postgresql,
            servers.redis,
        )

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores != 1)} ({self.cpu})"
        return " · ".join([cores, self.system, self.python, self.toril, self.postgresql, self.redis])


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
