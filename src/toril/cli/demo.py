"""A few jobs to try where there is no application yet: what `toril up` runs outside of a project."""

from toril.app import Toril
from toril.sdk.context import JobContext
from toril.sdk.control import Retry

app = Toril()


@app.job
async def hello(ctx: JobContext, name: str = "world") -> str:
    """Greet somebody."""
    ctx.log("greeting", name=name)
    return f"Hello, {name}!"


@app.job(retry=Retry(attempts=3, base=1.0))
async def stumble(ctx: JobContext, times: int = 3) -> str:
    """Fail the first `times` attempts, to show retries and errors."""
    if ctx.failures < times:
        raise RuntimeError(f"stumbled for the {ctx.failures + 1}. time of {times}")
    return f"made it with attempt {ctx.attempt}"


@app.job
def primes(ctx: JobContext, below: int = 10_000) -> int:
    """Count the primes below a number, in a thread, with progress."""
    sieve = bytearray([1]) * max(below, 2)
    sieve[:2] = b"\0\0"
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    ctx.progress(100)
    return sum(sieve[:below])
