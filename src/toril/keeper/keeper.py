"""Starts the keeper's duties in a process that has PostgreSQL, and stops them."""

from dataclasses import dataclass

from toril.broker.broker import Broker
from toril.domain.events import Emit
from toril.keeper.auditor import EVERY, Auditor
from toril.keeper.leader import PATIENCE, Leader
from toril.keeper.refiller import Refiller
from toril.keeper.relay import Relay
from toril.keeper.rescuer import Rescuer
from toril.keeper.visit import Auditing
from toril.operations.dispatch import Dispatcher
from toril.runtime.service import Periodic, Services
from toril.store.audit import Audit
from toril.store.connection import Database
from toril.store.counts import FOLD_LIMIT, Counts
from toril.store.discarded import PRUNE_LIMIT, DiscardedOutcomes
from toril.store.jobs import Jobs
from toril.store.keys import Keys
from toril.store.outbox import Outbox
from toril.store.workers import Workers
from toril.telemetry.progress import Progress


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """What the keeper is given by the composition root."""

    database: Database
    jobs: Jobs
    outbox: Outbox
    audit: Audit
    broker: Broker
    dispatcher: Dispatcher
    emit: Emit
    progress: Progress


class Keeper:
    """The duties of one process.

    Args:
        parts: what it works with.
        lease: seconds without a beat after which a worker is lost.
    """

    def __init__(self, parts: KeeperParts, lease: float) -> None:
        self._jobs = parts.jobs
        self._lane = parts.database.lane()
        self._relay_lane = parts.database.lane()
        self._services = Services(parts.emit, parts.progress)
        self._counts = Counts()
        self._workers = Workers()
        self._keys = Keys()
        self._discarded = DiscardedOutcomes()
        # A leader that is killed must be replaced in time for the workers that were killed with it.
        self.leader = Leader(self._lane, parts.emit, patience=min(PATIENCE, lease))
        self._relay = Relay(parts.outbox, self._relay_lane, parts.broker, parts.emit)
        self._rescuer = Rescuer(
            parts.jobs,
            self._lane,
            parts.broker,
            parts.dispatcher,
            lease=lease,
            leading=lambda: self.leader.leading,
            emit=parts.emit,
        )
        self._refill_lane = parts.database.lane()
        self._refiller = Refiller(
            parts.outbox,
            self._refill_lane,
            parts.broker.push,
            parts.broker.epoch,
            leading=lambda: self.leader.leading,
            emit=parts.emit,
        )
        self._audit_lane = parts.database.lane()
        self._auditor = Auditor(
            Auditing(parts.broker.survey, parts.audit, self._audit_lane),
            acting=lambda: self.leader.leading and self._refiller.content,  # else all of it is told anyway
            emit=parts.emit,
        )
        self._watch = min(1.0, lease / 5)

    def start(self) -> None:
        """Begin all duties."""
        for duty in (
            Periodic("leader", self._watch, self.leader.tick),
            Periodic("relay", 1.0, self._relay.tick),
            Periodic("rescuer", self._watch, self._rescuer.tick),
            Periodic("refiller", 1.0, self._refiller.tick),
            Periodic("auditor", EVERY, self._auditor.tick),
            Periodic("counts", 1.0, self._fold_counts),
            Periodic("partitions", 10.0, self._create_partitions),
            Periodic("workers", 600.0, self._forget_workers),
            Periodic("keys", 5.0, self._forget_keys),
            Periodic("discarded", 60.0, self._prune_discarded),
        ):
            self._services.start(duty)

    async def close(self) -> None:
        """Stop all duties, and let another process lead."""
        await self._services.close()
        await self.leader.release()
        await self._lane.close()
        await self._relay_lane.close()
        await self._refill_lane.close()
        await self._audit_lane.close()

    async def _fold_counts(self) -> bool:
        return self.leader.leading and await self._counts.fold(self._lane) == FOLD_LIMIT

    async def _create_partitions(self) -> None:
        if self.leader.leading:
            await self._jobs.create_partitions(self._lane)

    async def _forget_keys(self) -> bool:
        return self.leader.leading and await self._keys.forget(self._lane)

    async def _prune_discarded(self) -> bool:
        return self.leader.leading and await self._discarded.prune(self._lane) == PRUNE_LIMIT

    async def _forget_workers(self) -> None:
        if self.leader.leading:
            await self._workers.forget(self._lane)
