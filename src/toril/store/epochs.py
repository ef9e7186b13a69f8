"""Which Redis the queued jobs were told to, so that another one, or an emptied one, is noticed."""

from typing import NamedTuple

from toril.store.connection import Lane
from toril.store.statements import load


class Epoch(NamedTuple):
    """One filling of one Redis.

    Attributes:
        run_id: what the server calls its present run.
        mark: what was left in it when it was filled.
    """

    run_id: str
    mark: str


class Epochs:
    """Statements over `toril.redis_epoch`."""

    def __init__(self) -> None:
        self._sql = load("epochs")

    async def read(self, lane: Lane) -> Epoch | None:
        """Return which Redis was filled last, or None when none ever was."""
        rows = await lane.fetch(self._sql["read"])
        return Epoch(*rows[0].values()) if rows else None

    async def write(self, lane: Lane, epoch: Epoch) -> None:
        """Note which Redis is filled now."""
        await lane.fetch(self._sql["write"], epoch.run_id, epoch.mark)
