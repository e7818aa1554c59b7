"""Turns complete studies into jobs."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from pydicom import Dataset

from dicomnode.dicom.elements import text
from dicomnode.dicom.patient import PATIENT_ELEMENTS, patient_of
from dicomnode.dicom.reading import read_header
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import Acuity, Job, KeptInstance, ReasonCode, reason
from dicomnode.schedule.completeness import ArchiveCount, Stopwatch, is_complete
from dicomnode.schedule.patients import by_patient
from dicomnode.schedule.rules import Candidate, Route, header_elements, route
from dicomnode.settings import AcuitySettings, Rule, ScheduleSettings
from dicomnode.store.corrections import CorrectionStore
from dicomnode.store.digests import revision_of
from dicomnode.store.inputs import JobInputs
from dicomnode.store.instances import InstanceStore, WaitingStudy
from dicomnode.store.jobs import JobStore, new_job, reread_key

log = structlog.get_logger()

STAT = frozenset({"STAT", "HIGH"})
"""Values of Requested Procedure Priority (0040,1003) by which the orderer asks for haste."""


Guard = Callable[[str, Callable[[], bool]], bool]
"""Plans the study of a UID; where that fails it says so, and that the study has no job yet."""
_CONTESTED = str(reason(ReasonCode.CONTESTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the planner decides by."""

    schedule: ScheduleSettings
    accepts_corrections: bool = True
    """A correction counts at once; otherwise it waits for the operator's word."""
    rules: Sequence[Rule]
    acuity: AcuitySettings
    default_destinations: tuple[str, ...]
    bundle_digests: Mapping[str, str]
    """Bundle name to digest."""


class Planner:
    """Looks for complete studies and adds a job for each, or one for each patient whose images a study holds.

    Does: complete, tell patients apart, route, key, queue.
    Does not: run jobs.
    """

    def __init__(
        self,
        plan: Plan,
        instances: InstanceStore,
        jobs: JobStore,
        corrections: CorrectionStore,
        archive_count: ArchiveCount | None = None,
        *,
        stopwatch: Stopwatch | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._plan = plan
        self._instances = instances
        self._jobs = jobs
        self._corrections = corrections
        self._archive_count = archive_count
        self._stopwatch = stopwatch or Stopwatch()
        self._guard = guard or _unguarded

    def tick(self, now: dt.datetime) -> int:
        """Add a job for every study that is complete now, and return how many."""
        waiting = self._instances.waiting()
        self._stopwatch.look(waiting)
        return sum(self._try_study(study, now) for study in waiting)

    def _try_study(self, study: WaitingStudy, now: dt.datetime) -> bool:
        """Plan one study; what is wrong with it must not keep the others waiting."""
        return self._guard(study.study_instance_uid, lambda: self._plan_study(study, now))

    def _plan_study(self, study: WaitingStudy, now: dt.datetime) -> bool:
        uid = study.study_instance_uid
        kept: Callable[[], int] = lambda: len(self._instances.in_study(uid))  # noqa: E731  # asked only if it matters
        schedule, waited = self._plan.schedule, self._stopwatch.waited(study, now)
        if not is_complete(study, kept=kept, archive_count=self._archive_count, settings=schedule, waited=waited):
            return False
        return self._add(study, now)

    def plan_again(self, study: WaitingStudy, *, after_job: int, now: dt.datetime) -> bool:
        """Add jobs that read a study anew although nothing of it has changed; False where images arrived meanwhile.

        Parameters
        ----------
        after_job
            Number of the study's last job.
        """
        return self._add(study, now, after_job=after_job)

    def _add(self, study: WaitingStudy, now: dt.datetime, *, after_job: int | None = None) -> bool:
        uid = study.study_instance_uid
        self._corrections.settle(uid, accepts=self._plan.accepts_corrections)
        instances = self._instances.in_study(uid)
        contested = [] if instances else self._instances.kept_beside(uid)
        work = self._work(uid, instances or contested, _CONTESTED if contested else "")
        # A job is as old as its newest instance at least: by that time it knows which are its own.
        made = [(self._job_row(uid, one, _later(now, study)), one) for one in work]
        if after_job is not None:
            made = [(row | {"key": reread_key(str(row["key"]), f"after job {after_job}")}, one) for row, one in made]
        rows = {str(row["key"]): (row, one) for row, one in made}
        added = self._jobs.add(
            *(row for row, _ in rows.values()),
            last_instance_at=study.last_instance_at,
            study_instance_uid=uid,
            inputs={key: one.inputs for key, (_, one) in rows.items()},
        )
        for row, one in rows.values() if added else ():
            log.info("scheduled", study=uid, instances=len(one.inputs.read), rule=row["rule"], bundle=row["bundle"])
        return added

    def _work(self, study: str, instances: Sequence[KeptInstance], why_not: str) -> list[_Work]:
        """What is to be done for a study: one piece for each patient whose images it holds.

        Parameters
        ----------
        why_not
            Why nothing of the study is read; empty: it is.
        """
        candidates = [_candidate(instance, self._plan.rules) for instance in instances]
        groups, elements = by_patient(instances, [one.patient for one in candidates])
        decision = self._plan.schedule.mixed_patients
        if len(groups) > 1:
            log.warning(
                "images of several patients under one Study Instance UID",
                study=study,
                patients=len(groups),
                differ=elements,
                decision=decision,
            )
        found = []
        for group in groups:
            members = [candidates[i] for i in group.indices]
            is_refused = decision == "refuse" or not group.is_certain
            refusal = why_not or _refusal(len(groups), elements, is_refused=is_refused)
            chosen = route(self._plan.rules, members)
            inputs = _inputs([instances[i] for i in group.indices], members, chosen, is_refused=bool(refusal))
            found.append(
                _Work(inputs=inputs, chosen=chosen, refusal=refusal or _lost(members), is_urgent=_is_asked(members))
            )
        return found

    def _job_row(self, study: str, work: _Work, now: dt.datetime) -> dict[str, object]:
        rule = work.chosen.rule
        bundle = rule.bundle if rule is not None and rule.bundle and not work.refusal else None
        digest = self._plan.bundle_digests[bundle] if bundle else ""
        level = Acuity.URGENT if work.is_urgent else Acuity.NON_CRITICAL
        inputs = work.inputs
        return new_job(
            key=job_key(study, revision_of(inputs.read), digest, work.refusal),
            study_instance_uid=study,
            revision=revision_of([*inputs.read, *inputs.beside]),
            rule=rule.name if rule else "",
            bundle=bundle,
            destinations=(rule.destinations if rule else ()) or self._plan.default_destinations,
            due_at=now + dt.timedelta(seconds=self._plan.acuity.levels[level].due_s),
            now=now,
            refusal=work.refusal,
        )


def _unguarded(_study_instance_uid: str, plan: Callable[[], bool]) -> bool:
    return plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One answer to be given: to one patient of a study."""

    inputs: JobInputs
    chosen: Route
    refusal: str
    """As in `Job`."""
    is_urgent: bool
    """The orderer asks for haste."""


def _later(now: dt.datetime, study: WaitingStudy) -> dt.datetime:
    return max(now, study.last_instance_at)


def _refusal(patients: int, elements: Sequence[str], *, is_refused: bool) -> str:
    """Why images are not read that lie with those of other patients; it goes to each of them, and names nobody."""
    if patients == 1 or not is_refused:
        return ""
    if not elements:
        return str(reason(ReasonCode.PATIENTS, patients=patients))
    return str(reason(ReasonCode.PATIENTS_DIFFER, patients=patients, elements=", ".join(elements)))


def _lost(members: Sequence[Candidate]) -> str:
    """Why nothing is read where the node lost every file."""
    is_lost = members and all(one.patient is None for one in members)
    return str(reason(ReasonCode.FILES_LOST, count=len(members))) if is_lost else ""


def _is_asked(members: Sequence[Candidate]) -> bool:
    return any(text(one.ds, "RequestedProcedurePriority") in STAT for one in members)


def _inputs(
    instances: Sequence[KeptInstance], members: Sequence[Candidate], chosen: Route, *, is_refused: bool
) -> JobInputs:
    """What is read of one patient's instances: what the rule matches, and whatever cannot be looked at any more.

    An image that is lost is named as the reason why the study could not be read, not left out in silence.
    """
    matching = set(chosen.instances) | {i for i, one in enumerate(members) if one.patient is None or is_refused}
    return JobInputs(
        read=[one for i, one in enumerate(instances) if i in matching],
        beside=[one for i, one in enumerate(instances) if i not in matching],
    )


def job_key(study_instance_uid: str, inputs: str, bundle_digest: str, refusal: str = "") -> str:
    """SHA-256 over what is read and what reads it: the same work is never done twice.

    Parameters
    ----------
    inputs
        `revision_of` the instances that are read: another rule or another content makes other work of the same study.
    refusal
        Why they are not read after all; empty: they are.
    """
    words = (study_instance_uid, inputs, bundle_digest, *([refusal] if refusal else []))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def due_after_triage(job: Job, acuity: Acuity, settings: AcuitySettings) -> dt.datetime:
    """When a triaged job is due: as its acuity says, but never later than what was asked for before.

    Due times count from the job's creation, so one that waits long overtakes more acute ones that are
    younger: nothing starves.
    """
    by_acuity = job.created_at + dt.timedelta(seconds=settings.levels[acuity].due_s)
    asked_urgently = job.due_at < job.created_at + dt.timedelta(seconds=settings.levels[Acuity.NON_CRITICAL].due_s)
    return min(by_acuity, job.due_at) if asked_urgently else by_acuity


def _candidate(instance: KeptInstance, rules: Sequence[Rule]) -> Candidate:
    """What rules and patients go by, in one read of the header; of an instance that is lost, what the index knows.

    Where a file cannot be read only now, that is an error: the study is planned another time.
    """
    title = instance.calling_ae_title
    try:
        ds = read_header(instance.path, (*header_elements(rules), *PATIENT_ELEMENTS))
        return Candidate(ds=ds, calling_ae_title=title, patient=patient_of(ds))
    except UnsupportedImageError:
        ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = instance.key.sop_class_uid, instance.key.sop_instance_uid
    ds.Modality = instance.key.modality
    return Candidate(ds=ds, calling_ae_title=title)
