"""Events as log lines: for people in a terminal, as JSON for everything else. Errors at their own level.

Configured once per process by `configure`; the subscriber only chooses the level and the fields.
"""

import logging
import sys
from dataclasses import fields
from typing import Literal
from uuid import UUID

import structlog

from toril.domain import events
from toril.domain.events import TelemetryEvent

_LEVELS: dict[type, int] = {
    events.WorkerDeclaredLost: logging.WARNING,
    events.WorkersLost: logging.WARNING,
    events.JobRescued: logging.WARNING,
    events.AttemptFailed: logging.WARNING,
    events.OwnershipLost: logging.WARNING,
    events.HandlerMissing: logging.WARNING,
    events.JobTypeBroken: logging.WARNING,
    events.RedisRefilling: logging.WARNING,
    events.AuditRepaired: logging.WARNING,
    events.QueueRefused: logging.ERROR,
    events.PartDown: logging.ERROR,
    events.LoopBlocked: logging.WARNING,
    events.ServiceFailed: logging.ERROR,
    events.RequestFailed: logging.ERROR,
    events.BatchRecorded: logging.DEBUG,
    events.SuggestionsRefused: logging.DEBUG,
    events.PromisesKept: logging.DEBUG,
    events.LeadershipChanged: logging.DEBUG,
}


def configure(style: Literal["auto", "console", "json"], level: str) -> None:
    """Set up logging for this process.

    Args:
        style: `console` for people, `json` for machines, `auto` chooses by whether stderr is a terminal.
        level: the lowest level that is written (`debug`, `info`, `warning`, `error`).
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "json"
    renderer = (
        structlog.dev.ConsoleRenderer(pad_event_to=24)
        if style == "console"
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class EventLogger:
    """A subscriber that writes one line per event.

    Args:
        lowest: events below this level are not even looked at.
    """

    def __init__(self, lowest: str = "info") -> None:
        self._log = structlog.get_logger()
        self._lowest = logging.getLevelNamesMapping()[lowest.upper()]

    def __call__(self, event: TelemetryEvent) -> None:
        """Write the event."""
        level = _LEVELS.get(type(event), logging.INFO)
        if level >= self._lowest:
            self._log.log(level, _name(type(event).__name__), **_told(event))


def _name(class_name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in class_name).strip()


def _told(event: TelemetryEvent) -> dict[str, object]:
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(value, 3)
    return value
