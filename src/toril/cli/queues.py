"""`toril queues`: how many jobs each queue has in each status, and who works on them."""

import asyncio

from rich.text import Text

from toril.cli.flags import Json, settings_from
from toril.cli.output import print_json, say, show, table, visible
from toril.cli.statuses import COLOURS
from toril.domain.lifecycle import Status
from toril.domain.views import QueueCounts


def queues(*, json: Json = False) -> None:
    """List the queues: jobs in each status, and workers."""
    from toril.api.schemas import Counts, Queue, QueueList
    from toril.cli.reading import read

    found = asyncio.run(read(settings_from(), lambda lookup: lookup.queues()))
    if json:
        shown = [
            Queue(
                name=queue.queue,
                counts=Counts(**{status.value: count for status, count in queue.counts.items()}),
                workers=queue.workers,
            )
            for queue in found
        ]
        print_json(QueueList(queues=shown))
    elif found:
        _show(found)
    else:
        say("There are no queues yet: they appear with their first job or worker.")


def _show(queues: list[QueueCounts]) -> None:
    counts = table("queue")
    for status in Status:
        counts.add_column(status.value, justify="right")
    counts.add_column("workers", justify="right")
    for queue in queues:
        numbers = [_number(queue.counts[status], COLOURS[status]) for status in Status]
        idle = queue.workers == 0 and queue.counts[Status.PENDING] > 0
        workers = Text(f"{queue.workers:,}", "bold red" if idle else "")
        counts.add_row(Text(visible(queue.queue)), *numbers, workers)
    show(counts)


def _number(count: int, colour: str) -> Text:
    return Text(f"{count:,}", colour if count else "dim")
