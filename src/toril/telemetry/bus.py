"""Carries events from behaviour to subscribers, in the order emitted, on the emitter's thread."""

from collections.abc import Callable
from contextlib import suppress

from toril.domain.events import TelemetryEvent

Subscriber = Callable[[TelemetryEvent], None]


class Bus:
    """Calls every subscriber with every event."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every event from now on."""
        self._subscribers.append(subscriber)

    def emit(self, event: TelemetryEvent, /) -> None:
        """Tell all subscribers. One that raises disturbs neither the others nor what it is told about."""
        for subscriber in self._subscribers:
            with suppress(Exception):
                subscriber(event)
