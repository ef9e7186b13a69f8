"""Every way in which a handler can end, on a real worker, as it is recorded."""

from collections.abc import Awaitable, Callable

from tests.integration.worker import handlers
from tests.integration.worker.conftest import StartWorker
from toril.domain.lifecycle import Status
from toril.domain.views import JobHistory

Ended = Callable[[int], Awaitable[JobHistory]]


async def test_a_coroutine_runs_and_its_result_is_recorded(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    job = (await ended((await handlers.echo.enqueue(value=7)).id)).job
    assert (job.status, job.result, job.attempt, job.failures) == (Status.COMPLETED, "7", 1, 0)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.created_at <= job.started_at <= job.finished_at
    assert job.worker is not None


async def test_a_function_runs_in_a_thread_and_may_log(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    found = await ended((await handlers.where.enqueue()).id)
    assert found.job.result == '"job"'
    await wait_for_words(found.job.id, ended)


async def wait_for_words(job_id: int, ended: Ended) -> None:
    """Lines and progress are written in batches of their own, perhaps after the result."""
    from tests.conftest import eventually

    async def written() -> bool:
        found = await ended(job_id)
        return [(line.level, line.message) for line in found.logs] == [("info", "in a thread thread=job")]

    await eventually(written)


async def test_an_isolated_function_runs_in_a_process_of_its_own(
    start_worker: StartWorker, ended: Ended
) -> None:
    await start_worker()
    found = await ended((await handlers.apart.enqueue(value=21)).id)
    assert found.job.result == "[42, 0]"


async def test_a_process_that_dies_is_a_failure_and_disturbs_nobody(
    start_worker: StartWorker, ended: Ended
) -> None:
    await start_worker()
    dead, alive = await handlers.dies.enqueue(code=9), await handlers.apart.enqueue(value=1)
    job = (await ended(dead.id)).job
    assert (job.status, job.error_kind) == (Status.FAILED, "ProcessDied")
    assert (await ended(alive.id)).job.status is Status.COMPLETED


async def test_a_process_that_hangs_is_killed(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    job = (await ended((await handlers.hangs_apart.enqueue()).id)).job
    assert (job.status, job.error_kind) == (Status.FAILED, "Timeout")


async def test_a_failing_job_is_tried_three_times_and_its_errors_can_be_read(
    start_worker: StartWorker, ended: Ended
) -> None:
    await start_worker()
    found = await ended((await handlers.fails.enqueue()).id)
    assert (found.job.status, found.job.failures, found.job.attempt) == (Status.FAILED, 3, 3)
    assert found.job.error_message == "no luck with attempt 3"
    assert [attempt.outcome for attempt in found.attempts] == ["failed"] * 3
    stack = found.attempts[0].stack
    assert stack is not None
    assert stack.startswith("Traceback (most recent call last):")
    assert "handlers.py" in stack
    assert "toril/worker" not in stack


async def test_a_job_that_recovers_is_completed(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    job = (await ended((await handlers.recovers.enqueue()).id)).job
    assert (job.status, job.result, job.failures) == (Status.COMPLETED, "3", 2)


async def test_a_handler_can_choose_its_own_wait(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    found = await ended((await handlers.retries_soon.enqueue()).id)
    assert (found.job.status, found.attempts[0].error_message) == (Status.COMPLETED, "come back")


async def test_a_handler_can_give_up_cancel_and_snooze(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    failed = (await ended((await handlers.gives_up.enqueue()).id)).job
    assert (failed.status, failed.failures, failed.error_message) == (Status.FAILED, 1, "no such user")
    cancelled = await ended((await handlers.withdraws.enqueue()).id)
    assert cancelled.job.status is Status.CANCELLED
    assert cancelled.attempts[0].error_message == "order withdrawn"
    snoozed = await ended((await handlers.snoozes.enqueue()).id)
    assert (snoozed.job.result, snoozed.job.failures, snoozed.job.attempt) == ('"awake"', 0, 3)
    assert [attempt.outcome for attempt in snoozed.attempts] == ["snoozed", "snoozed"]


async def test_whatever_a_handler_does_it_is_an_outcome_and_the_worker_goes_on(
    start_worker: StartWorker, ended: Ended
) -> None:
    worker = await start_worker()
    for handler, kind in (
        (handlers.hangs, "Timeout"),
        (handlers.hangs_in_thread, "Timeout"),
        (handlers.cancels_itself, "CancelledError"),
        (handlers.exits, "SystemExit"),
        (handlers.returns_nonsense, "InvalidResult"),
    ):
        job = (await ended((await handlers.app.enqueue(handler.name)).id)).job
        assert (job.status, job.error_kind) == (Status.FAILED, kind), handler.name
    assert (await ended((await handlers.echo.enqueue()).id)).job.status is Status.COMPLETED
    assert worker.running == 0


async def test_a_payload_that_does_not_fit_fails_without_being_run(
    start_worker: StartWorker, ended: Ended
) -> None:
    await start_worker()
    bad = handlers.echo.args(value=1)._replace(payload='{"valeu": 1}')
    (submitted,) = await handlers.app.submit([bad])
    job = (await ended(submitted.id)).job
    assert (job.status, job.failures, job.error_kind) == (Status.FAILED, 1, "InvalidPayload")
    assert "valeu" in (job.error_message or "")


async def test_delayed_and_prioritised_jobs_run(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    delayed = await handlers.echo.enqueue(value=1, delay=0.15)
    urgent = await handlers.echo.enqueue(value=2, priority=1)
    assert delayed.status is Status.SCHEDULED
    assert (await ended(urgent.id)).job.status is Status.COMPLETED
    job = (await ended(delayed.id)).job
    assert job.started_at is not None
    assert job.run_at <= job.started_at


async def test_a_thousand_jobs_run_once_each(start_worker: StartWorker, ended: Ended) -> None:
    await start_worker()
    submitted = await handlers.echo.enqueue_many([{"value": n} for n in range(1000)])
    for each in submitted:
        assert (await ended(each.id)).job.attempt == 1
