"""The proxy that plays a bad network: what each of its tricks looks like from both ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from bench.faults.addresses import address_of, redirected
from bench.faults.link import Side
from bench.faults.proxy import Proxy
from redis.asyncio import Redis

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SILENCE = 0.2
"""Seconds in which something would have come over the loopback interface if it were to come."""


class Echo:
    """A server that sends back what it gets; it remembers what it got and how connections ended."""

    def __init__(self) -> None:
        self.heard = b""
        self.port = 0

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Echo"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(100):
                self.heard += piece
                writer.write(piece)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Echo().served() as served:
        yield served


Connect = Callable[[Proxy], Awaitable[Ends]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    writers: list[asyncio.StreamWriter] = []

    async def begin(proxy: Proxy) -> Ends:
        ends = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(ends[1])
        return ends

    yield begin
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def answer(ends: Ends, text: bytes = b"hello", within: float = 5.0) -> bytes:
    reader, writer = ends
    writer.write(text)
    async with asyncio.timeout(within):
        return await reader.readexactly(len(text))


async def is_silent(ends: Ends, text: bytes = b"?") -> bool:
    try:
        await answer(ends, text, within=SILENCE)
    except TimeoutError:
        return True
    return False


async def test_a_stalled_connection_is_open_and_silent_and_goes_on_where_it_was(
    echo: Echo, connect: Connect
) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.stall()
        assert await is_silent(ends, b"held ")
        newcomer = await connect(proxy)
        assert await is_silent(newcomer, b"new")
        assert echo.heard == b"hello"
        proxy.forward()
        assert await ends[0].readexactly(5) == b"held "
        assert await newcomer[0].readexactly(3) == b"new"
        assert proxy.connections == 2


async def test_behind_a_firewall_that_forgot_them_stalled_connections_stay_silent(
    echo: Echo, connect: Connect
) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.stall()
        proxy.forward(keep=False)
        assert await is_silent(ends)
        assert await answer(await connect(proxy), b"new") == b"new"


async def test_refusing_closes_what_is_open_and_the_port_works_again_afterwards(
    echo: Echo, connect: Connect
) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.refuse()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await answer(ends)
        with pytest.raises(ConnectionRefusedError):
            await connect(proxy)
        proxy.forward()
        assert await answer(await connect(proxy)) == b"hello"


async def test_a_cut_drops_connections_once(echo: Echo, connect: Connect) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.cut()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await answer(ends)
        assert await answer(await connect(proxy)) == b"hello"


async def test_a_connection_that_is_half_closed_still_takes_requests_and_never_answers(
    echo: Echo, connect: Connect
) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.half_close(Side.CLIENT)
        assert await ends[0].read() == b""
        ends[1].write(b" again")
        async with asyncio.timeout(5):
            while echo.heard != b"hello again":
                await asyncio.sleep(0.01)


async def test_a_delay_holds_up_both_directions_without_limiting_how_much_gets_through(
    echo: Echo, connect: Connect
) -> None:
    with Proxy(f"127.0.0.1:{echo.port}") as proxy:
        ends = await connect(proxy)
        assert await answer(ends) == b"hello"
        proxy.delay(0.1)
        began = time.monotonic()
        assert await answer(ends, b"x" * 1_000_000) == b"x" * 1_000_000
        assert 0.2 <= time.monotonic() - began < 2


async def test_it_stands_before_postgresql_and_redis_by_their_urls(database_url: str, redis_url: str) -> None:
    with Proxy(database_url) as postgres, Proxy(redis_url) as valkey:
        connection = await asyncpg.connect(postgres.url)
        assert (
            await connection.fetchval("select current_database()")
            == database_url.split("?")[0].split("/")[-1]
        )
        await connection.close()
        async with Redis.from_url(valkey.url) as redis:
            assert await redis.ping()
        assert postgres.url.split("?")[0].startswith(f"postgresql://toril@127.0.0.1:{postgres.port}/")


@pytest.mark.parametrize(
    ("url", "address", "elsewhere"),
    [
        ("redis://:secret@10.0.0.1:7000/3", ("10.0.0.1", 7000, ""), "redis://:secret@127.0.0.1:9/3"),
        ("unix:///run/a%20b/v.sock", ("", 0, "/run/a b/v.sock"), "redis://127.0.0.1:9/0"),
        ("postgresql://u:p@db/x?sslmode=disable", ("db", 5432, ""), "postgresql://u:p@127.0.0.1:9/x?sslmode=disable"),
        ("postgresql://u@/x?host=%2Frun%2Fpg&port=7", ("", 0, "/run/pg/.s.PGSQL.7"), "postgresql://u@127.0.0.1:9/x"),
    ],
)  # fmt: skip
def test_urls_lead_through_it(url: str, address: tuple[str, int, str], elsewhere: str) -> None:
    assert address_of(url) == address
    assert redirected(url, 9) == elsewhere
