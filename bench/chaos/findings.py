"""What is wrong after a run, in words; nothing, if all is well. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.chaos.burden import ENOUGH, Burden
from bench.chaos.evidence import Evidence, Job
from bench.chaos.mix import MUST_END
from bench.chaos.review import Reckoning
from bench.chaos.strike import Strike
from bench.faults.verdict import Verdict
from toril.domain.lifecycle import TERMINAL

LONGEST_STANDSTILL = 15.0
"""Seconds after everything is healed within which results must come again."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Result:
    """All that a run has brought to light.

    Attributes:
        seed: what the schedule was drawn from.
        rate: submissions per second that were wanted.
        strikes: the faults, in the order of the schedule.
        verdict: the totals.
        evidence: what the witnesses say.
        reckoning: what the faults led to.
        burden: what the clients did.
        cores: CPU by role, in cores.
        drained: seconds from the end of the load until every job had ended; None if they never did.
        complaints: what else the system did wrong: processes that ended by themselves, and the like.
    """

    seed: int
    rate: float
    strikes: Sequence[Strike]
    verdict: Verdict
    evidence: Evidence
    reckoning: Reckoning
    burden: Burden
    cores: dict[str, float]
    drained: float | None
    complaints: Sequence[str] = field(default=())

    @property
    def problems(self) -> list[str]:
        """What is wrong."""
        return [
            *self.verdict.broken,
            *about_jobs(self.evidence),
            *about_executions(self.reckoning),
            *about_faults(self.strikes, self.reckoning),
            *about_load(self.burden, self.evidence),
            *self.complaints,
        ]


def about_jobs(evidence: Evidence) -> list[str]:
    """Return what is wrong with jobs that the verdict on the accepted ones doesn't say."""
    jobs = evidence.jobs
    twice = [
        job_id for job_id, times in Counter(job_id for job_id, _ in evidence.accepted).items() if times > 1
    ]
    mixed_up = [job_id for job_id, key in evidence.accepted if job_id in jobs and jobs[job_id].key != key]
    ended = [job for job in jobs.values() if job.state in TERMINAL]
    wrong = [job for job in ended if (job.state, job.failures) != MUST_END[job.name]]
    return [
        *_some("jobs have not ended", [_shown(job) for job in jobs.values() if job.state not in TERMINAL]),
        *_some("ids were given to two submitters", twice),
        *_some("submitters were given another job's id", mixed_up),
        *_some("jobs ended as they must not", [_shown(job) for job in wrong]),
    ]


def about_executions(reckoning: Reckoning) -> list[str]:
    """Return what is wrong with the runs of handlers."""
    wrong = _some(
        "extra executions are explained by no fault",
        [f"job {run.job_id} attempt {run.attempt}" for run in reckoning.unexplained],
    )
    if reckoning.repeated:
        wrong.append(f"{reckoning.repeated} attempts were executed more than once")
    return wrong


def about_faults(strikes: Sequence[Strike], reckoning: Reckoning) -> list[str]:
    """Return which faults did not happen, and after which the system did not recover."""
    wrong = []
    for strike, aftermath in zip(strikes, reckoning.aftermaths, strict=True):
        planned = strike.planned
        named = f"{planned.kind} ({planned.target}, at {planned.at:.1f} s)"
        if not strike.injected:
            wrong.append(f"Not injected: {named}: {strike.failure or 'no proof'}")
        if strike.complaint:
            wrong.append(strike.complaint)
        if aftermath is not None and aftermath.completing is None:
            wrong.append(f"No job was completed any more after: {named}")
    if reckoning.unexcused > LONGEST_STANDSTILL:
        wrong.append(f"No job was completed for {reckoning.unexcused:.1f} s while nothing was broken")
    return wrong


def about_load(burden: Burden, evidence: Evidence) -> list[str]:
    """Return what was wrong with the load, or with the answers to it."""
    wrong = []
    if burden.share is None:
        wrong.append("No second of the run was free of outages, so nobody can say how good the load was")
    elif burden.share < ENOUGH:
        sent = f"{burden.sent:,} of {burden.wanted:,.0f} submissions were sent"
        wrong.append(f"The load was too low: outside of outages {sent} ({burden.share:.0%})")
    strange = [second.strange for second in evidence.seconds if second.strange]
    if abandoned := burden.figures.get("abandoned", 0):
        wrong.append(f"{abandoned} submissions were not accepted 20 s after everything was healed")
    return [*wrong, *_some("kinds of answers should never be given", sorted(set(strange)))]


def _some(what: str, cases: Sequence[object]) -> list[str]:
    """Return a sentence with the number of cases and the first of them; none if there is no case."""
    if not cases:
        return []
    more = ", …" if len(cases) > _SHOWN else ""
    return [f"{len(cases)} {what}: {', '.join(str(case) for case in cases[:_SHOWN])}{more}"]


def _shown(job: Job) -> str:
    return f"job {job.id} ({job.name}) {job.state}, attempt {job.attempt}, {job.failures} failures"
