"""One visit of the audit to one queue: over all that Redis holds of it, then over all that is queued.

    Redis → PostgreSQL   ids of no job of this queue, of ended jobs, and `active` ones of queued jobs: removed
    PostgreSQL → Redis   jobs that Redis was told about, and are in no place to wait in: promised again

Both sides move meanwhile, so that a single look may be wrong: only what the last visit found wrong too, some
seconds ago, is put right. Even that may be mistaken, at no cost but work: a job that is suggested twice is
claimed once, and one that was taken out of Redis wrongly comes back with the next visits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from toril.broker.survey import Cursor, Page, Place, Survey
from toril.domain.lifecycle import State
from toril.keeper.id_set import IdSet
from toril.store.audit import STANDINGS, Audit
from toril.store.connection import Lane

STEP = 1_000
"""Ids that one step looks at, at most."""
SETTLED = 5.0
"""Seconds for which a job must have been in Redis before it can be missed there."""


@dataclass(frozen=True, slots=True)
class Auditing:
    """What a visit works with: both sides, and the time in monotonic seconds."""

    survey: Survey
    audit: Audit
    lane: Lane
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Suspects:
    """What one visit found wrong: ids that Redis lacks, and ids that it should not have where it has them."""

    missing: IdSet = field(default_factory=IdSet)
    ghosts: IdSet = field(default_factory=IdSet)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.missing) or bool(self.ghosts)


class Visit:
    """A walk over one queue, in steps.

    Args:
        queue: the queue.
        auditing: what to work with.
        before: what the last visit found wrong.
    """

    def __init__(self, queue: str, auditing: Auditing, before: Suspects) -> None:
        self._queue = queue
        self._on = auditing
        self._before = before
        self._waiting = IdSet()  # what Redis has in a place to wait in, and PostgreSQL has queued
        self._cursor: Cursor | None = Cursor()
        self._standings = list(STANDINGS)
        self._above = 0
        self.started_at = auditing.clock()
        self.suspects = Suspects()
        self.promised = 0
        self.removed = 0

    @property
    def done(self) -> bool:
        """Whether everything has been looked at."""
        return self._cursor is None and not self._standings

    async def step(self) -> bool:
        """Look at the next ids, `STEP` at most; True when something was wrong with any."""
        left, wrong = STEP, False
        while left > 0 and not self.done:
            if self._cursor is not None:
                looked_at, odd = await self._look_at_redis(self._cursor, left)
            else:
                looked_at, odd = await self._look_at_postgresql(left)
            left -= looked_at
            wrong = wrong or odd
        return wrong

    async def _look_at_redis(self, cursor: Cursor, limit: int) -> tuple[int, bool]:
        page = await self._on.survey.page(self._queue, cursor, limit)
        ids = sorted({each for in_place in page.found.values() for each in in_place})
        states = await self._on.audit.states(self._on.lane, self._queue, ids) if ids else {}
        end, wrong = page.end, False
        for place, in_place in page.found.items():
            ghosts = [each for each in in_place if self._is_ghost(place, each, states.get(each))]
            if ghosts:
                wrong = True
                removed = await self._suspect_ghosts(page, place, ghosts, states)
                end = end and end.after_removing(removed, place)
        self._cursor = end  # only now: what failed on the way is looked at again
        return page.size, wrong

    def _is_ghost(self, place: Place, job_id: int, state: State | None) -> bool:
        """Judge an id that Redis has, and note it when it is where it waits rightly."""
        if state is State.QUEUED and place is not Place.ACTIVE:
            self._waiting.add(job_id)
            return False
        return state is not State.ACTIVE  # if it is, a second suggestion of it is a worker's to refuse

    async def _suspect_ghosts(
        self, page: Page, place: Place, ghosts: list[int], states: dict[int, State]
    ) -> int:
        """Remove those that were suspect before, and suspect the others; return how many were removed."""
        known = [each for each in ghosts if each in self._before.ghosts]
        for each in set(ghosts).difference(known):
            self.suspects.ghosts.add(each)
        ended = [each for each in known if states.get(each) is not State.QUEUED]
        queued = [each for each in known if states.get(each) is State.QUEUED]
        removed = 0
        for ids, with_hash in ((ended, True), (queued, False)):
            if ids:
                removed += await self._on.survey.remove(self._queue, page, place, ids, with_hash=with_hash)
        self.removed += removed
        return removed

    async def _look_at_postgresql(self, limit: int) -> tuple[int, bool]:
        settled = SETTLED + self._on.clock() - self.started_at  # before this visit looked at Redis
        walked = await self._on.audit.expected(
            self._on.lane, self._queue, self._standings[0], self._above, limit, settled
        )
        missing = [each for each in walked.expected if each not in self._waiting]
        if missing:
            await self._suspect_missing(missing)
        self._above = walked.last
        if walked.size < limit:
            self._above = 0
            self._standings.pop(0)
        return walked.size, bool(missing)

    async def _suspect_missing(self, missing: list[int]) -> None:
        known = [each for each in missing if each in self._before.missing]
        for each in set(missing).difference(known):
            self.suspects.missing.add(each)
        if known:
            await self._on.survey.doubt(self._queue, known)
            self.promised += await self._on.audit.promise(self._on.lane, known)
