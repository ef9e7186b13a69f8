"""What `/readyz` is told of the parts and loops of a process."""

from toril.operations.health import Health
from toril.telemetry.progress import Progress


async def answers() -> None:
    pass


async def no_lag() -> float:
    return 0.0


async def loops(progress: Progress) -> tuple[bool, bool, str]:
    checked = await Health(answers, answers, no_lag, progress).check()
    (component,) = [each for each in checked if each.name == "loops"]
    return component.up, component.required, component.detail


async def test_loops_are_up_while_none_is_overdue_and_degrade_only_when_one_is() -> None:
    now = [100.0]
    progress = Progress(lambda: now[0])
    assert await loops(progress) == (True, False, "none has anything to do")
    progress.follow("relay", 32.0).begun()
    now[0] += 16
    progress.follow("catalog", 34.0).begun()
    assert await loops(progress) == (True, False, "relay last moved 16.0 s ago; 32 s are in order")
    now[0] += 17
    assert await loops(progress) == (False, False, "relay last moved 33.0 s ago; 32 s are in order")
