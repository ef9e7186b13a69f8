"""A wrong clock: `time.time`, `time.time_ns` and `datetime.now` of one process run ahead or behind.

The offset is in a file that is read at each call, so that somebody else can step the clock while the process
runs. Clocks that nobody sets (`time.monotonic`, the event loop's) stay right, as they do on a real machine.
"""

import os
import struct
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

_OFFSET = struct.Struct("<d")
_right_time, _right_time_ns = time.time, time.time_ns


class WrongClock:
    """A clock that is wrong by what its file says.

    Args:
        path: the file; see `set_clock`.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def offset(self) -> float:
        """Seconds by which it is ahead."""
        seconds: float = _OFFSET.unpack(os.pread(self._file, _OFFSET.size, 0))[0]
        return seconds

    def time(self) -> float:
        """Return the wrong Unix time."""
        return _right_time() + self.offset

    def time_ns(self) -> int:
        """Return the wrong Unix time in nanoseconds."""
        return _right_time_ns() + int(self.offset * 1e9)

    def wind_up(self) -> None:
        """Make this process believe it; before anything imports the functions by name."""
        time.time, time.time_ns = self.time, self.time_ns

    def wind_up_datetime(self) -> None:
        """Make the modules of Toril believe it that have imported `datetime`; once they are loaded."""
        clock = self

        class Believing(type):
            def __instancecheck__(cls, instance: object) -> bool:
                return isinstance(instance, datetime)

        class Wrong(datetime, metaclass=Believing):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                moment: Any = datetime.now(tz) + timedelta(seconds=clock.offset)
                return moment  # type: ignore[no-any-return]

        for name, module in list(sys.modules.items()):
            if name.startswith("toril.") and getattr(module, "datetime", None) is datetime:
                module.datetime = Wrong  # type: ignore[attr-defined]


def set_clock(path: Path, offset: float) -> None:
    """Set the clock of whoever uses this file: `offset` seconds ahead of the right time. Makes the file."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        os.pwrite(file, _OFFSET.pack(offset), 0)  # one write: nobody reads half an offset
    finally:
        os.close(file)
