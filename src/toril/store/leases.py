"""Who leads a duty: a row with a beat, judged by each candidate's own clock: clocks need not agree."""

from typing import NamedTuple
from uuid import UUID

from toril.store.connection import Lane
from toril.store.statements import load


class Holder(NamedTuple):
    """Who holds a lease, and at which beat."""

    id: UUID
    beat: int


class Leases:
    """Statements over `toril.leases`."""

    def __init__(self) -> None:
        self._sql = load("leases")

    async def take(self, lane: Lane, duty: str, candidate: UUID, stale_beat: int | None) -> Holder | None:
        """Keep, take or take over a lease; return who holds it now.

        Args:
            lane: where to run it.
            duty: the lease's name.
            candidate: who asks.
            stale_beat: the beat at which another holder has stood still for too long, if one has.

        Returns:
            The holder, or None when it changed hands between the two halves of the statement: ask again.
        """
        rows = await lane.fetch(self._sql["take"], duty, candidate, stale_beat)
        return Holder(rows[0]["holder"], rows[0]["beat"]) if rows else None

    async def release(self, lane: Lane, duty: str, holder: UUID) -> None:
        """Give a lease up, so that another may take it at once."""
        await lane.fetch(self._sql["release"], duty, holder)
