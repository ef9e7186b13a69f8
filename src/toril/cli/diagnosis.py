"""The checks of `toril check`: each asks one thing and says what to do when the answer is bad."""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from toril.app import load_registry
from toril.bootstrap import broker_options
from toril.broker.broker import Broker
from toril.cli.findings import Finding, failed, ok, warning
from toril.domain.errors import SettingsError, TorilError, Unavailable
from toril.settings import PREFIX, Settings, read_settings
from toril.store.connection import Database, Readers
from toril.store.inspect import Inspector, ServerFacts, missing_migrations

_OLDEST_POSTGRESQL = 15
_OLDEST = {"redis": (6, 2), "valkey": (8, 0)}
_CLOCK_TOLERANCE = 1.0


def diagnose(environment: Mapping[str, str], app: str | None) -> list[Finding]:
    """Return what is to be said of an installation.

    Args:
        environment: the variables with the settings.
        app: an application to import; by default the one in the settings, if any.
    """
    settings, findings = examine_settings(environment)
    findings += asyncio.run(_examine_servers(settings))
    address = app or settings.app
    return [*findings, examine_app(address)] if address else findings


def examine_settings(environment: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """Return the settings that can be used, and what is wrong with each of the others."""
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    findings = []
    for name, value in list(ours.items()):
        try:
            read_settings({name: value})
        except SettingsError as error:
            del ours[name]
            findings.append(failed("settings", error.message, _fix(name, error)))
    names = ", ".join(sorted(ours)) or "all defaults"
    return read_settings(ours), findings or [ok("settings", names)]


async def _examine_servers(settings: Settings) -> list[Finding]:
    postgres, redis = await asyncio.gather(examine_postgres(settings), examine_redis(settings))
    return [*postgres, *redis]


async def examine_postgres(settings: Settings) -> list[Finding]:
    """Ask PostgreSQL."""
    database = Database(settings.database_url, application="toril check")
    readers = Readers(database)
    try:
        before, started = datetime.now(UTC), time.monotonic()
        facts = await Inspector(readers).facts()
        took = time.monotonic() - started
        schema = await _schema(database)
    except Unavailable as error:
        where = without_password(settings.database_url)
        return [
            failed(
                "postgresql",
                error.message,
                f"Start it, create the database, or correct TORIL_DATABASE_URL ({where}).",
            )
        ]
    finally:
        await readers.close()
    return [
        *postgres_findings(facts),
        schema,
        clock_finding(abs((facts.now - before).total_seconds() - took / 2), took),
    ]


async def examine_redis(settings: Settings) -> list[Finding]:
    """Ask Redis."""
    where = without_password(settings.redis_url)
    try:
        broker = Broker(settings.redis_url, broker_options(settings))
    except ValueError as error:
        return [
            failed("redis", f"TORIL_REDIS_URL can't be used: {error}", "Write it as redis://host:6379/0.")
        ]
    try:
        facts = await broker.describe()
    except Unavailable as error:
        return [failed("redis", error.message, f"Start it, or correct TORIL_REDIS_URL ({where}).")]
    else:
        return [*redis_findings(facts), await _scripts(broker)]
    finally:
        await broker.close()


def examine_app(address: str) -> Finding:
    """Import an application; what it prints then is not our answer."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            registry = load_registry(address)
    except TorilError as error:
        return failed("application", error.message, error.hint or "Correct --app.")
    names = ", ".join(sorted(job_type.name for job_type in registry))
    return ok("application", f"{address} handles {names}")


def postgres_findings(facts: ServerFacts) -> list[Finding]:
    """Judge PostgreSQL by what it says of itself."""
    return [_postgres_version(facts), _writable(facts), _encoding(facts), _durability(facts)]


def redis_findings(facts: Mapping[str, str]) -> list[Finding]:
    """Judge Redis by what it says of itself."""
    return [_redis_version(facts), _eviction(facts), _persistence(facts)]


def clock_finding(difference: float, took: float) -> Finding:
    """Judge how far two clocks are apart, when asking the other took so many seconds."""
    if difference > _CLOCK_TOLERANCE + took / 2:
        return warning(
            "clock",
            f"this machine's and PostgreSQL's differ by {difference:.1f} s: jobs may run early or late",
            "Synchronise both with NTP.",
        )
    return ok("clock", f"within {max(difference, took / 2) * 1000:.0f} ms of PostgreSQL's")


def without_password(url: str) -> str:
    """Return a URL that can be shown."""
    shown = re.sub(r"(://[^:/?#]*):.*@", r"\1:***@", url)
    return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1***", shown)


def _fix(name: str, error: SettingsError) -> str:
    """Return the error's own advice, or all names where it has none for an unknown one."""
    known = Settings.__struct_fields__
    if name.removeprefix(PREFIX).lower() in known or "mean" in (error.hint or ""):
        return error.hint or "Unset it."
    return f"Unset it, or use one of: {', '.join(PREFIX + field.upper() for field in known)}."


def _postgres_version(facts: ServerFacts) -> Finding:
    if facts.version_number < _OLDEST_POSTGRESQL * 10_000:
        return failed(
            "postgresql version",
            f"{facts.version} is too old",
            f"Upgrade to PostgreSQL {_OLDEST_POSTGRESQL} or newer.",
        )
    return ok("postgresql version", facts.version)


def _writable(facts: ServerFacts) -> Finding:
    if facts.standby:
        return failed("postgresql role", "it is a standby", "Point TORIL_DATABASE_URL to the primary.")
    if facts.read_only:
        return failed(
            "postgresql role",
            "transactions are read-only",
            "alter role … reset default_transaction_read_only, or the same for the database.",
        )
    return ok("postgresql role", "takes writes")


def _encoding(facts: ServerFacts) -> Finding:
    if facts.encoding != "UTF8":
        return failed(
            "database encoding",
            f"{facts.encoding} can't hold every payload",
            "Use a database made with: create database toril encoding 'UTF8' template template0",
        )
    return ok("database encoding", facts.encoding)


async def _schema(database: Database) -> Finding:
    try:
        missing = await missing_migrations(database)
    except SettingsError as error:
        return failed("database schema", error.message, error.hint or "Run `toril migrate`.")
    if missing:
        return failed("database schema", f"lacks {', '.join(missing)}", "Run `toril migrate`.")
    return ok("database schema", "up to date")


def _durability(facts: ServerFacts) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(facts, name)]
    if facts.synchronous_commit == "off":
        off.append("synchronous_commit")
    if off:
        return warning(
            "postgresql durability",
            f"{' and '.join(off)} off: a crash can lose jobs that were accepted",
            "; ".join(f"alter system set {name} = on" for name in off) + "; select pg_reload_conf();",
        )
    return ok("postgresql durability", "commits reach the disk")


def _redis_version(facts: Mapping[str, str]) -> Finding:
    product, version = facts["product"], facts["version"]
    oldest = _OLDEST[product]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < oldest:
        return failed(
            "redis version",
            f"{product.title()} {version} is too old",
            "Upgrade to Redis 6.2, Valkey 8.0, or newer.",
        )
    return ok("redis version", f"{product.title()} {version}")


def _eviction(facts: Mapping[str, str]) -> Finding:
    policy = facts["maxmemory_policy"]
    if policy == "noeviction":
        return ok("redis eviction", policy)
    if policy == "unknown":
        return warning("redis eviction", "its policy is not told", "Make sure that it is noeviction.")
    return failed(
        "redis eviction",
        f"maxmemory-policy is {policy}: a full Redis would drop parts of queues",
        "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its configuration file.",
    )


def _persistence(facts: Mapping[str, str]) -> Finding:
    if facts["aof_enabled"] != "1":
        return warning(
            "redis persistence",
            "no append-only file: after a restart queues are rebuilt from PostgreSQL, which takes a while",
            "redis-cli CONFIG SET appendonly yes, and the same in its configuration file.",
        )
    return ok("redis persistence", "append-only file")


async def _scripts(broker: Broker) -> Finding:
    """Run the one script that does nothing for a worker that never was."""
    try:
        await broker.give_back("toril-check", uuid4())
    except Unavailable as error:
        return failed(
            "redis scripts",
            error.message,
            "Connect to a primary, as a user who may run scripts (ACL SETUSER … +@scripting).",
        )
    return ok("redis scripts", "can be run")
