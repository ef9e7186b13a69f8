"""Whether the load was what was promised: what the client sent while nothing hindered it. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.chaos.evidence import Second
from bench.chaos.kinds import Kind, clients_may_notice
from bench.chaos.strike import Strike

ENOUGH = 0.8
"""The share of what was wanted below which a run proves too little."""
_AFTERWARDS = 5.0
"""Seconds after the healing in which clients may still be hindered."""
_AFTER_SILENCE = 20.0
"""Likewise, where requests wait on connections that never answer: until their deadlines have passed."""
_SILENT = (Kind.POSTGRES_STALL, Kind.POSTGRES_SILENCE)

Span = tuple[float, float]


class Burden(NamedTuple):
    """What the clients did.

    Attributes:
        quiet: seconds in which nothing may have hindered them.
        wanted: submissions that were due in these.
        sent: submissions that were sent in these.
        figures: all that they counted, by name, in the whole run.
    """

    quiet: float
    wanted: float
    sent: int
    figures: dict[str, int]

    @property
    def share(self) -> float | None:
        """What part of what was wanted was sent; None when nobody can say."""
        return self.sent / self.wanted if self.wanted else None


def weigh(seconds: Iterable[Second], strikes: Sequence[Strike], rate: float) -> Burden:
    """Return how good the load was.

    Args:
        seconds: what the clients noted.
        strikes: what may have hindered them.
        rate: submissions per second that were wanted.
    """
    outages = [span for strike in strikes if (span := outage(strike)) is not None]
    quiet, sent = 0.0, 0
    figures: dict[str, int] = {}
    for second in seconds:
        for name, number in second.figures.items():
            figures[name] = figures.get(name, 0) + number
        if not any(second.since < until and second.at > since for since, until in outages):
            quiet += second.at - second.since
            sent += second.figures.get("sent", 0)
    return Burden(quiet, quiet * rate, sent, figures)


def outage(strike: Strike) -> Span | None:
    """Return the time in which a fault may have hindered submits; None if it may not, or did not happen."""
    if strike.struck is None or strike.healed is None:
        return None
    kind, target = strike.planned.kind, strike.planned.target
    if not clients_may_notice(kind, target):
        return None
    return strike.struck, strike.healed + (_AFTER_SILENCE if kind in _SILENT else _AFTERWARDS)
