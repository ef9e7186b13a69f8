"""Where a server listens, read from the URLs that Toril is given, and such URLs led to another place."""

import asyncio
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = "127.0.0.1"
_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "unix": 0}


class Address(NamedTuple):
    """A TCP address, or a Unix socket: then `path` is set."""

    host: str
    port: int
    path: str

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(self.host, self.port)


def address_of(target: str) -> Address:
    """Return the address in a URL of PostgreSQL or Redis, in `host:port`, or of a socket's path.

    Raises:
        ValueError: it is none of these.
    """
    if target.startswith("/"):
        return Address("", 0, target)
    parts = urlsplit(target if "://" in target else f"tcp://{target}")
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host, port = options.get("host", parts.hostname), options.get("port", parts.port)
    if parts.scheme == "unix":
        return Address("", 0, unquote(parts.path))
    if port is None:
        port = _PORTS.get(parts.scheme)
    if not host or port is None:
        raise ValueError(f"{target!r} names no address")
    if host.startswith("/"):
        return Address("", 0, f"{host}/.s.PGSQL.{port}")
    return Address(host, int(port), "")


def redirected(url: str, port: int) -> str:
    """Return a URL of PostgreSQL or Redis that leads to this port of the loopback interface instead.

    User, password, database and options stay. TLS is not to be had this way.
    """
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    place = f"{login}{at}{LOOPBACK}:{port}"
    if parts.scheme == "unix":
        return f"redis://{place}/0"
    query = "&".join(
        option for option in parts.query.split("&") if option and not option.startswith(("host=", "port="))
    )
    return parts._replace(netloc=place, query=query).geturl()
