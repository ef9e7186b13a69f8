"""Which function does which fault."""

from bench.chaos import link_faults as links
from bench.chaos import process_faults as processes
from bench.chaos import server_faults as servers
from bench.chaos.kinds import POSTGRES, REDIS, Kind
from bench.chaos.strike import Fault

ARSENAL: dict[Kind, Fault] = {
    Kind.WORKER_KILL: processes.kill,
    Kind.WORKER_STOP: processes.restart,
    Kind.WORKER_PAUSE: processes.pause,
    Kind.WORKER_CLOCK: processes.step_clock,
    Kind.API_KILL: processes.kill,
    Kind.API_STOP: processes.restart,
    Kind.API_PAUSE: processes.pause,
    Kind.CLIENT_KILL: processes.kill,
    Kind.REDIS_FLUSH: servers.flush_redis,
    Kind.REDIS_LOST: servers.lose_redis,
    Kind.REDIS_OLD: servers.age_redis,
    Kind.REDIS_DOWN: servers.stop_redis,
    Kind.REDIS_STALL: links.stalled(REDIS, keep=True),
    Kind.REDIS_SILENCE: links.stalled(REDIS, keep=False),
    Kind.REDIS_CUT: links.cut(REDIS),
    Kind.REDIS_DELAY: links.slow(REDIS),
    Kind.REDIS_HALF: links.half_closed(REDIS),
    Kind.REDIS_REFUSE: links.refused(REDIS),
    Kind.POSTGRES_CRASH: servers.crash_postgres,
    Kind.POSTGRES_STALL: links.stalled(POSTGRES, keep=True),
    Kind.POSTGRES_SILENCE: links.stalled(POSTGRES, keep=False),
    Kind.POSTGRES_CUT: links.cut(POSTGRES),
    Kind.POSTGRES_DELAY: links.slow(POSTGRES),
    Kind.POSTGRES_HALF: links.half_closed(POSTGRES),
    Kind.POSTGRES_REFUSE: links.refused(POSTGRES),
}
