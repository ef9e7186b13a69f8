"""The application whose jobs are measured: handlers that do nothing but say that they were called."""

from bench.probe import Probe
from toril import Toril

PAD = "email.welcome for u-1234567: " + "x" * 48
"""Makes a payload of about 100 bytes of JSON."""

app = Toril()
probe = Probe.of_this_run()


@app.job
async def noop(i: int, pad: str) -> None:  # noqa: ARG001  # `pad` is only carried
    """Run in the event loop."""
    probe.executed(i)


@app.job
def noop_in_thread(i: int, pad: str) -> None:  # noqa: ARG001
    """Run in a thread."""
    probe.executed(i)
