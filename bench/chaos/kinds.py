"""Which faults there are: whom each may strike, for how long, and whether clients may notice.

Pure data; `schedule.py` draws from it, and the modules named `*_faults.py` do it.
"""

from enum import StrEnum
from typing import NamedTuple

WORKERS = ("worker 1", "worker 2")
APIS = ("API 1", "API 2")
CLIENT = "client"
REDIS, POSTGRES = "Redis", "PostgreSQL"
EVERYONE = "everyone"

LEASE = 2.0
"""Seconds: the shortest that Toril allows, so that much can happen in a short run."""


class Kind(StrEnum):
    """The faults, named by what they strike."""

    WORKER_KILL = "worker killed"
    WORKER_STOP = "worker restarted"
    WORKER_PAUSE = "worker paused"
    WORKER_CLOCK = "worker's clock stepped"
    API_KILL = "API killed"
    API_STOP = "API restarted"
    API_PAUSE = "API paused"
    CLIENT_KILL = "client killed"
    REDIS_FLUSH = "Redis flushed"
    REDIS_LOST = "Redis killed, data lost"
    REDIS_OLD = "Redis killed, old data"
    REDIS_DOWN = "Redis down"
    REDIS_STALL = "Redis link stalled"
    REDIS_SILENCE = "Redis link fell silent"
    REDIS_CUT = "Redis link cut"
    REDIS_DELAY = "Redis link slow"
    REDIS_HALF = "Redis link half closed"
    REDIS_REFUSE = "Redis link refused"
    POSTGRES_CRASH = "PostgreSQL crashed"
    POSTGRES_STALL = "PostgreSQL link stalled"
    POSTGRES_SILENCE = "PostgreSQL link fell silent"
    POSTGRES_CUT = "PostgreSQL link cut"
    POSTGRES_DELAY = "PostgreSQL link slow"
    POSTGRES_HALF = "PostgreSQL link half closed"
    POSTGRES_REFUSE = "PostgreSQL link refused"


class Profile(NamedTuple):
    """What may be drawn for a kind.

    Attributes:
        targets: whom it may strike.
        shortest: seconds from the blow to the healing, at least; 0 where there is nothing to hold.
        longest: at most.
        through: the server behind the link that is struck; empty for other faults.
    """

    targets: tuple[str, ...]
    shortest: float = 0.0
    longest: float = 0.0
    through: str = ""


def _link(server: str, shortest: float = 0.0, longest: float = 0.0) -> Profile:
    return Profile((EVERYONE, *WORKERS, *APIS), shortest, longest, server)


PROFILES: dict[Kind, Profile] = {
    Kind.WORKER_KILL: Profile(WORKERS),
    Kind.WORKER_STOP: Profile(WORKERS),
    Kind.WORKER_PAUSE: Profile(WORKERS, 2 * LEASE, 3 * LEASE),  # it is declared lost meanwhile
    Kind.WORKER_CLOCK: Profile(WORKERS, 2.0, 5.0),
    Kind.API_KILL: Profile(APIS),
    Kind.API_STOP: Profile(APIS),
    Kind.API_PAUSE: Profile(APIS, 2.0, 6.0),
    Kind.CLIENT_KILL: Profile((CLIENT,)),
    Kind.REDIS_FLUSH: Profile((REDIS,)),
    Kind.REDIS_LOST: Profile((REDIS,)),
    Kind.REDIS_OLD: Profile((REDIS,), 1.0, 4.0),  # how old the data are
    Kind.REDIS_DOWN: Profile((REDIS,), 1.0, 6.0),
    Kind.REDIS_STALL: _link(REDIS, 1.0, 6.0),
    Kind.REDIS_SILENCE: _link(REDIS, 1.0, 4.0),
    Kind.REDIS_CUT: _link(REDIS),
    Kind.REDIS_DELAY: _link(REDIS, 2.0, 5.0),
    Kind.REDIS_HALF: _link(REDIS),
    Kind.REDIS_REFUSE: _link(REDIS, 1.0, 6.0),
    Kind.POSTGRES_CRASH: Profile((POSTGRES,)),
    Kind.POSTGRES_STALL: _link(POSTGRES, 1.0, 6.0),
    Kind.POSTGRES_SILENCE: _link(POSTGRES, 1.0, 4.0),
    Kind.POSTGRES_CUT: _link(POSTGRES),
    Kind.POSTGRES_DELAY: _link(POSTGRES, 2.0, 5.0),
    Kind.POSTGRES_HALF: _link(POSTGRES),
    Kind.POSTGRES_REFUSE: _link(POSTGRES, 1.0, 6.0),
}

_UNNOTICED = (*WORKERS, REDIS)


def resources(kind: Kind, target: str) -> frozenset[str]:
    """Return what a fault needs for itself; faults that share none of it may overlap."""
    through = PROFILES[kind].through
    return frozenset(name for name in (through, target) if name not in ("", EVERYONE))


def clients_may_notice(kind: Kind, target: str) -> bool:
    """Whether submits may be refused or late.

    Never while Redis or workers are in trouble: jobs are accepted all the same, that is a promise.
    """
    through = PROFILES[kind].through
    return through != REDIS and target not in _UNNOTICED
