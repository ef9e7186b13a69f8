"""The life of a job: its stored states, the events that may happen to it, and which of them are legal.

This table is the only place that says so. Every SQL statement that writes a state names the events it writes
and guards itself with the states this table allows; a test tries every (state, event) pair against the real
statements. The status that people see is derived (see `Status`), so it can't drift from the state.
"""

from enum import StrEnum


class State(StrEnum):
    """What PostgreSQL stores."""

    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Status(StrEnum):
    """What users see: the state, with `queued` told apart by its due time and its past."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What may happen to a job."""

    REVISE = "revise"
    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    SNOOZE = "snooze"
    INTERRUPT = "interrupt"
    RESCUE = "rescue"
    POISON = "poison"
    CANCEL = "cancel"


TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

TRANSITIONS: dict[State, dict[Event, State]] = {
    State.QUEUED: {
        Event.REVISE: State.QUEUED,  # its payload, its options or its time were changed before it ran
        Event.CLAIM: State.ACTIVE,
    },
    State.ACTIVE: {
        Event.COMPLETE: State.COMPLETED,
        Event.FAIL: State.FAILED,
        Event.RETRY: State.QUEUED,
        Event.SNOOZE: State.QUEUED,
        Event.INTERRUPT: State.QUEUED,  # handed back by a worker that is going down: nobody's fault
        Event.RESCUE: State.QUEUED,  # its worker is gone: counted as a crash
        Event.POISON: State.FAILED,  # it took its worker down once too often
        Event.CANCEL: State.CANCELLED,  # the handler asked for it; it ran, and no outcome will follow
    },
    State.COMPLETED: {},
    State.FAILED: {},
    State.CANCELLED: {},
}


def transition(state: State, event: Event) -> State | None:
    """Return the state after `event`, or None where the event is not legal in `state`."""
    return TRANSITIONS[state].get(event)


def status_of(state: State, *, due: bool, failures: int) -> Status:
    """Return the status that users see.

    Args:
        state: the stored state.
        due: whether the job's run time has come.
        failures: failed attempts so far.
    """
    if state is not State.QUEUED:
        return Status(state.value)
    if due:
        return Status.PENDING
    return Status.RETRYING if failures else Status.SCHEDULED
