"""What only shows on a real connection: slow bodies, chunks, clients that leave, connections that live on."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import uvicorn
from starlette.types import ASGIApp
from tests.unit.api.memory import Memory

from toril.api.limits import Limits

JOB = b'{"name":"anything"}'


class Wire(NamedTuple):
    """A connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body


@pytest.fixture
def limits() -> Limits:
    return Limits(job=10_000, body_timeout=0.3, bulk=200_000, bulk_timeout=0.3)


@pytest.fixture
async def port(app: ASGIApp) -> AsyncIterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Wire(reader, writer)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def head(path: str = "/jobs", *headers: str, content_type: str = "application/json") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: toril.test", f"Content-Type: {content_type}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def with_length(body: bytes) -> bytes:
    return head("/jobs", f"Content-Length: {len(body)}") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def test_a_connection_serves_one_job_after_another(wire: Wire, memory: Memory) -> None:
    for number in (1, 2, 3):
        await wire.send(with_length(JOB))
        status, headers, body = await wire.answer()
        assert (status, json.loads(body)["id"]) == (201, number)
        assert "connection" not in headers


@pytest.mark.parametrize(
    "header",
    [
        b"Idempotency-Key: \xff\xfe",
        b"Idempotency-Key: " + b"k" * 10_000,
        b"Idempotency-Key: a\0b",
        b"Idempotency-Key: a\rb",
        b"Idempotency-Key:",
        b"Idempotency-Key: a\r\nIdempotency-Key: a",
        b"Idempotency-Key: a\r\n b",
    ],
)
async def test_a_header_that_is_no_key_stores_nothing(wire: Wire, memory: Memory, header: bytes) -> None:
    await wire.send(with_length(JOB).replace(b"Host:", header + b"\r\nHost:"))
    head = await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), 5)

    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 422"))
    assert memory.jobs == []


async def test_a_chunked_body_counts_too(wire: Wire, memory: Memory) -> None:
    await wire.send(head("/jobs", "Transfer-Encoding: chunked") + chunk(JOB) + chunk(b""))
    assert (await wire.answer())[0] == 201

    big = b'{"name":"anything","payload":{"a":"' + b"x" * 20_000
    await wire.send(head("/jobs", "Transfer-Encoding: chunked") + chunk(big) + chunk(b'"}}') + chunk(b""))
    status, _, body = await wire.answer()
    assert (status, json.loads(body)["code"]) == (413, "too_large")
    assert len(memory.jobs) == 1


async def test_after_a_refusal_of_what_was_read_the_connection_lives_on(wire: Wire, memory: Memory) -> None:
    await wire.send(with_length(b"{}"))
    status, headers, _ = await wire.answer()
    assert (status, "connection" in headers) == (422, False)

    await wire.send(with_length(JOB))
    assert (await wire.answer())[0] == 201


async def test_a_declared_giant_is_refused_at_once_and_the_answer_arrives(wire: Wire) -> None:
    await wire.send(head("/jobs", "Content-Length: 99999999999"))
    sending = asyncio.create_task(_send_until_closed(wire))
    status, headers, body = await wire.answer()

    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["code"] == "too_large"
    sending.cancel()


async def test_a_client_that_asks_first_is_told_at_once(wire: Wire) -> None:
    started = asyncio.get_running_loop().time()
    await wire.send(head("/jobs", "Content-Length: 99999999999", "Expect: 100-continue"))
    status, headers, _ = await wire.answer()

    assert (status, headers["connection"]) == (413, "close")
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_client_that_asks_first_and_fits_may_go_on(wire: Wire) -> None:
    await wire.send(head("/jobs", f"Content-Length: {len(JOB)}", "Expect: 100-continue"))
    assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    await wire.send(JOB)

    assert (await wire.answer())[0] == 201


@pytest.mark.parametrize("path", ["/jobs", "/jobs/bulk"])
async def test_a_body_that_does_not_come_is_a_408(wire: Wire, memory: Memory, path: str) -> None:
    await wire.send(head(path, f"Content-Length: {len(JOB)}") + JOB[:5])
    status, headers, body = await wire.answer()

    assert (status, json.loads(body)["code"]) == (408, "body_timeout")
    assert headers["connection"] == "close"
    assert memory.jobs == []


async def test_a_body_that_drips_in_is_a_408(wire: Wire, memory: Memory) -> None:
    await wire.send(head("/jobs/bulk", "Transfer-Encoding: chunked", content_type="application/x-ndjson"))
    answering = asyncio.create_task(wire.answer())
    while not answering.done():
        with contextlib.suppress(ConnectionError):
            await wire.send(chunk(JOB + b"\n"))
        await asyncio.sleep(0.02)
    status, _, body = await answering

    assert (status, json.loads(body)["code"]) == (408, "body_timeout")
    assert memory.jobs == []


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
async def test_a_client_that_leaves_in_the_middle_has_submitted_nothing(
    port: int, wire: Wire, memory: Memory, errors: list[Exception], content_type: str
) -> None:
    _, leaver = await asyncio.open_connection("127.0.0.1", port)
    leaver.write(
        head("/jobs/bulk", "Transfer-Encoding: chunked", content_type=content_type) + chunk(JOB + b"\n")
    )
    await leaver.drain()
    leaver.close()

    await wire.send(with_length(JOB))
    assert (await wire.answer())[0] == 201
    assert len(memory.jobs) == 1
    assert errors == []


async def test_lines_are_checked_while_they_still_arrive(wire: Wire, memory: Memory) -> None:
    lines = b'{"name":"thumbnial"}\n' + (JOB + b"\n") * 4_000
    await wire.send(head("/jobs/bulk", "Content-Length: 150000", content_type="application/x-ndjson") + lines)
    status, headers, body = await wire.answer()

    assert (status, json.loads(body)["code"]) == (422, "unknown_job")
    assert headers["connection"] == "close"
    assert memory.jobs == []


async def test_a_head_request_has_the_headers_of_a_get_and_no_body(wire: Wire) -> None:
    await wire.send(b"HEAD /healthz HTTP/1.1\r\nHost: toril.test\r\n\r\n")
    response = await wire.reader.readuntil(b"\r\n\r\n")

    assert b"200 OK" in response
    assert b"content-length: 15" in response


async def test_the_hosts_name_is_not_reflected(wire: Wire) -> None:
    for path in ("/", "/jobs/", "/nowhere"):
        await wire.send(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        _, headers, body = await wire.answer()
        assert "evil.example" not in str(headers) + body.decode()


async def _send_until_closed(wire: Wire) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await wire.send(b"x" * 100_000)
