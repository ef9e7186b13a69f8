"""Workers paused past their lease (SIGSTOP, SIGCONT), under load: what they then bring is discarded."""

import asyncio
import signal

from tests.faults.stage import Stage
from tests.integration.cli.conftest import until

CONCURRENCY = 10
PAUSES = 2


async def test_workers_paused_past_their_lease_under_load_double_nothing(stage: Stage) -> None:
    paused, other = stage.worker(concurrency=CONCURRENCY), stage.worker(concurrency=CONCURRENCY)
    await stage.working(paused, other)
    accepted: list[int] = []
    for pause in range(1, PAUSES + 1):
        accepted += await stage.submit(100, seconds=0.5)
        await asyncio.to_thread(until, lambda: busy(stage, paused.process.pid))
        paused.tell(signal.SIGSTOP)
        await asyncio.to_thread(other.says, '"workers lost"', pause)
        await asyncio.to_thread(other.says, '"job rescued"', pause)
        accepted += await stage.submit(100, seconds=0.01)
        await stage.ended()
        paused.tell(signal.SIGCONT)
        await asyncio.to_thread(paused.says, '"worker declared lost"', pause)
        await asyncio.to_thread(paused.says, '"worker started"', pause + 1)
    discarded = paused.err.count('"ownership lost"')
    seconds = await stage.stopped(paused, other)
    assert discarded > 0
    await stage.verdict(
        "SIGSTOP past the lease",
        accepted,
        faults=PAUSES,
        allowed_extra=PAUSES * 2 * CONCURRENCY,
        figures={"discarded": discarded, "stopped in s": round(seconds, 2)},
    )


async def test_a_worker_stopped_between_claim_and_run_overwrites_nothing_that_others_recorded(
    stage: Stage,
) -> None:
    stopped = stage.worker(at="claimed", sabotage=["--stop"], concurrency=CONCURRENCY)
    await stage.working(stopped)
    other = stage.worker(concurrency=CONCURRENCY)
    await stage.working(other)
    accepted = await stage.submit(100, seconds=0.05)
    await asyncio.to_thread(stopped.says, "saboteur: claimed")
    await stage.ended()
    stopped.tell(signal.SIGCONT)
    await asyncio.to_thread(stopped.says, '"worker declared lost"')
    await stage.stopped(stopped, other)
    await stage.verdict("SIGSTOP between claim and run", accepted, allowed_extra=CONCURRENCY)


def busy(stage: Stage, pid: int) -> bool:
    """Whether a worker runs as many jobs as it can."""
    began = [entry for entry in stage.record.entries if entry.pid == pid]
    return sum(1 if entry.what == "started" else -1 for entry in began) == CONCURRENCY
