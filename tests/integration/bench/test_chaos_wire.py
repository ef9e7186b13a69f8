"""The chaos client's HTTP: what certainly didn't happen is told from what may have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from bench.chaos.wire import AnswerLost, NotSent, Wire

from toril.devserver.access import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server that treats each connection like this; gives its port."""
    served: list[asyncio.Future[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(ended := asyncio.get_running_loop().create_future())
        await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set_result(None)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*served)


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def test_a_connection_is_used_again() -> None:
    connections = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            body = await request(reader)
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serving(echo) as port:
        wire = Wire("/jobs", 5.0)
        assert await wire.post(port, b"one") == (201, b"one")
        assert await wire.post(port, b"two") == (201, b"two")
        wire.close()
    assert connections == 1


async def test_nothing_can_have_come_of_a_request_when_nobody_listens() -> None:
    with pytest.raises(NotSent):
        await Wire("/jobs", 5.0).post(free_port(), b"{}")


async def test_an_answer_that_breaks_off_is_lost() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf")

    async with serving(break_off) as port:
        with pytest.raises(AnswerLost):
            await Wire("/jobs", 5.0).post(port, b"{}")


async def test_an_answer_that_does_not_come_in_time_is_lost() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(say_nothing) as port:
        with pytest.raises(AnswerLost):
            await Wire("/jobs", 0.1).post(port, b"{}")
