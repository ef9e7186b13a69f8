"""The table of the life of a job, by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toril.domain.lifecycle import TERMINAL, TRANSITIONS, Event, State, Status, status_of, transition


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_event_is_legal_somewhere() -> None:
    assert {event for events in TRANSITIONS.values() for event in events} == set(Event)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_leaves_a_terminal_state(state: State) -> None:
    assert TRANSITIONS[state] == {}


@given(st.lists(st.sampled_from(Event), max_size=50))
def test_whatever_happens_a_job_is_in_a_known_state_and_runs_only_when_claimed(events: list[Event]) -> None:
    state = State.QUEUED
    for event in events:
        after = transition(state, event)
        if after is None:
            continue
        assert (after is State.ACTIVE) == (event is Event.CLAIM)
        assert state not in TERMINAL
        state = after


@given(st.sampled_from(State), st.booleans(), st.integers(0, 5))
def test_a_status_is_the_state_unless_the_job_waits(state: State, due: bool, failures: int) -> None:
    status = status_of(state, due=due, failures=failures)
    if state is not State.QUEUED:
        assert status == state.value
    elif due:
        assert status is Status.PENDING
    else:
        assert status is (Status.RETRYING if failures else Status.SCHEDULED)
