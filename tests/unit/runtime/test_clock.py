"""PostgreSQL's clock, as a process carries it on."""

from toril.runtime.clock import RecordClock


class Machine:
    """A machine's clocks, by hand."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 100.0, 5_000.0


def clock_of(machine: Machine) -> RecordClock:
    return RecordClock(lambda: machine.monotonic, lambda: machine.wall)


def test_until_postgresql_was_heard_it_is_the_machines_own_time() -> None:
    machine = Machine()
    clock = clock_of(machine)
    assert clock.now_ms() == 5_000_000
    machine.wall += 1
    assert clock.now_ms() == 5_001_000


def test_after_that_the_machines_time_may_jump_as_it_likes() -> None:
    machine = Machine()
    clock = clock_of(machine)
    clock.heard(9_000.0, asked_at=100.0)
    machine.wall -= 3_600
    machine.monotonic += 2.5
    assert clock.now_ms() == 9_002_500


def test_an_answer_is_taken_to_be_from_the_middle_of_the_time_that_it_took() -> None:
    machine = Machine()
    clock = clock_of(machine)
    machine.monotonic += 1
    clock.heard(9_000.0, asked_at=100.0)
    assert clock.now_ms() == 9_000_500


def test_the_latest_answer_counts() -> None:
    machine = Machine()
    clock = clock_of(machine)
    clock.heard(9_000.0, asked_at=100.0)
    clock.heard(8_000.0, asked_at=100.0)
    assert clock.now_ms() == 8_000_000
