"""Programs without an event loop, run as processes of their own.

`python -m tests.integration.sdk.programs NAME` runs one. Each writes the ids of its jobs to
stdout, as one JSON array per process.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from toril import Toril, Unavailable

app = Toril()
PROGRAMS: dict[str, Callable[[], Any]] = {}


@app.job
def note(value: int = 0) -> int:
    return value


def program(function: Callable[[], Any]) -> Callable[[], Any]:
    PROGRAMS[function.__name__] = function
    return function


def tell(ids: list[int]) -> None:
    sys.stdout.write(f"{json.dumps(ids)}\n")
    sys.stdout.flush()


@program
def submits_and_ends() -> None:
    tell([note.enqueue_sync().id])


@program
def submits_many_and_ends() -> None:
    tell([job.id for job in note.enqueue_many_sync([{"value": number} for number in range(1_000)])])


@program
def commits_and_ends() -> None:
    with psycopg.connect(os.environ["TORIL_DATABASE_URL"]) as conn:
        conn.execute("create table orders (id int)")
        tell([note.enqueue_sync(conn=conn).id])


@program
def submits_from_a_thread_that_outlives_the_main_thread() -> None:
    first = note.enqueue_sync().id

    def later() -> None:
        threading.main_thread().join()
        tell([first, note.enqueue_sync().id])

    threading.Thread(target=later).start()


@program
def fails() -> None:
    tell([note.enqueue_sync().id])
    raise LookupError("after its submit")


@program
def forks() -> None:
    before = note.enqueue_sync().id
    child = os.fork()
    if child == 0:
        tell([note.enqueue_sync().id])
        sys.exit()  # with everything that an interpreter does at its end
    os.waitpid(child, 0)
    tell([before, *(note.enqueue_sync().id for _ in range(3))])


@program
def forks_a_child_that_submits_nothing() -> None:
    before = note.enqueue_sync().id
    child = os.fork()
    if child == 0:
        sys.exit()
    os.waitpid(child, 0)
    tell([before, *(note.enqueue_sync().id for _ in range(3))])


@program
def submits_in_vain() -> None:
    try:
        note.enqueue_sync()
    except Unavailable:
        tell([])


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
