"""Faults of processes: killed, restarted, paused, a wrong clock. Proved by exit status, state and clock."""

import asyncio
import os
import signal
import time

import psutil

from bench.chaos.clocks import read_clocks
from bench.chaos.fleet import Member
from bench.chaos.stage import Stage
from bench.chaos.strike import NotInjected, Strike
from bench.faults.clock import set_clock

_KILLED = 128 + signal.SIGKILL
_DIES_WITHIN = 10.0
_STOPS_WITHIN = 60.0
_HOUR = 3600.0
_SEEN_WITHIN = 20.0
_LOOK = 0.05


async def kill(stage: Stage, strike: Strike) -> str:
    """Kill a process with SIGKILL; the supervisor starts it again."""
    member = await stage.fleet.up(strike.planned.target)
    pid = member.pid
    strike.blow()
    member.strike(signal.SIGKILL)
    status = await _end(member, _DIES_WITHIN)
    if status != _KILLED:
        raise NotInjected(f"{member.name} ended with status {status}, not by SIGKILL")
    return f"pid {pid} died of SIGKILL"


async def restart(stage: Stage, strike: Strike) -> str:
    """Stop a process in order with SIGTERM; the supervisor starts it again."""
    member = await stage.fleet.up(strike.planned.target)
    pid = member.pid
    strike.blow()
    member.strike(signal.SIGTERM)
    status = await _end(member, _STOPS_WITHIN)
    strike.heal()
    if status:
        strike.complaint = f"{member.name} ended with status {status} after SIGTERM ({member.log.name})"
    return f"pid {pid} ended with status {status} {strike.since_blow():.1f} s after SIGTERM"


async def pause(stage: Stage, strike: Strike) -> str:
    """Stop a process with SIGSTOP, hold it, and let it go on."""
    member = await stage.fleet.up(strike.planned.target)
    pid = member.pid
    os.kill(pid, signal.SIGSTOP)
    strike.blow()
    try:
        await _stopped(pid)
        await asyncio.sleep(strike.planned.seconds)
        if not _is_stopped(pid):
            raise NotInjected(f"{member.name} did not stay paused")
    finally:
        os.kill(pid, signal.SIGCONT)
        strike.heal()
    return f"pid {pid} stood still for {strike.since_blow():.1f} s"


async def step_clock(stage: Stage, strike: Strike) -> str:
    """Set a process' clock an hour ahead, then an hour back, then right."""
    member = await stage.fleet.up(strike.planned.target)
    file = stage.clock_of(member.name)
    strike.blow()
    try:
        for offset in (_HOUR, -_HOUR):
            stepped_at = time.monotonic()
            set_clock(file, offset)
            await asyncio.sleep(strike.planned.seconds / 2)
            await _believed(stage, member, stepped_at, offset)
    finally:
        set_clock(file, 0.0)
        strike.heal()
    return f"jobs of pid {member.pid} saw its clock an hour ahead, then behind"


async def _end(member: Member, within: float) -> int:
    assert member.end is not None  # it was up
    try:
        return await asyncio.wait_for(asyncio.shield(member.end), within)
    except TimeoutError:
        raise NotInjected(f"{member.name} still runs {within:g} s after the signal") from None


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess as error:
        raise NotInjected(f"pid {pid} is gone") from error


async def _stopped(pid: int) -> None:
    async with asyncio.timeout(_DIES_WITHIN):
        while not _is_stopped(pid):  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(_LOOK)


async def _believed(stage: Stage, member: Member, since: float, offset: float) -> None:
    """Wait until a job has seen the wrong clock."""
    deadline = time.monotonic() + _SEEN_WITHIN
    while True:
        looks = read_clocks(stage.clocks, since)
        if any(look.pid == member.pid and abs(look.ahead - offset) < _HOUR / 2 for look in looks):
            return
        if time.monotonic() > deadline:
            raise NotInjected(f"no job of {member.name} has seen its clock {offset:+g} s off")
        await asyncio.sleep(_LOOK * 4)
