"""A full disk, on a real small file system: one sentence before the start, in the set-up, and in mid-work."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.integration.devserver.conftest import wait_until

from toril.devserver import server
from toril.devserver.servers import EmbeddedServers
from toril.domain.errors import ServerError

pytestmark = pytest.mark.usefixtures("as_root")
MEGABYTE = 1024 * 1024


class Disk:
    """A file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, megabytes: int) -> None:
        argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "none", str(self.path)]
        mounted = subprocess.run(argv, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"can't mount a small file system here: {mounted.stderr.strip()}")

    @property
    def ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        with pytest.raises(OSError, match="space"):
            self._write_for_ever()

    def _write_for_ever(self) -> None:
        with self.ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(MEGABYTE))


async def log_for_ever(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Write to PostgreSQL's write-ahead log until it can't."""
    while True:
        await connection.execute("select pg_logical_emit_message(true, 'x', repeat('x', 1000000))")


@pytest.fixture
def disk(scratch: Path) -> Iterator[Disk]:
    path = scratch / "disk"
    path.mkdir()
    yield Disk(path)
    if path.is_mount():
        subprocess.run(["umount", str(path)], check=True)


def test_a_disk_that_is_nearly_full_is_refused_before_anything_starts(disk: Disk) -> None:
    disk.mount(100)
    with pytest.raises(ServerError, match="is full") as refusal:
        EmbeddedServers(disk.path / "data").start()
    assert "200 MB" in (refusal.value.hint or "")


def test_a_disk_that_fills_up_during_the_setup_is_named(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ENOUGH_SPACE", 0)
    disk.mount(20)
    with pytest.raises(ServerError, match="is full"):
        EmbeddedServers(disk.path / "data").start()


async def test_a_server_that_dies_of_a_full_disk_comes_back_with_its_data(disk: Disk) -> None:
    disk.mount(400)
    servers = EmbeddedServers(disk.path / "data")
    endpoints = servers.start()
    try:
        connection = await asyncpg.connect(endpoints.database_url)
        await connection.execute("create table kept as select 42 as answer")
        disk.fill()
        with pytest.raises((asyncpg.PostgresError, ConnectionError)):
            await log_for_ever(connection)
        process = servers.postgres.process
        assert process is not None
        wait_until(lambda: not process.running())  # it has tried to recover by itself
        assert "No space left on device" in servers.postgres.last_words()
        with pytest.raises(ServerError, match="is full"):
            servers.postgres.restart()
        disk.ballast.unlink()
        servers.postgres.restart()
        connection = await asyncpg.connect(endpoints.database_url)
        assert await connection.fetchval("select answer from kept") == 42
        await connection.close()
    finally:
        servers.stop()
