"""The password and the ports of servers that listen on the loopback interface, which they do only on request.

Made once and kept in a file that only we can read, so that a database tool's saved connection goes on
working. A port that somebody else has taken meanwhile is replaced.
"""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach both servers over TCP on the loopback interface."""

    password: str
    postgres_port: int
    valkey_port: int


def load_access(file: Path) -> Access:
    """Read the file, or make it; give up ports that are taken."""
    if file.exists():
        kept = Access(**json.loads(file.read_text()))
        access = replace(
            kept, postgres_port=free_port(kept.postgres_port), valkey_port=free_port(kept.valkey_port)
        )
    else:
        access = Access(secrets.token_hex(24), free_port(), free_port())
    write_private(file, json.dumps(asdict(access)) + "\n")
    return access


def free_port(wanted: int = 0) -> int:
    """The wanted port when it is free, else another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def write_private(file: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Replace a file by one that only its owner can read; never half written, never with a wider mode."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        if owner is not None:
            os.fchown(descriptor, *owner)
    unfinished.rename(file)
