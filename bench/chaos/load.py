"""The client: `python -m bench.chaos.load RATE ACCEPTED SECONDS SEED PORT…`, submits over HTTP.

Open loop: a submission is due by the clock, whether or not the one before has been answered, and tried again
until it is accepted. Every try carries a key of its own, so that a job whose answer was lost can be told from
the one that replaced it. An id is accepted once its 201 has been read and noted: the file of accepted ids is
written line by line, so a client that is killed takes nothing back. SIGTERM lets it finish what it has begun.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import uvloop

from bench.chaos.mix import draw_request
from bench.chaos.wire import AnswerLost, NotSent, Wire

KEYS_PER_SEED = 1_000_000_000
MOST_WAITING = 500
"""Submissions under way at once; what is due beyond that is held back: the servers are down or slow."""
_ANSWER_WITHIN = 20.0
_TICK = 0.01
_LAST_PATIENCE = 20.0


class Notes:
    """What the client writes down: accepted ids with their keys, and every second what it did.

    Args:
        accepted: the file of ids, which all clients of a run append to.
        seconds: the file of this client's figures, a JSON object a line.
    """

    def __init__(self, accepted: Path, seconds: Path) -> None:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        self._accepted = os.open(accepted, flags, 0o644)
        self._seconds = os.open(seconds, flags, 0o644)
        self._since = time.monotonic()
        self.counted: Counter[str] = Counter()
        self.strange = ""

    def accepted(self, job_id: int, key: int) -> None:
        """Note that a job was accepted; one write, which a kill can't tear."""
        os.write(self._accepted, f"{job_id} {key}\n".encode())
        self.counted["accepted"] += 1

    def close_second(self) -> None:
        """Write down what has been counted since the last time."""
        now = time.monotonic()
        line = {"since": self._since, "at": now, "strange": self.strange, **self.counted}
        self._since = now
        os.write(self._seconds, f"{json.dumps(line)}\n".encode())
        self.counted.clear()
        self.strange = ""


class Client:
    """Submits jobs at a rate.

    Args:
        rate: submissions per second.
        ports: of the APIs; each submission goes to one, and to the other when that doesn't answer.
        notes: where it writes things down.
        seed: unique to this client.
    """

    def __init__(self, rate: float, ports: list[int], notes: Notes, seed: int) -> None:
        self._rate = rate
        self._ports = ports
        self._notes = notes
        self._rng = Random(seed)
        self._next_key = seed * KEYS_PER_SEED
        self._wire = Wire("/jobs", _ANSWER_WITHIN)
        self._waiting: set[asyncio.Task[None]] = set()

    async def run(self, stopped: asyncio.Event) -> None:
        """Submit until stopped; then let what is under way end."""
        notes = asyncio.create_task(self._take_notes())
        began, done = time.monotonic(), 0
        while not stopped.is_set():
            due = int((time.monotonic() - began) * self._rate)
            self._begin(due - done)
            done = due
            await asyncio.sleep(_TICK)
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=_LAST_PATIENCE)
        self._wire.close()
        notes.cancel()
        self._notes.counted["abandoned"] = len(self._waiting)
        self._notes.close_second()

    def _begin(self, due: int) -> None:
        self._notes.counted["due"] += due
        for _ in range(due):
            if len(self._waiting) >= MOST_WAITING:
                self._notes.counted["held"] += 1
                continue
            self._notes.counted["sent"] += 1
            task = asyncio.create_task(self._submit())
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _submit(self) -> None:
        """Submit one job, again and again until it is accepted."""
        wait = 0.05
        while not await self._try(self._rng.choice(self._ports)):
            await asyncio.sleep(wait * self._rng.uniform(0.5, 1.5))
            wait = min(1.0, wait * 2)

    async def _try(self, port: int) -> bool:
        key = self._next_key
        self._next_key += 1
        try:
            answer = await self._wire.post(port, draw_request(self._rng, key))
        except NotSent:
            self._notes.counted["not_sent"] += 1
            return False
        except AnswerLost:
            self._notes.counted["unknown"] += 1
            return False
        if answer.status == 201:
            self._notes.accepted(json.loads(answer.body)["id"], key)
            return True
        if answer.status == 503:
            self._notes.counted["unavailable"] += 1
        else:
            self._notes.counted["unexpected"] += 1
            self._notes.strange = f"{answer.status}: {answer.body.decode(errors='replace')[:300]}"
        return False

    async def _take_notes(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._notes.close_second()


async def main(rate: str, accepted: str, seconds: str, seed: str, *ports: str) -> None:
    """Submit until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print("submitting")
    notes = Notes(Path(accepted), Path(seconds))
    await Client(float(rate), [int(port) for port in ports], notes, int(seed)).run(stopped)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
