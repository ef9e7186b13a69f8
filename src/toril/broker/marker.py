"""Waiting for work: one private connection that blocks on the markers of all of a worker's queues.

BullMQ's convention: whoever makes a job ready adds member `0` with score 0 to the queue's `marker`, a
delayed job adds `1` with its due time; `BZPOPMIN` wakes one waiting worker per marker, which asks the queue
and learns when its next delayed job is due. An idle worker thus sends one command per `IDLE` seconds.
"""

from collections.abc import Sequence

from redis.exceptions import RedisError

from toril.broker.connection import Silence, connect, unavailable
from toril.broker.keys import QueueKeys

IDLE = 10.0
"""Seconds for one blocking call at most."""

_SLACK = 3.0


class MarkerWaiter:
    """Blocks until one of the queues may have work.

    Args:
        url: where Redis is.
        prefix: BullMQ's key prefix.
        silence: of the process; when it is noticed a call that waits ends at once.
    """

    def __init__(self, url: str, prefix: str, silence: Silence | None = None) -> None:
        self._prefix = prefix
        # The socket's deadline is longer than the longest block: a server that is alive always answers first.
        self._redis = connect(
            url, deadline=IDLE + _SLACK, connections=1, silence=silence or Silence(), waits=True
        )

    async def wait(self, queues: Sequence[str], seconds: float) -> str | None:
        """Wait for a marker of one of the queues, and take it.

        Args:
            queues: their names.
            seconds: how long at most; cut to `IDLE`.

        Returns:
            The queue whose marker it was, or None when the time passed.

        Raises:
            Unavailable: Redis failed, or did not even answer that there was nothing.
        """
        markers = {QueueKeys(self._prefix, queue).marker.encode(): queue for queue in queues}
        timeout = max(0.01, min(seconds, IDLE))  # 0 would mean for ever
        try:
            found = await self._redis.bzpopmin(list(markers), timeout)
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable(error) from error
        return markers[found[0]] if found else None  # type: ignore[index]  # replies are bytes here

    async def close(self) -> None:
        """Close the connection, even while a call is waiting on it."""
        await self._redis.aclose()
