"""The embedded Valkey: its configuration, how it is run and when it is ready.

`EmbeddedServers` owns it. It keeps an append-only file, and refuses writes rather than drop keys when
memory is short; a second of writes may be lost in a power cut, which Toril is made for: PostgreSQL is the
record.
"""

import contextlib
import shutil
import socket
from pathlib import Path
from urllib.parse import quote

from toril.devserver.access import LOOPBACK, Access, write_private
from toril.devserver.binaries import find_valkey
from toril.devserver.place import Place, make_directory
from toril.devserver.server import Server

PING_TIMEOUT = 2.0


class Valkey(Server):
    """Valkey, with its data on disk.

    Args:
        place: where it lives.
        access: listen on the loopback interface too, and ask for this password; None: on a socket only.
    """

    name = "Valkey"
    program = "valkey-server"
    ladder = (("TERM", 20.0), ("KILL", 5.0))

    def __init__(self, place: Place, access: Access | None) -> None:
        super().__init__(place)
        self._access = access
        self._data = place.base / "valkey"
        self._socket = place.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        if self._access is not None:
            return f"redis://:{self._access.password}@{LOOPBACK}:{self._access.valkey_port}/0"
        return f"unix://{quote(str(self._socket))}"

    def start(self, *, empty: bool = False) -> None:
        """Start and wait until it answers; with `empty`, as if its disk had been lost."""
        if empty:
            shutil.rmtree(self._data)
        super().start()

    def restart(self, *, empty: bool = False) -> None:
        self.stop()
        self.start(empty=empty)

    def prepare(self) -> list[str | Path]:
        account = self.place.account
        make_directory(self._data, mode=0o700, account=account)
        config = self.place.base / "valkey.conf"  # a file, because it holds the password
        text = "".join(f"{name} {quoted(value)}\n" for name, value in self._settings().items())
        write_private(config, text, owner=(account.uid, account.gid) if account else None)
        # The mark goes on the command line: there it can be seen from the very start.
        return [find_valkey(account), config, "--proc-title-template", f"{{title}} {self.place.mark}"]

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PING_TIMEOUT)
            connection.connect(str(self._socket))
            if self._access is not None:
                connection.sendall(f"AUTH {self._access.password}\r\n".encode())
                connection.recv(64)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")  # not while it loads its data
        return False

    def _settings(self) -> dict[str, str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": "",
        }
        if self._access is not None:
            settings |= {"port": str(self._access.valkey_port), "bind": LOOPBACK}
            settings["requirepass"] = self._access.password
        return settings


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
