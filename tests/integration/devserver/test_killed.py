"""What is left after kill -9: nothing for long, and nothing that the next start can't put right."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.integration.devserver.conftest import Holder, gone, wait_until
from tests.integration.devserver.test_servers import assert_kept, write

from toril.devserver.servers import EmbeddedServers, Endpoints


async def test_the_servers_end_when_their_parent_is_killed(
    hold: Callable[[], Holder], data_dir: Path
) -> None:
    held = hold()
    await write(Endpoints(held.database_url, held.redis_url))
    held.process.kill()
    wait_until(lambda: all(gone(pid) for pid in [*held.servers, *held.guards]))
    with EmbeddedServers(data_dir) as servers:
        await assert_kept(Endpoints(servers.postgres.url, servers.valkey.url))


async def test_the_next_start_ends_what_killed_guards_left(
    hold: Callable[[], Holder], data_dir: Path
) -> None:
    held = hold()
    await write(Endpoints(held.database_url, held.redis_url))
    for guard in held.guards:
        os.kill(guard, signal.SIGSTOP)  # so that neither can act on its parent's end
    held.process.kill()
    for guard in held.guards:
        os.kill(guard, signal.SIGKILL)
    wait_until(lambda: all(gone(guard) for guard in held.guards))
    assert not any(gone(pid) for pid in held.servers)
    with EmbeddedServers(data_dir) as servers:
        assert all(gone(pid) for pid in held.servers)
        await assert_kept(Endpoints(servers.postgres.url, servers.valkey.url))


async def test_servers_that_were_killed_themselves_are_recovered(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir)
    await write(servers.start())
    os.kill(servers.postgres.pid, signal.SIGKILL)
    os.kill(servers.valkey.pid, signal.SIGKILL)
    servers.stop()
    try:
        await assert_kept(servers.start())
    finally:
        servers.stop()


def test_a_process_id_that_belongs_to_somebody_else_by_now_is_left_alone(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        pid_file = servers.place.base / "postgres" / "postmaster.pid"
        stale = pid_file.read_text().replace(str(servers.postgres.pid), str(os.getpid()), 1)
    pid_file.write_text(stale)
    with EmbeddedServers(data_dir):
        pass


def test_a_setup_that_was_cut_short_is_begun_again(scratch: Path) -> None:
    data_dir = scratch / "data"
    data_dir.mkdir(mode=0o711)
    unfinished = data_dir / "postgres-unfinished-x"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(data_dir):
        assert not unfinished.exists()
