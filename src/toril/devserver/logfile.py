"""A server's log file: opened for the server, kept from growing for ever, and read for its last line.

It belongs to us and not to the server's user, and the server gets only a descriptor: a server that was
broken into can't make root write somewhere else by way of a link.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path

LARGEST = 16 * 1024 * 1024
TAIL = 8 * 1024
ERROR = re.compile(r"FATAL:|PANIC:|\berror:")
NO_SPACE = re.compile("No space left on device|Check free disk space|Disk quota exceeded")


class LogFile:
    """The output of one server: a current file, and the one before with the suffix `.1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started_at = 0

    def open(self) -> int:
        """Return a descriptor to append to; what is written from now on is the current run's."""
        self.trim()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self._started_at = os.fstat(descriptor).st_size
        return descriptor

    def trim(self) -> None:
        """Set aside a log that has grown large. The server keeps its descriptor, so: copy, then cut."""
        if self.path.exists() and self.path.stat().st_size > LARGEST:
            with contextlib.suppress(OSError):  # the disk is full: then the old lines are what to give up
                shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)
            self._started_at = 0

    def tail(self) -> str:
        """The end of what the current run wrote."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._started_at, size - TAIL))
            return file.read().decode(errors="replace")

    def last_line(self) -> str:
        """The last line that names an error, else the last one that says anything."""
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        errors = [line for line in lines if ERROR.search(line)]
        return (errors or lines or [""])[-1]

    def says_disk_is_full(self) -> bool:
        return NO_SPACE.search(self.tail()) is not None
