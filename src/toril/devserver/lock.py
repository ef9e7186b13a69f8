"""One owner per data directory: a lock that the system releases when its holder is gone, even by kill -9.

Held by `EmbeddedServers` from start to stop. The file also names the holder, for the message that a second
instance gets.
"""

import fcntl
import os
from pathlib import Path

from toril.domain.errors import ServerError


class DirectoryLock:
    """An exclusive lock on a directory, through a file `lock` in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say who has it.

        Raises:
            ServerError: another process holds it.
        """
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "of unknown id"
            os.close(descriptor)
            raise ServerError(
                f"{self._directory} is in use by process {holder}.",
                hint=f"Stop it (Ctrl-C there, or `kill {holder}`), or take another directory with --data.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
