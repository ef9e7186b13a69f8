"""What follows from fabricated evidence: recovery, blame for extra executions, and the load."""

import math
from collections.abc import Sequence

import pytest
from bench.chaos.burden import ENOUGH, Burden, weigh
from bench.chaos.evidence import Evidence, Execution, Job, Life, Second, executions_of
from bench.chaos.findings import about_executions, about_faults, about_jobs, about_load
from bench.chaos.kinds import Kind
from bench.chaos.report import lateness
from bench.chaos.review import healthy_part, reckon
from bench.chaos.schedule import Planned
from bench.chaos.strike import Strike
from bench.faults.ledger import ENDED, STARTED, Entry

LIVES = {1: Life("worker 1", math.inf), 2: Life("worker 2", math.inf)}


def strike(kind: Kind, target: str, struck: float, healed: float | None = None) -> Strike:
    """A fault that happened, with proof."""
    planned = Planned(struck, kind, target, 0.0)
    return Strike(planned, struck, struck, struck, healed or struck, proof="seen")


def evidence(
    *,
    accepted: Sequence[tuple[int, int]] = (),
    jobs: Sequence[Job] = (),
    counted: Sequence[tuple[int, int]] = (),
    runs: Sequence[Execution] = (),
    completions: Sequence[float] = (1e9,),
    seconds: Sequence[Second] = (),
) -> Evidence:
    """Evidence of no more than what is given."""
    by_id = {job.id: job for job in jobs}
    return Evidence(list(accepted), by_id, set(counted), list(runs), list(completions), list(seconds), LIVES)


def job(job_id: int, name: str = "plain", state: str = "completed", failures: int = 0, key: int = 0) -> Job:
    return Job(job_id, name, state, 1, failures, key or job_id, 0.0)


def test_a_run_that_was_cut_short_ended_with_its_process() -> None:
    entries = [
        Entry(STARTED, 1, 1, 1, 10.0, 0.0),
        Entry(STARTED, 2, 1, 2, 11.0, 0.0),
        Entry(ENDED, 2, 1, 2, 12.0, 0.0),
    ]
    lives = {1: Life("worker 1", 13.0), 2: Life("worker 2", math.inf)}
    assert executions_of(entries, lives) == [Execution(1, 1, 1, 10.0, 13.0), Execution(2, 1, 2, 11.0, 12.0)]


def test_an_extra_execution_is_blamed_on_the_fault_that_hit_its_worker() -> None:
    kill, other = strike(Kind.WORKER_KILL, "worker 1", 10), strike(Kind.WORKER_KILL, "worker 2", 10.5)
    runs = [Execution(5, 1, 1, 9.5, 10.0), Execution(5, 2, 2, 12.0, 12.1), Execution(6, 1, 2, 12.0, 12.1)]
    found = reckon([kill, other], evidence(runs=runs, counted=[(5, 2), (6, 1)]))
    assert [each and (each.extra, each.in_flight, each.rerun) for each in found.aftermaths] == [
        (1, 1, 2.0),
        (0, 0, None),
    ]
    assert (found.extra, found.explained, found.unexplained, found.repeated) == (1, 1, [], 0)


def test_an_execution_that_waited_to_be_recorded_counts_as_in_flight() -> None:
    kill = strike(Kind.WORKER_KILL, "worker 1", 10)
    runs = [Execution(5, 1, 1, 9.0, 9.5), Execution(6, 1, 1, 7.0, 7.5)]
    found = reckon([kill], evidence(runs=runs, counted=[(6, 1)]))
    assert found.aftermaths[0] is not None
    assert (found.aftermaths[0].in_flight, found.unexplained) == (1, [])


@pytest.mark.parametrize(
    "innocent",
    [
        strike(Kind.REDIS_FLUSH, "Redis", 10),
        strike(Kind.REDIS_STALL, "everyone", 9, 12),
        strike(Kind.API_KILL, "API 1", 10),
        strike(Kind.POSTGRES_REFUSE, "API 2", 9, 12),
        strike(Kind.WORKER_KILL, "worker 2", 10),
        strike(Kind.WORKER_CLOCK, "worker 1", 9, 12),
        strike(Kind.WORKER_PAUSE, "worker 1", 20, 25),
    ],
    ids=lambda each: f"{each.planned.kind} of {each.planned.target}",
)
def test_an_extra_execution_is_never_explained_by_a_fault_that_can_not_cost_it(innocent: Strike) -> None:
    run = Execution(5, 1, 1, 9.5, 10.5)
    found = reckon([innocent], evidence(runs=[run]))
    assert found.unexplained == [run]
    assert about_executions(found) == ["1 extra executions are explained by no fault: job 5 attempt 1"]


def test_an_attempt_that_was_executed_twice_is_reported() -> None:
    runs = [Execution(5, 1, 1, 9.5, 10.5), Execution(5, 1, 2, 9.6, 10.6)]
    found = reckon([], evidence(runs=runs, counted=[(5, 1)]))
    assert about_executions(found) == ["1 attempts were executed more than once"]


def test_recovery_is_counted_from_the_healing_to_the_next_result() -> None:
    outage = strike(Kind.POSTGRES_REFUSE, "everyone", 10, 14)
    found = reckon([outage], evidence(completions=[9.0, 10.5, 14.25, 15.0]))
    assert found.aftermaths[0] is not None
    assert found.aftermaths[0].completing == 0.25


def test_a_fault_after_which_nothing_was_completed_is_reported() -> None:
    crash = strike(Kind.POSTGRES_CRASH, "PostgreSQL", 10)
    found = reckon([crash], evidence(completions=[9.0]))
    assert about_faults([crash], found) == [
        "No job was completed any more after: PostgreSQL crashed (PostgreSQL, at 10.0 s)"
    ]


def test_a_fault_that_could_not_be_injected_or_proved_is_reported() -> None:
    failed = Strike(Planned(3.0, Kind.REDIS_CUT, "API 1", 0.0), 3.0, failure="there was nothing to cut")
    unproved = Strike(Planned(4.0, Kind.REDIS_CUT, "API 1", 0.0), 4.0, 4.0, 4.0, 4.0)
    found = reckon([failed, unproved], evidence())
    assert about_faults([failed, unproved], found) == [
        "Not injected: Redis link cut (API 1, at 3.0 s): there was nothing to cut",
        "Not injected: Redis link cut (API 1, at 4.0 s): no proof",
    ]


def test_jobs_that_are_stuck_mixed_up_or_ended_wrongly_are_reported() -> None:
    jobs = [
        job(1),
        job(2, state="queued"),
        job(3, key=99),
        job(4, state="failed"),
        job(5, "flaky", failures=1),
        job(6, "flaky", failures=2),
        job(7, "doomed", "failed", 2),
    ]
    accepted = [(1, 1), (1, 1), (3, 3), (7, 7)]
    wrong = "job 4 (plain) failed, attempt 1, 0 failures, job 5 (flaky) completed, attempt 1, 1 failures"
    assert about_jobs(evidence(accepted=accepted, jobs=jobs)) == [
        "1 jobs have not ended: job 2 (plain) queued, attempt 1, 0 failures",
        "1 ids were given to two submitters: 1",
        "1 submitters were given another job's id: 3",
        f"2 jobs ended as they must not: {wrong}",
    ]


def second(at: float, sent: int, **figures: int) -> Second:
    return Second(at - 1, at, {"sent": sent, **figures}, "")


def test_the_load_is_weighed_outside_of_outages_only() -> None:
    outage = strike(Kind.POSTGRES_REFUSE, "everyone", 12, 14)
    seconds = [second(at, 0 if 12 < at < 20 else 90, due=100) for at in range(1, 31)]
    burden = weigh(seconds, [outage], rate=100)
    assert (burden.quiet, burden.wanted, burden.sent) == (23, 2_300, 23 * 90)
    assert burden.figures == {"sent": 23 * 90, "due": 3_000}


def test_faults_that_clients_must_not_notice_excuse_nothing() -> None:
    quiet = [strike(Kind.REDIS_DOWN, "Redis", 5, 9), strike(Kind.WORKER_KILL, "worker 1", 5)]
    burden = weigh([second(at, 70) for at in range(1, 11)], quiet, rate=100)
    assert burden.share == 0.7
    assert about_load(burden, evidence()) == [
        "The load was too low: outside of outages 700 of 1,000 submissions were sent (70%)"
    ]


def test_a_load_that_nobody_could_weigh_is_reported() -> None:
    assert weigh([], [], rate=100).share is None
    assert about_load(Burden(0, 0, 0, {}), evidence()) == [
        "No second of the run was free of outages, so nobody can say how good the load was"
    ]


def test_answers_that_should_never_be_given_are_reported() -> None:
    seconds = [Second(0, 1, {}, "500: oh"), Second(1, 2, {}, ""), Second(2, 3, {}, "500: oh")]
    enough = Burden(10, 100, int(100 * ENOUGH), {"abandoned": 3})
    assert about_load(enough, evidence(seconds=seconds)) == [
        "3 submissions were not accepted 20 s after everything was healed",
        "1 kinds of answers should never be given: 500: oh",
    ]


def test_lateness_is_that_of_what_was_begun() -> None:
    planned = Planned(5.0, Kind.REDIS_FLUSH, "Redis", 0.0)
    strikes = [Strike(planned, 5.0, 5.5), Strike(planned, 5.0, 6.5), Strike(planned, 5.0)]
    assert lateness(strikes) == {"median": 1.0, "max": 1.5}


def test_a_standstill_that_begins_after_the_healing_is_seen() -> None:
    silence = strike(Kind.REDIS_SILENCE, "everyone", 10, 12)
    completions = [9.9, 10.5, 12.5, 13.0, 27.0, 27.1]
    found = reckon([silence], evidence(completions=completions))
    assert found.aftermaths[0] is not None
    assert (found.aftermaths[0].completing, found.aftermaths[0].standstill) == (0.5, 14.0)


@pytest.mark.parametrize(
    ("gap", "spans", "healthy"),
    [
        ((10.0, 30.0), [], 20.0),
        ((10.0, 30.0), [(11.0, 25.0)], 5.0),
        ((10.0, 30.0), [(5.0, 12.0), (11.0, 14.0)], 16.0),
        ((10.0, 30.0), [(5.0, 40.0)], 0.0),
        ((10.0, 30.0), [(20.0, 40.0)], 10.0),
        ((10.0, 30.0), [(31.0, 40.0)], 20.0),
    ],
)
def test_a_standstill_is_excused_while_something_is_broken(
    gap: tuple[float, float], spans: list[tuple[float, float]], healthy: float
) -> None:
    strikes = [strike(Kind.POSTGRES_REFUSE, "everyone", *span) for span in spans]
    assert healthy_part(gap, strikes) == healthy


def test_a_standstill_without_excuse_is_reported() -> None:
    found = reckon([], evidence(completions=[1.0, 2.0, 17.5, 17.6]))
    assert about_faults([], found) == ["No job was completed for 15.5 s while nothing was broken"]
