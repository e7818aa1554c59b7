"""Turns complete studies into jobs."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from pydicom import Dataset
from sqlalchemy.exc import SQLAlchemyError

from dicomnode.dicom.elements import PARSER_ERRORS
from dicomnode.dicom.reading import element_text, read_header
from dicomnode.errors import NodeError
from dicomnode.records import Acuity, Job, KeptInstance
from dicomnode.schedule.completeness import ArchiveCount, is_complete
from dicomnode.schedule.rules import Candidate, Route, header_elements, route
from dicomnode.settings import AcuitySettings, Rule, ScheduleSettings
from dicomnode.store.instances import InstanceStore, WaitingStudy, revision_of
from dicomnode.store.jobs import JobStore, new_job, reread_key

log = structlog.get_logger()

STAT = frozenset({"STAT", "HIGH"})
"""Values of Requested Procedure Priority (0040,1003) by which the orderer asks for haste."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the planner decides by."""

    schedule: ScheduleSettings
    rules: Sequence[Rule]
    acuity: AcuitySettings
    default_destinations: tuple[str, ...]
    bundle_digests: Mapping[str, str]
    """Bundle name to digest."""


class Planner:
    """Looks for complete studies and adds a job for each.

    Does: complete, route, key, queue.
    Does not: run jobs.
    """

    def __init__(
        self, plan: Plan, instances: InstanceStore, jobs: JobStore, archive_count: ArchiveCount | None = None
    ) -> None:
        self._plan = plan
        self._instances = instances
        self._jobs = jobs
        self._archive_count = archive_count

    def tick(self, now: dt.datetime) -> int:
        """Add a job for every study that is complete now, and return how many."""
        return sum(self._try_study(study, now) for study in self._instances.waiting())

    def _try_study(self, study: WaitingStudy, now: dt.datetime) -> bool:
        """Plan one study; what is wrong with it must not keep the others waiting."""
        try:
            return self._plan_study(study, now)
        except (NodeError, SQLAlchemyError, *PARSER_ERRORS) as error:
            log.error("not scheduled", study=study.study_instance_uid, error=type(error).__name__)  # noqa: TRY400
            return False

    def _plan_study(self, study: WaitingStudy, now: dt.datetime) -> bool:
        uid = study.study_instance_uid
        kept: Callable[[], int] = lambda: len(self._instances.in_study(uid))  # noqa: E731  # asked only if it matters
        if not is_complete(study, kept=kept, archive_count=self._archive_count, settings=self._plan.schedule, now=now):
            return False
        return self._add(study, now)

    def plan_again(self, study: WaitingStudy, *, after_job: int, now: dt.datetime) -> bool:
        """Add a job that reads a study anew although nothing of it has changed; False where images arrived meanwhile.

        Parameters
        ----------
        after_job
            Number of the study's last job.
        """
        return self._add(study, now, after_job=after_job)

    def _add(self, study: WaitingStudy, now: dt.datetime, *, after_job: int | None = None) -> bool:
        uid = study.study_instance_uid
        instances = self._instances.in_study(uid)
        candidates = [_candidate(instance, self._plan.rules) for instance in instances]
        chosen = route(self._plan.rules, candidates)
        revision = revision_of([i.key.sop_instance_uid for i in instances])
        # The job is as old as its newest instance at least: by that time it knows which are its own.
        row = self._job_row(uid, revision, chosen, candidates, max(now, study.last_instance_at))
        if after_job is not None:
            row["key"] = reread_key(str(row["key"]), f"after job {after_job}")
        added = self._jobs.add(row, last_instance_at=study.last_instance_at)
        if added:
            log.info("scheduled", study=uid, instances=len(instances), rule=row["rule"], bundle=row["bundle"])
        return added

    def _job_row(
        self, study: str, revision: str, chosen: Route, candidates: Sequence[Candidate], now: dt.datetime
    ) -> dict[str, object]:
        rule = chosen.rule
        bundle = rule.bundle if rule is not None and rule.bundle else None
        digest = self._plan.bundle_digests[bundle] if bundle else ""
        asked = any(element_text(c.ds, "RequestedProcedurePriority") in STAT for c in candidates)
        level = Acuity.URGENT if asked else Acuity.NON_CRITICAL
        return new_job(
            key=job_key(study, revision, digest),
            study_instance_uid=study,
            revision=revision,
            rule=rule.name if rule else "",
            bundle=bundle,
            destinations=(rule.destinations if rule else ()) or self._plan.default_destinations,
            due_at=now + dt.timedelta(seconds=self._plan.acuity.levels[level].due_s),
            now=now,
        )


def job_key(study_instance_uid: str, revision: str, bundle_digest: str) -> str:
    """SHA-256 over what is read and what reads it: the same work is never done twice."""
    return hashlib.sha256(f"{study_instance_uid}\n{revision}\n{bundle_digest}".encode()).hexdigest()


def due_after_triage(job: Job, acuity: Acuity, settings: AcuitySettings) -> dt.datetime:
    """When a triaged job is due: as its acuity says, but never later than what was asked for before.

    Due times count from the job's creation, so one that waits long overtakes more acute ones that are
    younger: nothing starves.
    """
    by_acuity = job.created_at + dt.timedelta(seconds=settings.levels[acuity].due_s)
    asked_urgently = job.due_at < job.created_at + dt.timedelta(seconds=settings.levels[Acuity.NON_CRITICAL].due_s)
    return min(by_acuity, job.due_at) if asked_urgently else by_acuity


def matching_instances(instances: Sequence[KeptInstance], rules: Sequence[Rule], rule: str) -> list[KeptInstance]:
    """The instances of a study that a rule matches: what its bundle reads; none if the rule is gone."""
    candidates = [_candidate(instance, rules) for instance in instances]
    chosen = route([r for r in rules if r.name == rule], candidates)
    return [instances[i] for i in chosen.instances] if chosen.rule is not None else []


def _candidate(instance: KeptInstance, rules: Sequence[Rule]) -> Candidate:
    """Header for the rules; an instance that was kept but cannot be read any more matches by nothing."""
    try:
        ds = read_header(instance.path, header_elements(rules))
    except NodeError:
        ds = Dataset()
    return Candidate(ds=ds, calling_ae_title=instance.calling_ae_title)
