"""Where a data directory's servers live: their files, their sockets, and the user they run as.

PostgreSQL refuses to run as root. As root both servers run as an unprivileged user instead, in the data
directory when that user can get there, else in a directory of our own under /var/lib/toril; the choice is
noted in the data directory and kept. Whether the user can get there is read from the permission bits. Only
directories that we have just made are given an owner or a mode: nothing that existed is ever loosened.
"""

import hashlib
import os
import pwd
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toril.domain.errors import ServerError
from toril.runtime.guarded import Account

SYSTEM_DIRECTORY = Path("/var/lib/toril")
UNPRIVILEGED_USERS = ("toril", "postgres", "nobody")
LONGEST_SOCKET_PATH = 103  # macOS has room for 104 bytes with the final NUL, Linux for 108
LONGEST_SOCKET_NAME = len("/.s.PGSQL.65535")
NOTE = "place"  # in the data directory: where the servers' files are, when not there


@dataclass(frozen=True, slots=True)
class Place:
    """Where one data directory's servers live.

    Args:
        base: holds `postgres/`, `valkey/` and `log/`.
        sockets: a directory that only the servers' user (and root) can enter.
        account: the user the servers run as; None when that is simply us.
        mark: carried by every server process in its command line; unique to the data directory.
    """

    base: Path
    sockets: Path
    account: Account | None
    mark: str


def settle(data_dir: Path) -> Place:
    """Choose the place, or return to the one chosen before; make its directories.

    Raises:
        ServerError: there is no place where the servers could run.
    """
    mark = f"toril-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    note = data_dir / NOTE
    noted = Path(note.read_text().strip()) if note.exists() else data_dir
    base = noted if noted.is_dir() else data_dir
    account = choose_account(base)
    if account is not None and not can_enter(account, base):
        if (base / "postgres").exists():
            raise ServerError(
                f"The servers' user {account.name} can't get into {base} any more.",
                hint="Give its parent directories back the x permission they had, or move the directory.",
            )
        base = SYSTEM_DIRECTORY / mark.removeprefix("toril-")
        make_directory(SYSTEM_DIRECTORY, mode=0o755)
        make_directory(base, mode=0o711)
        note.write_text(f"{base}\n")
    make_directory(base / "log", mode=0o700)
    return Place(base, make_socket_directory(base, account, mark), account, mark)


def choose_account(base: Path) -> Account | None:
    """Who the servers run as: the owner of their data when there is some; as root never root."""
    postgres = base / "postgres"
    owner = postgres.stat().st_uid if postgres.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise ServerError(
                f"{postgres} belongs to another user ({user_name(owner)}).",
                hint="Start as the user who started it first, or take another directory with --data.",
            )
        return None
    for entry in candidates(owner):
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups))
    raise ServerError(
        "PostgreSQL doesn't run as root, and there is no other user to run it as.",
        hint=f"Create one of the users {', '.join(UNPRIVILEGED_USERS)}, or start as an ordinary user.",
    )


def candidates(owner: int | None) -> Iterable[pwd.struct_passwd]:
    for user in UNPRIVILEGED_USERS if owner is None else (owner,):
        try:
            yield pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
        except KeyError:
            continue


def user_name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"uid {uid}"


def can_enter(account: Account, directory: Path) -> bool:
    """Whether the account may pass through every directory down to this one, by owner, group and mode."""
    resolved = directory.resolve()
    return all(may_execute(account, part) for part in (resolved, *resolved.parents))


def may_execute(account: Account, path: Path) -> bool:
    found = path.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid in (account.gid, *account.groups):
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def make_directory(path: Path, *, mode: int, account: Account | None = None) -> bool:
    """Make a directory with exactly this mode and owner; one that exists is left alone, returning false."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)  # whatever the umask
    return True


def make_socket_directory(base: Path, account: Account | None, mark: str) -> Path:
    """A 0700 directory for sockets; in the system's temporary directory when the path wouldn't do for one.

    That is when it is too long, or has a comma, which separates hosts in a PostgreSQL URL.
    """
    directory = base / "run"
    if len(os.fsencode(directory)) + LONGEST_SOCKET_NAME > LONGEST_SOCKET_PATH or "," in str(directory):
        directory = Path(tempfile.gettempdir()) / mark
    make_directory(directory, mode=0o700, account=account)
    found, owner = directory.lstat(), os.geteuid() if account is None else account.uid
    # Anybody may have made a directory of that name in /tmp before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise ServerError(
            f"{directory} must belong to {user_name(owner)} alone (mode 0700), for the servers' sockets.",
            hint=f"Remove it: rm -r {directory}",
        )
    return directory
