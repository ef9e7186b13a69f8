"""An application that submits, one job after the other, and prints the id of each that was accepted.

python -m bench.faults.saboteur --at after-commit:3 -- bench/faults/submitter.py COUNT SECONDS
"""

import asyncio
import sys

from bench.faults.handlers import app, work


async def submit(count: int, seconds: float) -> None:
    """Submit so many jobs that take this long."""
    async with app:
        for _ in range(count):
            submitted = await work.enqueue(seconds=seconds)
            print(submitted.id, flush=True)


if __name__ == "__main__":
    asyncio.run(submit(int(sys.argv[1]), float(sys.argv[2])))
