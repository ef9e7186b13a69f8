"""kill -9 at random moments under load: API, workers, whoever leads. FAULTS_KILLS says how often."""

import asyncio
import os
import random
import time

import pytest
from bench.faults.load import HttpLoad

from tests.faults.stage import Stage, a_port
from tests.integration.cli.conftest import Running

KILLS = int(os.environ.get("FAULTS_KILLS", "40"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
CONCURRENCY = 5
IN_FLIGHT = 2 * CONCURRENCY
LED = '"leading": true'
KINDS = ("work", "work", "work_in_thread", "work_at_second_try")


@pytest.mark.timeout(120 + 2 * KILLS)
async def test_killing_api_workers_and_leader_again_and_again_under_load_loses_and_doubles_nothing(
    stage: Stage,
) -> None:
    rng, port = random.Random(SEED), a_port()

    def start(role: str) -> Running:
        if role == "api":
            return stage.api(port, log_level="debug")
        return stage.worker(concurrency=CONCURRENCY, log_level="debug")

    def job(number: int) -> dict[str, object]:
        return {"name": KINDS[number % len(KINDS)], "payload": {"seconds": rng.uniform(0, 0.05)}}

    running = {role: start(role) for role in ("one", "two", "three", "api")}
    await stage.working(running["one"], running["two"], running["three"])
    await stage.listening(running["api"])
    kills, leaders = dict.fromkeys(running, 0), 0
    began = time.monotonic()
    async with HttpLoad(port, rate=100, job=job, lanes=8) as load:
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.3, 1.2))
            role = rng.choice(list(running))
            leaders += leads(running[role])
            running[role].process.kill()
            running[role].process.wait()
            kills[role] += 1
            running[role] = start(role)
            if role == "api":  # without it there is no load for the next kill to hit
                await stage.listening(running["api"])
        killed_at = time.monotonic()
    recovered = await stage.ended(within=60) - killed_at
    worker_kills = KILLS - kills["api"]
    await stage.verdict(
        f"kill -9 at random ({leaders} of them leaders)",
        load.accepted,
        faults=KILLS,
        allowed_extra=worker_kills * IN_FLIGHT,
        recovered=recovered,
        figures={"seconds": round(killed_at - began), "unanswered": load.statuses[0]},
    )
    assert set(load.statuses) <= {0, 201}


def leads(process: Running) -> bool:
    """Whether a process has said that it leads, and not that it does no longer."""
    said = [line for line in process.err.splitlines() if '"leadership changed"' in line]
    return bool(said) and LED in said[-1]
