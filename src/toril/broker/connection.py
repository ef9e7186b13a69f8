"""Connections to Redis that can't go deaf, and the scripts that run on them.

The client library never retries by itself: a script whose answer was lost may have run, and only the caller
knows whether it may run again. Every call has a deadline on the client's side, and the connection of a call
that failed or was cancelled is dropped, so that no answer can meet another's question. What has silenced one
(a firewall that forgot its connections) has silenced others: they are dropped with it, and don't wait for
deadlines of their own.
"""

import re
from contextlib import suppress
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import TimeoutError as NoAnswer

from toril.domain.errors import Refused, Unavailable

_UNABLE = (MasterDownError, NoScriptError, OutOfMemoryError, ReadOnlyError, TryAgainError)
_SAYS_UNABLE = re.compile(
    "(?:^|-)(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN|UNKILLABLE) "
)
"""What a server says that can't serve anybody at the moment; a script's error carries it after a dash."""


class Silence:
    """Drops a process' connections to Redis when one of them has not answered in time."""

    def __init__(self) -> None:
        self._concerned: list[tuple[ConnectionPool, bool]] = []

    def concerns(self, pool: ConnectionPool, *, in_use: bool) -> None:
        """Have a pool's idle connections dropped, and on request those in use, which have own deadlines."""
        self._concerned.append((pool, in_use))

    async def noticed(self) -> None:
        """Drop them; whatever comes next opens new ones."""
        for pool, in_use in self._concerned:
            with suppress(RedisError, OSError):
                await pool.disconnect(inuse_connections=in_use)


class _Client(Redis):
    """A client that tells of a silence it has met."""

    silence: Silence

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command as ever."""
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except NoAnswer:
            await self.silence.noticed()
            raise


def connect(url: str, *, deadline: float, connections: int, silence: Silence, waits: bool = False) -> Redis:
    """Return a client for a Redis URL; nothing is opened yet.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        deadline: seconds for a call to answer.
        connections: open at the same time at most; further calls wait for one.
        silence: of the process; told when a call gets no answer.
        waits: whether calls block in Redis until something happens, so that others learn of a silence first.
    """
    tcp: dict[str, bool] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=deadline,
        socket_timeout=deadline,
        socket_connect_timeout=min(deadline, 5.0),
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        health_check_interval=0,
        **tcp,
    )
    silence.concerns(pool, in_use=waits)
    client = cast("_Client", _Client.from_pool(pool))
    client.silence = silence
    return client


class Script:
    """A Lua script of `lua/`, called by its hash and loaded where it is not known yet."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._source = _source("prelude") + _source(name)
        self._sha: str | None = None

    async def __call__(self, keys: list[str], arguments: list[Any]) -> Any:
        """Run the script.

        Raises:
            Unavailable: Redis failed or did not answer in time; the script may or may not have run.
            Refused: the script failed at what it found.
        """
        try:
            if self._sha is None:
                self._sha = await self._load()
            try:
                return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)
            except NoScriptError:  # Redis was restarted or flushed; the script has not run
                self._sha = await self._load()
                return await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error

    async def _load(self) -> str:
        return str(await self._redis.script_load(self._source))


def _source(name: str) -> str:
    return (files("toril.broker") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def unavailable(error: BaseException) -> Unavailable:
    """Return the error that says why Redis can't be used, or refuses this very call (`Refused`)."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if (
        isinstance(error, ResponseError)
        and not isinstance(error, _UNABLE)
        and not _SAYS_UNABLE.search(reason)
    ):
        return Refused(f"Redis refuses this: {reason.partition(' script: ')[0]}")
    return Unavailable(
        f"Redis is not available: {reason}",
        retry_after=1.0,
        hint="Check that the server runs and that TORIL_REDIS_URL is right (`toril check`).",
    )
