"""Faults of the network: what the proxies between our processes and the servers do to their connections.

Proved by the proxies' own counts, and by round trips through them.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from bench.chaos.kinds import POSTGRES
from bench.chaos.stage import Stage
from bench.chaos.strike import Fault, NotInjected, Strike
from bench.faults.addresses import LOOPBACK
from bench.faults.proxy import Proxy

DELAY = 0.2
"""Seconds, in each direction."""

_CONNECTED_WITHIN = 20.0
_BACK_WITHIN = 30.0
_ANSWER_WITHIN = 10.0
_LOOK = 0.02
_ASKS_FOR_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""PostgreSQL answers this with one byte, before any login; Redis answers PING without one, or refuses it."""
_PING = b"PING\r\n"


def stalled(server: str, *, keep: bool) -> Fault:
    """Return the fault of a link that forwards nothing for a while.

    Args:
        server: behind the link.
        keep: whether the connections go on afterwards; else they stay silent for ever.
    """

    async def stall(stage: Stage, strike: Strike) -> str:
        links = await _connected(stage, server, strike)
        await _each(links, Proxy.stall)
        strike.blow()
        try:
            before, held = _forwarded(links), sum(link.connections for link in links)
            await asyncio.sleep(strike.planned.seconds)
            passed = _forwarded(links) - before
        finally:
            await _each(links, partial(Proxy.forward, keep=keep))
            strike.heal()
        if passed:
            raise NotInjected(f"{passed} bytes passed during the stall")
        return f"no byte passed on {held} connections for {strike.planned.seconds:g} s"

    return stall


def cut(server: str) -> Fault:
    """Return the fault of a link whose connections are dropped once."""
    return _broken_once(server, Proxy.cut, "dropped")


def half_closed(server: str) -> Fault:
    """Return the fault of a link whose clients hear the end of the stream, while they still may send."""
    return _broken_once(server, Proxy.half_close, "half closed")


def slow(server: str) -> Fault:
    """Return the fault of a link on which everything takes `DELAY` longer, both ways."""

    async def delay(stage: Stage, strike: Strike) -> str:
        links = await _connected(stage, server, strike)
        await _each(links, partial(Proxy.delay, seconds=DELAY))
        strike.blow()
        try:
            took = await _round_trip(links[0], server)
            await asyncio.sleep(max(0.0, strike.planned.seconds - took))
        finally:
            await _each(links, partial(Proxy.delay, seconds=0.0))
            strike.heal()
        if took < 2 * DELAY:
            raise NotInjected(f"an answer came after {took:.2f} s")
        return f"an answer took {took * 1e3:.0f} ms"

    return delay


def refused(server: str) -> Fault:
    """Return the fault of a link that is closed and lets nobody in for a while."""

    async def refuse(stage: Stage, strike: Strike) -> str:
        links = await _connected(stage, server, strike)
        await _each(links, Proxy.refuse)
        strike.blow()
        try:
            await asyncio.sleep(strike.planned.seconds)
            let_in = [link for link in links if await _lets_in(link)]
            left = sum(link.connections for link in links)
        finally:
            await _each(links, Proxy.forward)
            strike.heal()
        if let_in or left:
            raise NotInjected(f"{len(let_in)} links still let clients in, {left} connections were left")
        return f"{len(links)} links refused clients for {strike.planned.seconds:g} s"

    return refuse


def _broken_once(server: str, breaking: Callable[[Proxy], None], what: str) -> Fault:
    async def break_once(stage: Stage, strike: Strike) -> str:
        links = await _connected(stage, server, strike)
        held, accepted = sum(link.connections for link in links), _accepted(links)
        strike.blow()
        await _each(links, breaking)
        if not await _until(lambda: _accepted(links) > accepted, _BACK_WITHIN):
            raise NotInjected(f"of {held} connections that were {what} none came again")
        return f"{held} connections {what}, clients came again after {strike.since_blow():.1f} s"

    return break_once


async def _connected(stage: Stage, server: str, strike: Strike) -> list[Proxy]:
    """Wait until there are connections to break."""
    links = stage.links(server, strike.planned.target)
    if not await _until(lambda: all(link.connections for link in links), _CONNECTED_WITHIN):
        raise NotInjected(f"{strike.planned.target} had no connection to {server} to break")
    return links


async def _each(links: Sequence[Proxy], change: Callable[[Proxy], None]) -> None:
    await asyncio.gather(*(asyncio.to_thread(change, link) for link in links))


def _forwarded(links: Sequence[Proxy]) -> int:
    return sum(link.forwarded for link in links)


def _accepted(links: Sequence[Proxy]) -> int:
    return sum(link.accepted for link in links)


async def _until(condition: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK)
    return True


async def _round_trip(link: Proxy, server: str) -> float:
    began = time.monotonic()
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
            writer.write(_ASKS_FOR_TLS if server == POSTGRES else _PING)
            answer = await reader.read(1)
            writer.close()
    except (OSError, TimeoutError) as error:
        raise NotInjected(f"no answer through the slow link: {type(error).__name__}") from error
    if not answer:
        raise NotInjected("the slow link was closed")
    return time.monotonic() - began


async def _lets_in(link: Proxy) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, link.port)
    except OSError:
        return False
    writer.close()
    return True
