"""A child process under a guard (`guard.py`): how it is started, asked to stop, hurried and waited for.

Used by the supervisor in `processes.py` and by the embedded servers. It promises that the program is gone
soon after this process is gone, however that came about, and that a stop climbs a ladder of signals that
ends in SIGKILL. The guard's end of the socket is the only thing that tells whether the program still runs:
when it closes, the program has ended.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toril.domain.errors import ServerError

GUARD_FILE = Path(__file__).with_name("guard.py")
GUARD_START_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a program runs as, when it isn't ours. Only root can start one."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}:{','.join(map(str, self.groups))}"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Args:
        name: as messages call it: "the API", "PostgreSQL".
        argv: the program and its arguments.
        ladder: how it is stopped: signals without their SIG, and the seconds each is given.
        env: its whole environment; ours when not given.
        directory: where it starts; our own directory when not given.
        account: the user to run it as; ours when not given.
        output: a descriptor for what it prints; ours when not given.
        input: a descriptor it reads; nothing when not given.
    """

    name: str
    argv: Sequence[str | Path]
    ladder: tuple[tuple[str, float], ...] = (("TERM", 10.0), ("KILL", 5.0))
    env: Mapping[str, str] | None = field(default=None, repr=False)
    directory: Path | None = None
    account: Account | None = None
    output: int | None = None
    input: int | None = None


class Guarded:
    """One run of a program. Make it with `spawn`."""

    def __init__(self, name: str, guard: subprocess.Popen[bytes], lifeline: socket.socket) -> None:
        self.name = name
        self._guard = guard
        self._lifeline = lifeline
        self._greeting = b""
        self._asked_to_stop = False

    @property
    def pid(self) -> int:
        """The program's own process id; waits for the guard to say it.

        Raises:
            ServerError: the program could not be started.
        """
        while not self._greeting.endswith(b"\n"):
            said = self._hear(GUARD_START_TIMEOUT)
            if not said:
                raise ServerError(f"{self.name} could not be started: its guard process said nothing.")
            self._greeting += said
        kind, _, rest = self._greeting.decode().strip().partition(" ")
        if kind != "pid":
            raise ServerError(f"{self.name} could not be started: {rest}.")
        return int(rest)

    @property
    def guard_pid(self) -> int:
        return self._guard.pid

    def running(self) -> bool:
        return self._guard.poll() is None

    def stop(self) -> None:
        """Ask for an end and return at once. More than one call is as good as one."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self._order(b"s")

    def hurry(self) -> None:
        """Go on to the next, harsher signal now; the first one when no stop was asked for yet."""
        self._order(b"n" if self._asked_to_stop else b"s")
        self._asked_to_stop = True

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status: 128 + n when signal n ended it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        code = self._guard.wait(timeout)
        while said := self._hear(0):
            self._greeting += said
        if code < 0:
            self._end_orphan()
        self._lifeline.close()
        return 128 - code if code < 0 else code

    async def ended(self) -> int:
        """`wait`, for an event loop."""
        if not self.running():
            return self.wait()
        self._lifeline.settimeout(0)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while said := await loop.sock_recv(self._lifeline, 256):
                self._greeting += said
        return self.wait()  # the guard closes the socket with its last breath

    def _end_orphan(self) -> None:
        """Kill a program whose guard was killed: it has nobody left to stop it."""
        with contextlib.suppress(ServerError, ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._lifeline.send(order)

    def _hear(self, timeout: float) -> bytes:
        if self._lifeline.fileno() < 0:
            return b""
        with contextlib.suppress(OSError):
            readable, _, _ = select.select([self._lifeline], [], [], timeout)
            return self._lifeline.recv(256) if readable else b""
        return b""


def spawn(program: Program) -> Guarded:
    """Start a program under a guard; returns before it runs.

    Raises:
        ServerError: the system has no room for another process.
    """
    ladder = ",".join(f"{name}:{seconds}" for name, seconds in program.ladder)
    ours, theirs = socket.socketpair()
    guard: list[str | Path] = [sys.executable, "-I", "-S", GUARD_FILE]
    guard += [str(theirs.fileno()), ladder, str(program.account or "-"), "--"]
    with theirs:
        try:
            process = subprocess.Popen(
                [*guard, *program.argv],
                stdin=subprocess.DEVNULL if program.input is None else program.input,
                stdout=program.output,
                stderr=program.output,
                env=program.env,
                cwd=program.directory,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ServerError(f"{program.name} could not be started: {error.strerror}.") from error
    return Guarded(program.name, process, ours)


def describe_exit(status: int) -> str:
    """Say what an exit status means: "was killed by SIGKILL", "exited with status 1"."""
    if status > 128:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(status - 128).name}"
    return f"exited with status {status}"
