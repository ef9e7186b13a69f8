"""One embedded server's life: launched under a guard, awaited until it is ready, stopped, started again.

`postgres.py` and `valkey.py` say what is special about each. A server is a `Child` (runtime/processes.py),
so that `toril up` can supervise it like any other process. Whatever goes wrong comes out as one sentence,
with the last line of the server's log and where to read the rest.
"""

import abc
import errno
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from toril.devserver.leftovers import end_leftovers
from toril.devserver.logfile import LogFile
from toril.devserver.place import Place
from toril.domain.errors import ServerError
from toril.runtime.guarded import Guarded, Program, describe_exit, spawn

ENOUGH_SPACE = 200 * 1024 * 1024
READY_TIMEOUT = 120.0  # PostgreSQL may have gigabytes of log to replay after a crash
READY_POLL = 0.01
# Passed on to the servers: what programs need to run at all, and nothing that would change their behaviour.
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")


class Server(abc.ABC):
    """A server in a place; see `start`, `stop`, `restart`.

    Args:
        place: where it lives.
    """

    name: ClassVar[str]
    program: ClassVar[str]
    ladder: ClassVar[tuple[tuple[str, float], ...]]

    def __init__(self, place: Place) -> None:
        self.place = place
        self.log = LogFile(place.base / "log" / f"{self.name.lower()}.log")
        self.process: Guarded | None = None

    @property
    def pid(self) -> int:
        """The process id of the server itself (not of its guard)."""
        if self.process is None:
            raise ServerError(f"{self.name} has not been started.")
        return self.process.pid

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            ServerError: it didn't start; says why.
        """
        self.wait_ready(self.launch())

    def stop(self) -> None:
        """Stop it, gracefully first, and wait until it has ended."""
        if self.process is not None:
            self.process.stop()
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def launch(self) -> Guarded:
        """Start without waiting until it answers; ends what a killed run may have left."""
        require_space(self.place.base)
        end_leftovers(self.program, self.place.mark)
        self.process = self.run(self.name, self.prepare(), self.log, ladder=self.ladder)
        return self.process

    def wait_ready(self, process: Guarded) -> None:
        """Wait until the launched server answers.

        Raises:
            ServerError: it ended instead, or took too long.
        """
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.is_ready():
            if not process.running():
                raise self.failure(process, self.log)
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} is not ready after {READY_TIMEOUT:g} s. {self.last_words()}")
            time.sleep(READY_POLL)

    def last_words(self) -> str:
        return f"Its log ends with “{self.log.last_line()}” ({self.log.path})."

    @abc.abstractmethod
    def prepare(self) -> Sequence[str | Path]:
        """Make the server's files as far as they are missing, and return what to run."""

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether the launched server answers."""

    def run(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: LogFile,
        *,
        ladder: tuple[tuple[str, float], ...] = (("TERM", 5.0), ("KILL", 5.0)),
        stdin: int | None = None,
    ) -> Guarded:
        """Run a program as the server's user, its output going to a log."""
        environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ} | {"LC_ALL": "C"}
        output = log.open()
        try:
            return spawn(
                Program(
                    name, argv, ladder, environment, Path("/"), self.place.account, output=output, input=stdin
                )
            )
        finally:
            os.close(output)

    def failure(self, process: Guarded, log: LogFile) -> ServerError:
        """What to tell when a program ended that should not have."""
        status, _ = process.wait(), process.pid  # which raises when it never ran
        if log.says_disk_is_full():
            return disk_is_full(self.place.base)
        last = log.last_line()
        said = f" It said: {last}" if last else ""
        return ServerError(
            f"{process.name} {describe_exit(status)} while starting.{said}", hint=f"Read {log.path}."
        )


def require_space(directory: Path) -> None:
    """Refuse to start on a disk that is nearly full, where a server would only die later, in mid-work."""
    if shutil.disk_usage(directory).free < ENOUGH_SPACE:
        raise disk_is_full(directory)


def disk_is_full(directory: Path) -> ServerError:
    free = shutil.disk_usage(directory).free // (1024 * 1024)
    return ServerError(
        f"The disk that holds {directory} is full ({free} MB left).",
        hint=f"Free at least {ENOUGH_SPACE // (1024 * 1024)} MB and start again; what was saved is safe.",
    )


def in_words(error: OSError, directory: Path) -> ServerError:
    """Turn a failed file operation of our own into a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_is_full(directory)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return ServerError(
        f"The servers' files in {directory} can't be used. {what}.",
        hint="Start as their owner or as an ordinary user, or take another directory with --data.",
    )
