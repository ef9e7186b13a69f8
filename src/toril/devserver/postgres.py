"""The embedded PostgreSQL: how its data directory is made, how it is run and when it is ready.

`EmbeddedServers` owns it. Its data directory appears whole, by a rename, so a start that is cut short is
simply begun again. It is as durable as any PostgreSQL: fsync, full pages and synchronous commits are on,
pages carry checksums.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from toril.devserver.access import LOOPBACK, Access
from toril.devserver.binaries import PostgresPrograms, find_postgres
from toril.devserver.logfile import LogFile
from toril.devserver.place import Place
from toril.devserver.server import Server
from toril.domain.errors import ServerError

SOCKET_PORT = 5432  # only a part of the socket's name
SETUP_TIMEOUT = 120.0
UNFINISHED = "postgres-unfinished-"
READY_LINE = 7  # of postmaster.pid: how PostgreSQL itself tells pg_ctl that it is ready
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "100",
    "autovacuum_naptime": "10s",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
}


class Postgres(Server):
    """PostgreSQL with a role and a database `toril`.

    Args:
        place: where it lives.
        access: listen on the loopback interface with this port and password; None: on a socket only.
        settings: override or add server settings.
    """

    name = "PostgreSQL"
    program = "postgres"
    # Fast, then immediate, after which the next start replays the log; nothing is lost. The first isn't given
    # long: asked while it gets over the crash of one of its processes, PostgreSQL 18.6 waits for ever.
    ladder = (("INT", 10.0), ("QUIT", 5.0), ("KILL", 5.0))

    def __init__(self, place: Place, access: Access | None, settings: Mapping[str, str]) -> None:
        super().__init__(place)
        self._access = access
        self._settings = settings
        self._data = place.base / "postgres"

    @property
    def url(self) -> str:
        if self._access is not None:
            return f"postgresql://toril:{self._access.password}@{LOOPBACK}:{self._access.postgres_port}/toril"
        return f"postgresql://toril@/toril?host={quote(str(self.place.sockets), safe='')}&port={SOCKET_PORT}"

    def prepare(self) -> list[str | Path]:
        programs = find_postgres(self.place.account)
        if not self._data.exists():
            self._create(programs)
        self._check_version(programs)
        # Only a running server needs this file, and we have made sure that none runs. Left behind by kill -9,
        # it would stop PostgreSQL if the process id in it belongs to somebody else by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        if self._access is not None:  # set anew each time: so it can't differ from what the file says
            self._run_sql(programs, self._data, [f"alter role toril password '{self._access.password}'"])
        options = [f"--{name}={value}" for name, value in self._all_settings().items()]
        return [programs.directory / "postgres", "-D", self._data, *options]

    def is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > READY_LINE and lines[0] == str(self.pid) and lines[READY_LINE].strip() == "ready"

    def _all_settings(self) -> dict[str, str]:
        directory = str(self.place.sockets).replace('"', '""')
        own = {
            "cluster_name": self.place.mark,
            "unix_socket_directories": f'"{directory}"',
            "listen_addresses": LOOPBACK if self._access else "",
            "port": str(self._access.postgres_port if self._access else SOCKET_PORT),
        }
        return SETTINGS | own | dict(self._settings)

    def _create(self, programs: PostgresPrograms) -> None:
        for abandoned in self.place.base.glob(f"{UNFINISHED}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.place.base))
        account = self.place.account
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
        try:
            initdb: list[str | Path] = [programs.directory / "initdb", "-D", unfinished]
            self._run_to_end("initdb", initdb + init_options(programs.major))
            self._run_sql(programs, unfinished, ["create database toril"])
            unfinished.rename(self._data)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _check_version(self, programs: PostgresPrograms) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if made_by != str(programs.major):
            raise ServerError(
                f"{self._data} was made by PostgreSQL {made_by}; the one installed is {programs.major}.",
                hint="Install the version it was made by, or take another directory with --data.",
            )

    def _run_sql(self, programs: PostgresPrograms, data: Path, statements: Iterable[str]) -> None:
        """Run statements in single-user mode: with no server, no port and no password."""
        argv: list[str | Path] = [programs.directory / "postgres", "--single", "-D", data]
        argv += ["-c", "exit_on_error=on", "postgres"]
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "w") as stream:
            stream.writelines(f"{statement}\n" for statement in statements)
        try:
            self._run_to_end("PostgreSQL's setup", argv, stdin=read_end)
        finally:
            os.close(read_end)

    def _run_to_end(self, name: str, argv: list[str | Path], stdin: int | None = None) -> None:
        log = LogFile(self.log.path.with_name("postgresql-setup.log"))
        process = self.run(name, argv, log, stdin=stdin)
        try:
            process.wait(SETUP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.stop()
        if process.wait():
            raise self.failure(process, log)


def init_options(major: int) -> list[str | Path]:
    """How `initdb` is asked to make a data directory.

    Connections over the socket are trusted: its directory lets nobody in but the servers' user and root, who
    could read the data files anyway. Connections over TCP always need the password.
    """
    options = "-U toril --auth-local=trust --auth-host=scram-sha-256 --data-checksums --no-instructions"
    locale = "--no-locale -E UTF8"
    if major >= 17:  # Unicode case rules that don't depend on the system's libraries
        locale += " --locale-provider=builtin --builtin-locale=C.UTF-8"
    return [*options.split(), *locale.split()]
