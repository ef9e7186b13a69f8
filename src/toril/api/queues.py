"""`GET /queues`."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from toril.api.answers import answer
from toril.api.query import NoQuery, parse_query
from toril.api.schemas import Counts, Queue, QueueList
from toril.domain.views import QueueCounts
from toril.operations.lookup import Lookup


class Queues:
    """Shows queues."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def list(self, request: Request) -> Response:
        """Answer with the counts of every queue."""
        parse_query(request.scope["query_string"], NoQuery)
        queues = await self._lookup.queues()
        return answer(msgspec.json.encode(QueueList(queues=[_shown(queue) for queue in queues])))


def _shown(queue: QueueCounts) -> Queue:
    counts = Counts(**{status.value: count for status, count in queue.counts.items()})
    return Queue(name=queue.queue, counts=counts, workers=queue.workers)
