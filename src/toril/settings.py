"""All settings, in one frozen object: read once, from the environment (`TORIL_*`) and the flags of a command.

Every field below is a variable of its own: `database_url` is `TORIL_DATABASE_URL`. An unknown `TORIL_` name
is an error with a suggestion, never ignored. Parts of the system receive plain values, never this object.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from toril.broker.keys import DEFAULT_PREFIX
from toril.broker.wire import Interop
from toril.domain.errors import SettingsError
from toril.domain.keys import IDEMPOTENCY_TTL

PREFIX = "TORIL_"
_SECONDS_FROM_NOUGHT = Annotated[float, Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may choose.

    Attributes:
        database_url: PostgreSQL, as a libpq URL.
        redis_url: Redis or Valkey: `redis://`, `rediss://` or `unix://`.
        prefix: BullMQ's key prefix in Redis.
        interop: how much of BullMQ's layout queues carry: `board` or `off`, and per queue: `board,bulk=off`.
        host: address the API listens on.
        port: port of the API; 0 for any.
        app: the application whose handlers a worker runs, as `module:attribute`.
        queues: the queues a worker serves, separated by commas; empty for all that its handlers name.
        concurrency: jobs that a worker process runs at once.
        processes: worker processes.
        isolated: processes for handlers with `isolation="process"`; 0 for one per core.
        transactions: connections at most for handlers that use `ctx.transaction()`, per worker process.
        grace: seconds that running jobs have when a worker stops.
        lease: seconds without a sign of life after which a worker's jobs are taken back.
        wedged_after: seconds after which a worker whose event loop doesn't move exits.
        horizon: how many seconds before it is due a delayed job is handed to Redis.
        idempotency_ttl: seconds for which an idempotency key is kept, even when its job is gone.
        keep_completed: completed jobs that Redis keeps per queue, for boards.
        keep_failed: failed jobs that Redis keeps per queue.
        max_job_bytes: the largest body of a submitted job.
        metrics_host: address on which each process serves metrics and probes.
        metrics_port: port for them, or a range of which the first free one is taken: `9100-9109`; 0 for none.
            Each process of `--processes` takes the first free one from it up.
        log: `console`, `json`, or `auto`: by whether stderr is a terminal.
        log_level: the lowest level that is logged.
    """

    database_url: str = "postgresql://localhost/toril"
    redis_url: str = "redis://localhost:6379/0"
    prefix: Annotated[str, Meta(min_length=1, max_length=100)] = DEFAULT_PREFIX
    interop: str = Interop.BOARD.value
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 3000
    app: str = ""
    queues: str = ""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 100
    processes: Annotated[int, Meta(ge=1, le=256)] = 1
    isolated: Annotated[int, Meta(ge=0, le=256)] = 0
    transactions: Annotated[int, Meta(ge=1, le=1_000)] = 10
    grace: _SECONDS_FROM_NOUGHT = 25.0
    lease: Annotated[float, Meta(ge=2, le=3600)] = 15.0
    wedged_after: Annotated[float, Meta(ge=5)] = 300.0
    horizon: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    idempotency_ttl: Annotated[float, Meta(ge=1, le=31_536_000)] = IDEMPOTENCY_TTL
    keep_completed: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    keep_failed: Annotated[int, Meta(ge=0, le=1_000_000)] = 5_000
    max_job_bytes: Annotated[int, Meta(ge=1_024, le=67_108_864)] = 262_144
    metrics_host: str = "127.0.0.1"
    metrics_port: str = "0"
    log: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def default_interop(self) -> Interop:
        """The level of queues that have none of their own."""
        return Interop(self.interop.split(",")[0].strip())

    @property
    def metrics_ports(self) -> range:
        """The ports of which the first free one is to serve metrics; empty for none."""
        first, _, last = self.metrics_port.partition("-")
        return range(int(first), int(last or first) + 1) if int(first) else range(0)

    def metrics_port_for(self, processes: int) -> str | None:
        """Return the range that so many processes choose from; None when there is one already, or none."""
        ports = self.metrics_ports
        return f"{ports[0]}-{min(ports[0] + processes - 1, 65535)}" if len(ports) == 1 else None

    @property
    def queue_interop(self) -> dict[str, Interop]:
        """The levels of single queues."""
        pairs = (pair.partition("=") for pair in self.interop.split(",")[1:])
        return {queue.strip(): Interop(level.strip()) for queue, _, level in pairs}


def read_settings(environment: Mapping[str, str], **flags: object) -> Settings:
    """Return the settings; flags that are not None win over the environment, which wins over the defaults.

    Raises:
        SettingsError: a name is unknown or a value can't be used; the message says which, and what would do.
    """
    given: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(PREFIX):
            given[_field(name)] = value
    given |= {name: value for name, value in flags.items() if value is not None}
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, given) from error
    _check_interop(settings.interop)
    _check_ports("metrics_port", settings.metrics_port)
    _check_url("database_url", settings.database_url, ("postgresql://", "postgres://"))
    _check_url("redis_url", settings.redis_url, ("redis://", "rediss://", "unix://"))
    return settings


def _field(variable: str) -> str:
    name = variable.removeprefix(PREFIX).lower()
    if name not in Settings.__struct_fields__:
        close = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
        hint = f"Did you mean {PREFIX}{close[0].upper()}?" if close else "`toril check` lists all settings."
        raise SettingsError(f"There is no setting {variable}.", field=variable, hint=hint)
    return name


def _invalid(error: msgspec.ValidationError, given: Mapping[str, object]) -> SettingsError:
    what, _, path = str(error).partition(" - at `$.")
    field = re.match(r"\w*", path)
    name = field.group() if field else ""
    variable = f"{PREFIX}{name.upper()}"
    problem = what[0].lower() + what[1:]
    return SettingsError(
        f"{variable} can't be {given.get(name)!r}: {problem}.",
        field=variable,
        hint=f"Set {variable} to a value that fits, or unset it for the default.",
    )


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if not url.startswith(schemes):
        variable = f"{PREFIX}{name.upper()}"
        raise SettingsError(  # the value may hold a password: it is not repeated
            f"{variable} is not a URL of a kind that Toril understands.",
            field=variable,
            hint=f"It starts with {' or '.join(schemes)}.",
        )


def _check_ports(name: str, ports: str) -> None:
    first, dash, last = ports.partition("-")
    numbers = [int(part) for part in (first, last or first) if re.fullmatch(r"[0-9]{1,5}", part)]
    ordered = len(numbers) == 2 and numbers == sorted(numbers) and numbers[1] <= 65535
    if not ordered or (dash and (not last or not numbers[0])):
        raise SettingsError(
            f"{PREFIX}{name.upper()} can't be {ports!r}: that is no port, nor a range of ports.",
            field=f"{PREFIX}{name.upper()}",
            hint="Use a port such as 9100, a range such as 9100-9109, or 0 for none.",
        )


def _check_interop(interop: str) -> None:
    levels = [level.value for level in Interop]
    default, *others = (part.strip() for part in interop.split(","))
    for part in (f"*={default}", *others):
        queue, _, level = part.partition("=")
        if not queue.strip() or level.strip() not in levels:
            raise SettingsError(
                f"TORIL_INTEROP can't be {interop!r}: {part!r} names no level.",
                field="TORIL_INTEROP",
                hint=f"Use one of {', '.join(levels)}, and per queue: board,bulk=off",
            )
