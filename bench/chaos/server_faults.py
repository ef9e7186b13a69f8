"""Faults of the servers: Redis emptied, killed, replaced and away, PostgreSQL crashed.

Proved from the servers' own mouths: run ids, start times, and keys that were there before and are not after.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.chaos.stage import Stage
from bench.chaos.strike import NotInjected, Strike

_KEPT, _LOST = "chaos:kept", "chaos:lost"


async def flush_redis(stage: Stage, strike: Strike) -> str:
    """Remove all of Redis' keys."""
    async with Redis.from_url(stage.redis_url) as redis:
        before = await redis.dbsize()
        strike.blow()
        both = redis.pipeline(transaction=True)
        both.flushall()
        both.dbsize()
        _, left = await both.execute()
    if left:
        raise NotInjected(f"{left} keys are left after FLUSHALL")
    return f"DBSIZE was {before:,}, then 0"


async def lose_redis(stage: Stage, strike: Strike) -> str:
    """Kill Redis and start it without its data."""
    run_id = await _run_id(stage)
    await _set(stage, _LOST)
    strike.blow()
    os.kill(stage.servers.valkey.pid, signal.SIGKILL)
    await asyncio.to_thread(_start_again, stage, lambda: stage.servers.valkey.start(empty=True))
    strike.heal()
    await _require_other_run(stage, run_id)
    if await _get(stage, _LOST):
        raise NotInjected("Redis has kept its data")
    return "another run_id, a key that was set before is gone"


async def age_redis(stage: Stage, strike: Strike) -> str:
    """Copy Redis' data, let some time pass, kill it, and start it with the old copy."""
    strike.begin()
    run_id = await _run_id(stage)
    await _set(stage, _KEPT)
    data, copy = stage.redis_data, stage.directory / "redis-copy"
    await asyncio.to_thread(_copy, data, copy)
    await _set(stage, _LOST)
    await asyncio.sleep(strike.planned.seconds)
    strike.blow()
    os.kill(stage.servers.valkey.pid, signal.SIGKILL)
    await asyncio.to_thread(_start_again, stage, stage.servers.valkey.start, (copy, data))
    strike.heal()
    await _require_other_run(stage, run_id)
    if not await _get(stage, _KEPT) or await _get(stage, _LOST):
        raise NotInjected("Redis doesn't have the data of the copy")
    return f"another run_id, data {strike.planned.seconds:g} s old"


async def stop_redis(stage: Stage, strike: Strike) -> str:
    """Stop Redis in order, leave it away, and start it again with its data."""
    run_id = await _run_id(stage)
    strike.blow()
    await asyncio.to_thread(stage.servers.valkey.stop)
    try:
        await asyncio.sleep(strike.planned.seconds)
        if await _answers(stage):
            raise NotInjected("Redis still answers")
    finally:
        await asyncio.to_thread(stage.servers.valkey.start)
        strike.heal()
    await _require_other_run(stage, run_id)
    return f"nobody answered for {strike.planned.seconds:g} s, then another run_id"


async def crash_postgres(stage: Stage, strike: Strike) -> str:
    """Have PostgreSQL drop everything (an immediate shutdown), and start it: it recovers from its log."""
    before = await _postgres_started(stage)
    strike.blow()
    os.kill(stage.servers.postgres.pid, signal.SIGQUIT)
    await asyncio.to_thread(stage.servers.postgres.restart)
    strike.heal()
    after = await _postgres_started(stage)
    if after == before:
        raise NotInjected("PostgreSQL was not started again")
    return f"another start time than before ({after[11:19]})"


def _start_again(stage: Stage, start: Callable[[], None], swap: tuple[Path, Path] | None = None) -> None:
    stage.servers.valkey.stop()  # it is dead: waits until nothing of it is left
    if swap is not None:
        copy, data = swap
        data.rename(data.with_name(f"valkey-replaced-{uuid4().hex[:8]}"))
        copy.rename(data)
    start()


def _copy(data: Path, copy: Path) -> None:
    """Copy an append-only file that is being written; again when it was rewritten meanwhile."""
    manifests = data / "appendonlydir" / "appendonly.aof.manifest"
    before = None
    while before != (before := manifests.read_bytes()):
        subprocess.run(["rm", "-rf", copy], check=True)
        subprocess.run(["cp", "-a", data, copy], check=True)  # with its owner, who is not always us


async def _run_id(stage: Stage) -> str:
    async with Redis.from_url(stage.redis_url) as redis:
        return str((await redis.info("server"))["run_id"])


async def _require_other_run(stage: Stage, run_id: str) -> None:
    if await _run_id(stage) == run_id:
        raise NotInjected("Redis was not started again")


async def _set(stage: Stage, key: str) -> None:
    async with Redis.from_url(stage.redis_url) as redis:
        await redis.set(key, "1")


async def _get(stage: Stage, key: str) -> bool:
    async with Redis.from_url(stage.redis_url) as redis:
        return await redis.get(key) is not None


async def _answers(stage: Stage) -> bool:
    try:
        return bool(await _run_id(stage))
    except (RedisError, OSError):
        return False


async def _postgres_started(stage: Stage) -> str:
    async with stage.asked() as connection:
        return str(await connection.fetchval("select pg_postmaster_start_time()"))
