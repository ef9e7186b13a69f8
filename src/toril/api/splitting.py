"""Cuts bulk bodies into the texts of their jobs, as the bytes come in, without parsing them.

So a bulk call never holds more than its jobs, and one that is hostile (a million elements, a line without an
end) is refused at the point where it goes wrong. Each text is parsed on its own afterwards.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from toril.api.body import too_large
from toril.domain.errors import InvalidInput


class Splitter(Protocol):
    """Cuts a body into the texts of its jobs."""

    def feed(self, piece: bytes, *, last: bool) -> Iterator[bytes]:
        """Yield the texts that `piece` completes; with `last`, nothing follows.

        Raises:
            InvalidInput: a text is over the size limit, or the body isn't what it should be.
        """

    def place(self) -> str:
        """Return where the last text came from, for people."""


class LineSplitter:
    """NDJSON: one text a line. Empty lines are skipped.

    Args:
        limit: bytes that a text may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._line = 0
        self._count = 0

    def feed(self, piece: bytes, *, last: bool) -> Iterator[bytes]:
        """See `Splitter`."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if last:
            lines.append(self._rest)
        for line in lines:
            self._line += 1
            self._check_size(line, self._line)
            if line and not line.isspace():
                yield line
                self._count += 1
        self._check_size(self._rest, self._line + 1)

    def place(self) -> str:
        """See `Splitter`."""
        return f"Line {self._line}"

    def _check_size(self, line: bytes, number: int) -> None:
        if len(line) > self._limit:
            raise too_large(f"Line {number}", self._limit, field=f"[{self._count}]")


_VISIBLE = re.compile(rb"[^ \t\r\n]")

_BRACE = re.compile(rb'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+[{}]', re.DOTALL)
"""Everything up to and including the next brace that is not inside a string, in linear time."""

_FOLLOWERS = {b"": b"[", b"[": b"{]", b"{": b",]", b",": b"{", b"]": b""}
"""Between jobs: which byte may follow which. `{` stands for a whole job."""


class ArraySplitter:
    """A JSON array of objects.

    Args:
        limit: bytes that an object may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = b""
        self._start = 0  # where the object begins, if we are in one
        self._at = 0  # up to where the data has been looked at
        self._depth = 0  # how many braces are open there
        self._last = b""  # the last byte between objects
        self._count = 0

    def feed(self, piece: bytes, *, last: bool) -> Iterator[bytes]:
        """See `Splitter`."""
        self._data = self._data[self._start :] + piece
        self._at -= self._start
        self._start = 0
        while self._depth or self._enter():
            if not self._leave():
                break
            self._count += 1
            yield self._data[self._start : self._at]
            self._start = self._at
        if last and self._last != b"]":
            problem = "ends too early" if self._last else "is empty"
            raise InvalidInput(
                f"The body {problem}.", code="invalid_json", hint="send a JSON array of jobs: [{…}, {…}]"
            )

    def place(self) -> str:
        """See `Splitter`."""
        return f"Job {self._count}"

    def _enter(self) -> bool:
        """Go into the next object; False where the data so far doesn't have one."""
        while visible := _VISIBLE.search(self._data, self._at):
            byte = visible[0]
            if byte not in _FOLLOWERS[self._last]:
                raise self._unexpected(byte)
            self._last = byte
            self._at = visible.end()
            if byte == b"{":
                self._start, self._depth = visible.start(), 1
                return True
        self._start = self._at = len(self._data)
        return False

    def _leave(self) -> bool:
        """Go to the end of the object; False where it has not come yet."""
        while self._depth and (match := _BRACE.match(self._data, self._at)):
            self._at = match.end()
            self._depth += 1 if match[0].endswith(b"{") else -1
        size = (len(self._data) if self._depth else self._at) - self._start
        if size > self._limit:
            raise too_large(f"Job {self._count + 1}", self._limit, field=f"[{self._count}]")
        return not self._depth

    def _unexpected(self, byte: bytes) -> InvalidInput:
        if self._last == b"":
            return InvalidInput(
                "The body must be an array of jobs.", code="invalid_type", hint="send [{…}, {…}], or NDJSON"
            )
        if self._last in b"[," and byte in b'"[-0123456789tfn':
            field = f"[{self._count}]"
            return InvalidInput(f"Job {self._count + 1} must be an object.", code="invalid_type", field=field)
        what = "something follows the array" if self._last == b"]" else f"unexpected after job {self._count}"
        return InvalidInput(
            f"The body is not valid JSON: {what}.", code="invalid_json", hint="send one array: [{…}, {…}]"
        )
