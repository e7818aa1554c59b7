"""Which of a study's answers counts: what a new one replaces, and how an answer is withdrawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from pydicom import Dataset
from sqlalchemy.engine import Connection

from dicomnode.compose import ComposeRequest
from dicomnode.compose.rejection import RejectionRequest, rejection_note
from dicomnode.dicom.patient import is_identified, patient_of
from dicomnode.dicom.reading import read_header
from dicomnode.dicom.same_patient import contradiction
from dicomnode.dicom.times import in_zone_of
from dicomnode.errors import LeaseLostError, StorageError, TransientError, UnsupportedImageError
from dicomnode.node.encoding import encoded
from dicomnode.records import (
    Answer,
    Holding,
    Job,
    KeptInstance,
    Outcome,
    ResultInstance,
    Revision,
    WithdrawalReason,
)
from dicomnode.settings import Settings
from dicomnode.store.inputs import InputStore
from dicomnode.store.results import NewResult, ResultStore
from dicomnode.store.withdrawals import NewAnswer, Withdrawals

log = structlog.get_logger()


def withdraw(settings: Settings, results: ResultStore, job_id: int, reason: WithdrawalReason) -> bool:
    """Withdraw the answer of a job wherever it is held, and take back what was alerted of it.

    In one transaction: deliveries that still wait are canceled; destinations that hold results get a rejection note
    (where `send.destinations.NAME.withdraws` says so); alerts that were told are retracted, others canceled. The
    answer stays on disk and in the index, as one that no longer stands. A crash leaves all of it or nothing.

    Returns
    -------
    bool
        False where the job has no answer yet, or it was withdrawn before.

    Raises
    ------
    TransientError
        If a rejection note cannot be written; nothing was changed.
    """
    now = dt.datetime.now(dt.UTC)
    notes = Notes(settings, reason, withdrawn_at=now, replaced_at=None)
    try:
        is_withdrawn = Withdrawals(results).withdraw(job_id, reason, notes, now=now)
    except OSError as error:
        raise TransientError(f"the rejection note cannot be written: {error.strerror}") from None
    if is_withdrawn:
        log.warning("withdrawn", job=job_id, why=reason)
    return is_withdrawn


class Notes:
    """Composes the rejection notes of an answer for those destinations that are told of withdrawals."""

    def __init__(
        self,
        settings: Settings,
        reason: WithdrawalReason,
        *,
        withdrawn_at: dt.datetime,
        replaced_at: dt.datetime | None,
    ) -> None:
        self._settings = settings
        self._reason = reason
        self._withdrawn_at = withdrawn_at
        self._replaced_at = replaced_at

    def __call__(
        self, answer: Answer, results: Sequence[ResultInstance], holdings: Sequence[Holding]
    ) -> list[NewResult]:
        """A note for each set of results that some destinations hold."""
        notes: list[NewResult] = []
        for holding in holdings:
            told = tuple(name for name in holding.destinations if self._is_told(name))
            if not told:
                continue
            header = _Headers(is_needed=True).first_of((*holding.instances, *results))
            if header is None:
                log.error("no result can be read any more: no rejection note", job=answer.job_id, destinations=told)
                continue
            request = RejectionRequest(
                answer=answer,
                instances=holding.instances,
                header=header,
                reason=self._reason,
                replaced_at=self._replaced_at,
                withdrawn_at=self._withdrawn_at,
                number=len(notes) + 1,
                settings=self._settings.compose,
            )
            notes.append(encoded(rejection_note(request), told))
        return notes

    def _is_told(self, destination: str) -> bool:
        peer = self._settings.send.destinations.get(destination)
        return peer is not None and peer.withdraws


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """Where a new answer stands among those to the same study."""

    revision: Revision
    replaces: tuple[Answer, ...]
    previous: tuple[ResultInstance, ...]
    """Results of the last answer about the same patient."""
    seen: frozenset[int]
    """Jobs of the study whose answers stand."""
    overtaken_by: int | None
    """A later job that has answered already."""


class Answers:
    """What the pipeline asks about the other answers to a study.

    Does: number an answer, say which it replaces, keep it with what that entails.
    Does not: read or compose the answer itself.
    """

    def __init__(self, settings: Settings, inputs: InputStore, results: ResultStore) -> None:
        self._settings = settings
        self._inputs = inputs
        self._results = results
        self._withdrawals = Withdrawals(results)

    def succession(self, job: Job, *, is_silent: bool, is_minimal: bool = False) -> Succession:
        """Where the answer to a job stands.

        It replaces the standing answers of earlier jobs that are about the same patient. One that says nothing about
        the patient does not replace one with findings: what was found is not taken away in silence.

        Parameters
        ----------
        is_silent
            Whether its outcome is one of `records.SILENT`.
        is_minimal
            The answer does without headers: one that cannot be read now says nothing, instead of raising.

        Raises
        ------
        StorageError
            If a header cannot be read now.
        """
        headers = _Headers(is_needed=not is_minimal)
        ours = self._inputs.with_beside(job.id)
        header = headers.first_of(ours)
        others = [a for a in self._withdrawals.of_study(job.study_instance_uid) if a.job_id != job.id]
        alike = [a for a in others if self._is_of_same_patient(a, ours, header, headers)]
        earlier = [a for a in alike if a.job_id < job.id]
        standing = [a for a in earlier if a.stands]
        replaces = [a for a in standing if not is_silent or a.outcome is not Outcome.FINDINGS]
        last = earlier[-1] if earlier else None
        beside = [a for a in standing if a not in replaces]
        named = beside[-1] if beside else last
        return Succession(
            revision=Revision(
                number=1 + max((a.number for a in earlier), default=0),
                earlier_at=None if named is None else self._local(named, header),
                replaces=not beside,
            ),
            replaces=tuple(replaces),
            previous=() if last is None or beside else tuple(self._results.of_job(last.job_id)),
            seen=frozenset(a.job_id for a in others if a.stands),
            overtaken_by=next((a.job_id for a in alike if a.job_id > job.id and a.stands), None),
        )

    def succeed(self, job: Job, request: ComposeRequest, succession: Succession) -> Callable[[Connection], None]:
        """What `ResultStore.keep` does in its transaction to let this answer stand, and those before it no longer."""
        now = dt.datetime.now(dt.UTC)
        new = NewAnswer(
            key=request.answer_key,
            number=succession.revision.number,
            replaces=tuple(answer.job_id for answer in succession.replaces),
            seen=succession.seen,
            suspects=frozenset(finding.spec.key for finding in request.report.suspected),
        )
        reason = WithdrawalReason.REPLACED
        notes = Notes(self._settings, reason, withdrawn_at=now, replaced_at=request.started_at)
        return self._withdrawals.succeed(job, new, notes, now=now)

    def overtaken(self, job: Job, by: int) -> LeaseLostError:
        """End a job whose answer comes too late, since a later job has answered the study; the error to raise."""
        self._withdrawals.overtaken(job, by, now=dt.datetime.now(dt.UTC))
        log.info("not kept: a later job has answered the study", by=by)
        return LeaseLostError()

    def _local(self, answer: Answer, header: Dataset | None) -> dt.datetime:
        return in_zone_of(answer.answered_at, header or Dataset(), self._settings.compose.timezone)

    def _is_of_same_patient(
        self, answer: Answer, ours: Sequence[KeptInstance], header: Dataset | None, headers: _Headers
    ) -> bool:
        """Whether an answer is about the patient of a job.

        The planner has told patients apart: two jobs that were made for one image are of one patient. Where they have
        no image in common, both must name the patient; what does not say whose it is may be anybody's in the study.
        """
        theirs = self._inputs.with_beside(answer.job_id)
        if {one.id for one in ours} & {one.id for one in theirs}:
            return True
        filed = headers.first_of(self._results.of_job(answer.job_id))
        is_all_of_study = not ours or not theirs  # made of a study that had no images to read
        if filed is None or header is None:
            return is_all_of_study
        one, other = patient_of(filed), patient_of(header)
        is_named = is_identified(one) and is_identified(other)
        return (is_named or is_all_of_study) and not contradiction(one, other)


class _Headers:
    """Reads the header that says whose some files are."""

    def __init__(self, *, is_needed: bool) -> None:
        self._unreadable = (UnsupportedImageError, *(() if is_needed else (StorageError,)))

    def first_of(self, found: Sequence[KeptInstance | ResultInstance]) -> Dataset | None:
        """The first that identifies the patient, else the first that can be read; None where none can."""
        first = None
        for one in found:
            try:
                ds = read_header(one.path)
            except self._unreadable:
                continue
            if is_identified(patient_of(ds)):
                return ds
            first = first or ds
        return first
