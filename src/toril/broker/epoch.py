"""Tells one filling of Redis from the next: a mark that is gone when the data is, and the server's run id.

A refill begins by leaving a token and ends by renaming it to the mark. If Redis loses its data in between,
the token is gone, the renaming fails, and the refill begins anew.
"""

from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from toril.broker.connection import unavailable
from toril.domain.errors import Refused


class Present(NamedTuple):
    """What Redis says of itself: its run id, and the mark that is in it, if any."""

    run_id: str
    mark: str | None


class EpochMark:
    """The mark in one Redis.

    Args:
        redis: a client.
        prefix: BullMQ's key prefix.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._mark = f"{prefix}:toril:epoch"
        self._token = f"{prefix}:toril:filling"

    async def read(self) -> Present:
        """Return what is there now.

        Raises:
            Unavailable: Redis failed or did not answer in time.
        """
        try:
            server = await self._redis.info("server")
            mark = await self._read_mark()
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error
        return Present(str(server["run_id"]), mark.decode() if isinstance(mark, bytes) else mark)

    async def _read_mark(self) -> bytes | str | None:
        try:
            return await self._redis.get(self._mark)
        except ResponseError as error:
            if isinstance(unavailable(error), Refused):
                return None  # something else is at its key, which the next filling replaces
            raise

    async def begin(self, token: str) -> None:
        """Leave the token of a refill."""
        try:
            await self._redis.set(self._token, token)
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error

    async def end(self) -> bool:
        """Turn the token into the mark; False when Redis has lost it, and with it what was filled in."""
        try:
            await self._redis.rename(self._token, self._mark)
        except ResponseError:  # "no such key"
            return False
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error
        return True
