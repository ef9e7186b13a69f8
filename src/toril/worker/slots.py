"""How many jobs a worker may run at once, and who waits for a place."""

import asyncio


class Slots:
    """A counter of free places.

    Args:
        count: places in all.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self._one_free = asyncio.Event()
        self._one_free.set()

    @property
    def used(self) -> int:
        """Places in use."""
        return self.count - self.free

    def occupy(self) -> None:
        """Take a place. Below 0 when something holds on to the place of a job that has ended."""
        self.free -= 1
        if self.free <= 0:
            self._one_free.clear()

    def release(self) -> None:
        """Give a place back."""
        self.free += 1
        if self.free > 0:
            self._one_free.set()

    async def wait(self) -> None:
        """Wait until a place is free."""
        await self._one_free.wait()
