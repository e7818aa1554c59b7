"""Claims jobs and runs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import structlog
from structlog.contextvars import bound_contextvars

from dicomnode.errors import LeaseLostError, PermanentError
from dicomnode.node.clock import ClockWatch, utc_now
from dicomnode.node.frame import Failure, Fate, attempt
from dicomnode.node.heartbeat import Heartbeat
from dicomnode.node.pipeline import Pipeline
from dicomnode.records import Job, Stage
from dicomnode.schedule.planner import due_after_triage
from dicomnode.schedule.retry import backoff_s
from dicomnode.settings import Settings
from dicomnode.store.jobs import JobStore

log = structlog.get_logger()


class Worker:
    """Runs one job after another.

    Does: triage before everything, then the job that is due first; hold it while it runs; wait and try again after a
    transient error; answer "could not run" after too many tries; put into quarantine what cannot even be answered.
    Does not: send.

    Parameters
    ----------
    beat
        Called with the worker's name whenever a job makes progress.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        jobs: JobStore,
        pipeline: Pipeline,
        *,
        beat: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._jobs = jobs
        self._pipeline = pipeline
        self._beat = beat
        self._clock = ClockWatch()
        self._held: Job | None = None

    def run_once(self) -> bool:
        """Run the job that is due first; False where none is."""
        schedule = self._settings.schedule
        job = self._jobs.claim(
            self._name,
            lease_s=schedule.lease_s,
            now=utc_now(),
            longest_wait_s=schedule.longest_retry_s,
            takes_over=self._clock.may_take_over(schedule.lease_s),
        )
        if job is None:
            return False
        self._held = job
        renew = lambda: self._jobs.renew(job, lease_s=schedule.lease_s, now=utc_now())  # noqa: E731
        with bound_contextvars(job=job.id, study=job.study_instance_uid):
            with Heartbeat(renew, lease_s=schedule.lease_s):
                done = attempt(lambda: self._run(job))
            if isinstance(done, Failure):
                self._fail(job, done)
        self._held = None
        self._beat(self._name)
        return True

    def give_back(self) -> None:
        """Let another one run the job in hand, from its beginning; the process ends, which is no fault of the job's."""
        job = self._held
        if job is None:
            return
        tries = max(job.attempts - 1, 0)
        if self._jobs.postpone(job, not_before=utc_now(), reason=job.reason, attempts=tries):
            log.info("returned to the queue, the service stops", job=job.id, study=job.study_instance_uid)

    def _run(self, job: Job) -> None:
        tries = self._settings.schedule.maximum_attempts
        if job.attempts > tries + 1:
            self._quarantine(job, job.reason or "INTERNAL_ERROR: the worker died while answering")
        elif job.attempts > tries:
            reason = job.reason or "INTERNAL_ERROR: the worker died"
            error = PermanentError(f"{reason} ({tries} tries)")
            report = self._pipeline.give_up(job, error, lambda s: self._enter(job, s))
            log.warning("answered", outcome=report.outcome, why=reason)
        elif job.stage is Stage.TRIAGE:
            acuity = self._pipeline.triage(job)
            due_at = due_after_triage(job, acuity, self._settings.acuity)
            if not self._jobs.triaged(job, acuity=acuity, due_at=due_at):
                raise LeaseLostError
            log.info("triaged", acuity=acuity)
        else:
            report = self._pipeline.answer(job, lambda s: self._enter(job, s))
            why = {"why": report.reason} if report.reason else {}
            log.info("answered", outcome=report.outcome, acuity=report.acuity, **why)

    def _enter(self, job: Job, stage: Stage) -> None:
        self._beat(self._name)
        if not self._jobs.enter(job, stage, lease_s=self._settings.schedule.lease_s, now=utc_now()):
            raise LeaseLostError
        log.info("stage", stage=stage)

    def _fail(self, job: Job, failure: Failure) -> None:
        """Wait, try again, or put into quarantine; what is answerable was answered where it was raised."""
        if failure.is_defect:
            failure.tell("a job")
        if failure.fate is Fate.DROP:
            log.warning("not kept", why=failure.sentence)
        elif failure.fate is Fate.WAIT:
            # The surroundings are at fault, a GPU that is gone for example: no try of the study's is used up.
            self._postpone(job, failure.reason, attempts=job.attempts - 1, deferrals=job.deferrals + 1)
        elif failure.fate is Fate.TRY_AGAIN:
            self._postpone(job, failure.reason, attempts=job.attempts, deferrals=0)
        else:
            self._quarantine(job, failure.reason)

    def _postpone(self, job: Job, reason: str, *, attempts: int, deferrals: int) -> None:
        wait_s = backoff_s(max(attempts, 0) + deferrals, self._settings.schedule)
        not_before = utc_now() + dt.timedelta(seconds=wait_s)
        if not self._jobs.postpone(job, not_before=not_before, reason=reason, attempts=attempts, deferrals=deferrals):
            log.warning("not kept", why=str(LeaseLostError()))
            return
        log.warning("postponed", wait_s=round(wait_s, 1), why=reason)

    def _quarantine(self, job: Job, reason: str) -> None:
        self._jobs.cancel(job.id, reason=f"QUARANTINED: {reason}", now=utc_now())
        log.error("quarantined", why=reason)
