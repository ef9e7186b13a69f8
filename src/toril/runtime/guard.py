"""Runs one program and makes sure that it never outlives whoever asked for it.

    python -I -S guard.py FD LADDER ACCOUNT -- PROGRAM ARGUMENT…

`guarded.py` starts this file as a process of its own, in its own session, so that Ctrl-C in a terminal does
not reach the program. FD is one end of a socket pair. The guard answers `pid 123` or `error …` on it, then
obeys: `s` (stop: take the first rung of the ladder) and `n` (hurry: take the next rung). When the other end
closes, even by kill -9, that is a stop too. LADDER is `INT:60,QUIT:5,KILL:5`: signals, and seconds to wait
after each. ACCOUNT is `uid:gid:group,group` to run the program as, or `-`. Standard library only, and
little of it: it must start fast.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

Rung = tuple[signal.Signals, float]
STOP, NEXT = b"s", ord("n")


def main(arguments: list[str]) -> int:
    """Run the program until it ends; its exit status is ours (128 + n when signal n ended it)."""
    lifeline, ladder, argv = int(arguments[0]), parse_ladder(arguments[1]), arguments[4:]
    wake = wake_on_signals()
    try:
        child = start(argv, arguments[2])
    except (OSError, subprocess.SubprocessError) as error:
        tell(lifeline, f"error {error}")
        return 127
    tell(lifeline, f"pid {child.pid}")
    watch(child, lifeline, wake, ladder)
    end_group(child.pid)
    return 128 - child.returncode if child.returncode < 0 else child.returncode


def parse_ladder(text: str) -> list[Rung]:
    rungs = (part.split(":") for part in text.split(","))
    return [(signal.Signals[f"SIG{name}"], float(seconds)) for name, seconds in rungs]


def start(argv: list[str], account: str) -> subprocess.Popen[bytes]:
    """Start the program as leader of its own session, as another user when one is given.

    It inherits no descriptor but the standard ones: with the lifeline it would keep itself alive.
    """
    if account == "-":
        return subprocess.Popen(argv, start_new_session=True)
    uid, gid, groups = account.split(":")
    extra = [int(group) for group in groups.split(",") if group]
    return subprocess.Popen(argv, start_new_session=True, user=int(uid), group=int(gid), extra_groups=extra)


def wake_on_signals() -> int:
    """Turn our signals (a child has ended; we are asked to stop) into bytes on the returned descriptor."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return read_end


class Stop:
    """How far up the ladder of signals we are.

    Args:
        pid: the program.
        ladder: its signals, and how long each is given.
    """

    def __init__(self, pid: int, ladder: list[Rung]) -> None:
        self._pid = pid
        self._ladder = ladder
        self._climbed = 0
        self.deadline: float | None = None

    def obey(self, orders: bytes) -> None:
        for order in orders:
            if order == NEXT or self._climbed == 0:
                self.climb()

    def climb(self) -> None:
        """Send the next signal; the last one again when there is no other."""
        number, patience = self._ladder[min(self._climbed, len(self._ladder) - 1)]
        self._climbed += 1
        self.deadline = time.monotonic() + patience
        send(self._pid, number)


def watch(child: subprocess.Popen[bytes], lifeline: int, wake: int, ladder: list[Rung]) -> None:
    """Wait for the child's end; climb the ladder from when we are told to stop."""
    stop, watched = Stop(child.pid, ladder), [lifeline, wake]
    while child.poll() is None:
        left = None if stop.deadline is None else max(0.0, stop.deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], left)
        if wake in ready:
            stop.obey(signalled(wake))
        if lifeline in ready:
            said = hear(lifeline)
            stop.obey(said or STOP)
            if not said:
                watched.remove(lifeline)
        if not ready and stop.deadline is not None and time.monotonic() >= stop.deadline:
            stop.climb()


def signalled(wake: int) -> bytes:
    """Which order our own signals amount to: any but SIGCHLD asks us to stop."""
    return STOP if os.read(wake, 64).strip(bytes([signal.SIGCHLD])) else b""


def hear(lifeline: int) -> bytes:
    try:
        return os.read(lifeline, 64)
    except OSError:  # reset: the other side died with our answer unread
        return b""


def tell(lifeline: int, line: str) -> None:
    with contextlib.suppress(OSError):  # nobody is there any more: watch() finds out, and stops the child
        os.write(lifeline, line.replace("\n", " ").encode() + b"\n")


def send(pid: int, number: signal.Signals) -> None:
    """A polite signal goes to the program alone, which knows its children; SIGKILL to its whole group."""
    if number is signal.SIGKILL:
        end_group(pid)
    else:
        os.kill(pid, number)


def end_group(pid: int) -> None:
    """Kill what is left of the program's process group, so that nothing it started stays behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it is empty (macOS says so with EPERM)
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
