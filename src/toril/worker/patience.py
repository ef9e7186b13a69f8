"""Tries again while a part is down: for what must be said to PostgreSQL in the end, however long it takes."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from toril.domain.errors import Refused, Unavailable
from toril.domain.events import Emit, PartBack, PartDown

T = TypeVar("T")

_FIRST = 0.05
_LONGEST = 2.0


class Patience:
    """Repeats calls to one part until they succeed, and tells when it went and came back, once each.

    Args:
        part: its name, for events.
        emit: where to tell.
    """

    def __init__(self, part: str, emit: Emit) -> None:
        self._part = part
        self._emit = emit
        self._down_since: float | None = None

    async def insist(
        self, call: Callable[[], Coroutine[Any, Any, T]], until: asyncio.Event | None = None
    ) -> T:
        """Call until it doesn't raise `Unavailable`; waits between tries, with jitter.

        Args:
            call: the call.
            until: once it is set, the next failure is the last.

        Raises:
            Refused: at once, because waiting would not help.
            Unavailable: after `until` was set.
        """
        pause = _FIRST
        while True:
            try:
                answer = await call()
            except Refused:
                self.succeeded()  # the part is there: it answered
                raise
            except Unavailable as error:
                self.failed(error)
                if until is not None and until.is_set():
                    raise
                await _pause(random.uniform(pause / 2, pause), until)  # noqa: S311  # jitter
                pause = min(pause * 2, _LONGEST)
            else:
                self.succeeded()
                return answer

    async def look(self, call: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Call once, only to see whether the part can be used."""
        try:
            await call()
        except Unavailable as error:
            self.failed(error)
        else:
            self.succeeded()

    def failed(self, error: Unavailable) -> None:
        """Note that the part could not be used."""
        if self._down_since is None:
            self._down_since = time.monotonic()
            self._emit(PartDown(self._part, error.message))

    def succeeded(self) -> None:
        """Note that the part could be used."""
        if self._down_since is not None:
            self._emit(PartBack(self._part, time.monotonic() - self._down_since))
            self._down_since = None


async def _pause(seconds: float, until: asyncio.Event | None) -> None:
    if until is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(until.wait(), seconds)
