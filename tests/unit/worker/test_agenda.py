"""Which queues a worker asks, and how long it sleeps."""

from toril.worker.agenda import LOOK_AGAIN, Agenda


def test_all_queues_are_asked_at_first_each_time_another_one_first() -> None:
    agenda = Agenda(["a", "b", "c"], longest=10)
    firsts = [agenda.to_ask(0.0)[0] for _ in range(6)]
    assert sorted(firsts[:3]) == ["a", "b", "c"]
    assert firsts[:3] == firsts[3:]


def test_a_queue_that_had_nothing_is_left_alone_for_a_moment() -> None:
    agenda = Agenda(["busy", "idle"], longest=10)
    agenda.had_some("busy")
    agenda.had_none("idle", 100.0, None)
    assert agenda.to_ask(100.0) == ["busy"]
    assert set(agenda.to_ask(100.0 + LOOK_AGAIN)) == {"busy", "idle"}


def test_a_marker_brings_a_queue_back_at_once() -> None:
    agenda = Agenda(["a", "b"], longest=10)
    for queue in ("a", "b"):
        agenda.had_none(queue, 100.0, None)
    assert agenda.to_ask(100.0) == []
    agenda.woken("b")
    assert agenda.to_ask(100.0) == ["b"]
    agenda.woken(None)
    assert set(agenda.to_ask(100.0)) == {"a", "b"}


def test_sleep_ends_when_the_next_delayed_job_is_due() -> None:
    agenda = Agenda(["a", "b"], longest=10)
    assert agenda.sleep(0.0) == 10
    agenda.had_none("a", 100.0, 103.5)
    agenda.had_none("b", 100.0, 900.0)
    assert agenda.sleep(100.0) == 3.5
    assert agenda.sleep(104.0) == 0
    agenda.had_none("a", 104.0, None)
    assert agenda.sleep(104.0) == 10
