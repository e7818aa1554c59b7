"""Claims jobs and runs them; the one place that decides what an error means for a job."""

from __future__ import annotations

import datetime as dt
import traceback

import structlog
from structlog.contextvars import bound_contextvars

from dicomnode.errors import PermanentError, SettingsError, TransientError
from dicomnode.node.pipeline import Pipeline
from dicomnode.records import Job, Stage
from dicomnode.schedule.planner import due_after_triage
from dicomnode.schedule.retry import backoff_s
from dicomnode.settings import Settings
from dicomnode.store.jobs import JobStore

log = structlog.get_logger()


def utc_now() -> dt.datetime:
    """Now, aware."""
    return dt.datetime.now(dt.UTC)


class Worker:
    """Runs one job after another.

    Does: triage before everything, then the job that is due first; wait and try again after a transient
    error; answer "could not run" after too many tries; put into quarantine what cannot even be answered.
    Does not: send.
    """

    def __init__(self, name: str, settings: Settings, jobs: JobStore, pipeline: Pipeline) -> None:
        self._name = name
        self._settings = settings
        self._jobs = jobs
        self._pipeline = pipeline

    def run_once(self) -> bool:
        """Run the job that is due first; False where none is."""
        job = self._jobs.claim(self._name, lease_s=self._settings.schedule.lease_s, now=utc_now())
        if job is None:
            return False
        with bound_contextvars(job=job.id, study=job.study_instance_uid):
            try:
                self._run(job)
            except (TransientError, SettingsError) as error:
                # The surroundings are at fault, a GPU that is gone for example: no try of the study's is used up.
                self._postpone(job, f"{error.code}: {error}", attempts=job.attempts - 1)
            except PermanentError as error:
                self._quarantine(job, f"{error.code}: {error}")
            except Exception as error:  # noqa: BLE001  # the outermost frame: one study must not stop the others
                log.error("unexpected error", error=type(error).__name__, where=_where(error))  # noqa: TRY400
                self._postpone(job, f"INTERNAL_ERROR: {type(error).__name__}", attempts=job.attempts)
        return True

    def _run(self, job: Job) -> None:
        tries = self._settings.schedule.maximum_attempts
        if job.attempts > tries + 1:
            self._quarantine(job, job.reason or "INTERNAL_ERROR: the worker died while answering")
        elif job.attempts > tries:
            reason = job.reason or "INTERNAL_ERROR: the worker died"
            report = self._pipeline.give_up(
                job, PermanentError(f"{reason} ({tries} tries)"), lambda s: self._enter(job, s)
            )
            log.warning("answered", outcome=report.outcome, why=reason)
        elif job.stage is Stage.TRIAGE:
            acuity = self._pipeline.triage(job)
            due_at = due_after_triage(job, acuity, self._settings.acuity)
            self._jobs.triaged(job, acuity=acuity, due_at=due_at)
            log.info("triaged", acuity=acuity)
        else:
            report = self._pipeline.answer(job, lambda s: self._enter(job, s))
            log.info("answered", outcome=report.outcome, acuity=report.acuity, why=report.reason)

    def _enter(self, job: Job, stage: Stage) -> None:
        self._jobs.enter(job, stage, lease_s=self._settings.schedule.lease_s, now=utc_now())
        log.info("stage", stage=stage)

    def _postpone(self, job: Job, reason: str, *, attempts: int) -> None:
        wait_s = backoff_s(job.attempts, self._settings.schedule)
        not_before = utc_now() + dt.timedelta(seconds=wait_s)
        self._jobs.postpone(job, not_before=not_before, reason=reason, attempts=attempts)
        log.warning("postponed", wait_s=round(wait_s, 1), why=reason)

    def _quarantine(self, job: Job, reason: str) -> None:
        self._jobs.cancel(job.id, reason=f"QUARANTINED: {reason}", now=utc_now())
        log.error("quarantined", why=reason)


def _where(error: BaseException) -> str:
    """The line that raised, without the message: messages of libraries may quote the data set."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno} {frame.name}"
