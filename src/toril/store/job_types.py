"""What workers can run, as they publish it."""

from collections.abc import Sequence

from toril.domain.views import RegisteredJob
from toril.store.connection import Lane, Readers
from toril.store.statements import load


class JobTypes:
    """Statements over `toril.job_types`."""

    def __init__(self) -> None:
        self._sql = load("job_types")

    async def publish(self, lane: Lane, types: Sequence[RegisteredJob]) -> None:
        """Publish job types; the newest word on a name counts."""
        if types:
            await lane.fetch(self._sql["publish"], *map(list, zip(*types, strict=True)))

    async def all(self, readers: Readers) -> list[RegisteredJob]:
        """Return all registered job types, by name."""
        return [RegisteredJob(*row.values()) for row in await readers.fetch(self._sql["all"])]
