"""Wraps the methods of `points.py` so that the process kills or stops itself at a passage that was chosen."""

import asyncio
import functools
import inspect
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bench.faults.points import POINTS, Point

STRUCK = "saboteur: "
"""How the line begins on stderr that a process says last."""


class Sabotage:
    """One point of one process.

    Args:
        name: of the point.
        nth: at which passage it strikes, from 1.
        number: the signal that the process sends itself: SIGKILL or SIGSTOP.

    Raises:
        KeyError: there is no such point.
    """

    def __init__(self, name: str, nth: int = 1, number: signal.Signals = signal.SIGKILL) -> None:
        self._name = name
        self._point: Point = POINTS[name]
        self._left = nth
        self._number = number

    def install(self) -> None:
        """Wrap the method."""
        method = getattr(self._point.owner, self._point.method)
        wrapped = (
            self._wrapped_async(method) if inspect.iscoroutinefunction(method) else self._wrapped(method)
        )
        setattr(self._point.owner, self._point.method, functools.wraps(method)(wrapped))

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._point.when == "before":
                self._pass(arguments)
            answer = method(*arguments, **options)
            if self._point.when == "after":
                self._pass(arguments, answer)
            return answer

        return call

    def _wrapped_async(
        self, method: Callable[..., Coroutine[Any, Any, Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **options: Any) -> Any:
            if self._point.when == "before":
                self._pass(arguments)
            if self._point.when == "during":  # the loop comes to this when the method first waits
                asyncio.get_running_loop().call_soon(self._pass, arguments)
            answer = await method(*arguments, **options)
            if self._point.when == "after":
                self._pass(arguments, answer)
            return answer

        return call

    def _pass(self, arguments: tuple[Any, ...], answer: Any = None) -> None:
        if not self._point.counts(arguments, answer):
            return
        self._left -= 1
        if self._left == 0:
            os.write(sys.stderr.fileno(), f"{STRUCK}{self._name}\n".encode())
            os.kill(os.getpid(), self._number)
