"""Forgets the keys of submitters that nobody needs any more, a bounded step at a time."""

from toril.store.connection import Lane
from toril.store.statements import load

FORGET_LIMIT = 1_000


class Keys:
    """Goes along the unique keys, round after round, and takes the oldest idempotency keys."""

    def __init__(self) -> None:
        self._sql = load("keys")
        self._after = ("", "")

    async def forget(self, lane: Lane, limit: int = FORGET_LIMIT) -> bool:
        """Forget idempotency keys whose time is over, and the next unique keys if no job holds them.

        Returns:
            Whether there may be more idempotency keys to forget at once: these come as fast as jobs do.
        """
        expired = await lane.fetch(self._sql["forget_idempotent"], limit)
        looked_at = await lane.fetch(self._sql["forget_unique"], *self._after, limit)
        at_the_end = len(looked_at) < limit
        self._after = ("", "") if at_the_end else (looked_at[-1]["name"], looked_at[-1]["key"])
        return len(expired) == limit
