"""Which queues a worker asks, and how long it sleeps."""

from collections.abc import Sequence

from toril.worker.agenda import ASK_AGAIN, LOOK_AGAIN, LOOKED_AT, Agenda


def quiet(queues: Sequence[str], now: float = 100.0) -> Agenda:
    """Return the agenda of a worker that has found all its queues empty."""
    agenda = Agenda(queues, longest=10, now=now)
    for queue in queues:
        agenda.had_none(queue, now, None)
    return agenda


def test_all_queues_are_asked_at_first_each_time_another_one_first() -> None:
    agenda = Agenda(["a", "b", "c"], longest=10, now=0.0)
    firsts = [agenda.to_ask(0.0)[0] for _ in range(6)]
    assert sorted(firsts[:3]) == ["a", "b", "c"]
    assert firsts[:3] == firsts[3:]


def test_while_a_queue_keeps_the_worker_busy_the_others_are_left_alone_for_a_moment_each() -> None:
    agenda = Agenda(["busy", "idle"], longest=10, now=100.0)
    agenda.had_some("busy", 100.0)
    agenda.had_none("idle", 100.0, None)
    assert agenda.to_ask(100.0) == ["busy"]
    assert set(agenda.to_ask(100.0 + LOOK_AGAIN)) == {"busy", "idle"}


def test_a_worker_that_a_marker_made_busy_looks_at_the_other_queues_again() -> None:
    agenda = quiet(["a", "b"])
    agenda.woken("a", 101.0)
    agenda.had_some("a", 101.0)
    assert agenda.to_ask(101.0) == ["a"]
    assert set(agenda.to_ask(101.0 + LOOK_AGAIN)) == {"a", "b"}


def test_a_marker_has_its_queue_asked_at_once_and_no_other() -> None:
    agenda = quiet(["a", "b"])
    assert agenda.to_ask(105.0) == []
    agenda.woken("b", 105.0)
    assert agenda.to_ask(105.0) == ["b"]
    agenda.had_none("b", 105.0, None)
    assert agenda.to_ask(109.0) == []


def test_markers_that_may_have_been_missed_have_all_queues_asked() -> None:
    agenda = quiet(["a", "b"])
    agenda.missed()
    assert set(agenda.to_ask(100.0)) == {"a", "b"}


def test_sleep_ends_when_the_next_delayed_job_is_due_and_its_queue_is_asked() -> None:
    agenda = quiet(["a", "b"], now=100.0)
    assert agenda.sleep(100.0) == 10
    agenda.had_none("a", 100.0, 103.5)
    agenda.had_none("b", 100.0, 900.0)
    assert agenda.sleep(100.0) == 3.5
    assert agenda.sleep(104.0) == 0
    agenda.woken(None, 103.5)
    assert agenda.to_ask(103.5) == ["a"]
    agenda.had_none("a", 104.0, None)
    assert agenda.sleep(104.0) == 6


def asked_in_a_minute(agenda: Agenda, now: float) -> list[str]:
    """Let the time pass that an idle worker sleeps, for a minute; return the queues it asks, in order."""
    asked = []
    end = now + 60
    while now + agenda.sleep(now) <= end:
        now += agenda.sleep(now)
        agenda.woken(None, now)
        for queue in agenda.to_ask(now):
            agenda.had_none(queue, now, None)
            asked.append(queue)
    return asked


def test_a_few_quiet_queues_are_all_looked_at_each_time() -> None:
    queues = ["a", "b", "c"]
    asked = asked_in_a_minute(quiet(queues), 100.0)
    assert {queue: asked.count(queue) for queue in queues} == dict.fromkeys(queues, 6)


def test_of_many_quiet_queues_a_few_are_looked_at_in_turn() -> None:
    queues = [f"queue{number}" for number in range(6 * LOOKED_AT)]
    asked = asked_in_a_minute(quiet(queues), 100.0)
    assert sorted(asked) == sorted(queues)  # each of them once, whatever their number


def test_neither_markers_nor_delayed_jobs_make_the_turns_come_more_often_or_never() -> None:
    queues = [f"queue{number}" for number in range(100)]
    agenda = quiet(queues)
    asked = []
    for tenths in range(600):
        now = 100.0 + tenths / 10
        agenda.woken("queue0" if tenths % 2 else None, now)
        for queue in agenda.to_ask(now):
            agenda.had_none(queue, now, now + 0.1 if queue == "queue1" else None)
            asked.append(queue)
    others = [queue for queue in asked if queue not in ("queue0", "queue1")]
    assert 5 * LOOKED_AT - 2 <= len(others) <= 6 * LOOKED_AT


def test_a_queue_that_was_refused_is_not_waited_for_and_asked_again_after_a_while() -> None:
    agenda = quiet(["well", "sick"])
    agenda.had_none("sick", 100.0, 100.0)
    agenda.refused("sick", 100.0)
    agenda.missed()
    assert agenda.to_ask(100.0) == ["well"]
    agenda.had_none("well", 100.0, None)
    assert agenda.to_wait_for == ["well"]
    assert agenda.sleep(100.0) == ASK_AGAIN
    agenda.woken(None, 101.0)
    assert agenda.to_ask(101.0) == []
    agenda.woken(None, 100.0 + ASK_AGAIN)
    assert agenda.to_ask(100.0 + ASK_AGAIN) == ["sick"]
    assert agenda.to_wait_for == ["well"]
    agenda.had_none("sick", 106.0, None)
    assert set(agenda.to_wait_for) == {"well", "sick"}
    assert agenda.sleep(106.0) == 4


def test_a_queue_that_was_refused_is_asked_again_after_a_while_by_a_busy_worker_too() -> None:
    agenda = quiet(["busy", "sick"])
    agenda.refused("sick", 100.0)
    for tenths in range(51):
        agenda.had_some("busy", 100.0 + tenths / 10)
        assert ("sick" in agenda.to_ask(100.0 + tenths / 10)) == (tenths == 50)
