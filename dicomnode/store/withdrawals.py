"""Answers and their withdrawal: which of a study's answers stand, and what is taken back when one no longer does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dicomnode.errors import TransientError
from dicomnode.records import Answer, Holding, Job, JobState, Outcome, ResultInstance, Stage, WithdrawalReason
from dicomnode.store.engine import read, write
from dicomnode.store.files import FileStore, file_digest
from dicomnode.store.jobs import SUPERSEDED, finish, is_held, lock
from dicomnode.store.results import (
    DeliveryState,
    NewResult,
    ResultStore,
    finish_job,
    insert_deliveries,
    insert_result,
    result_of,
)
from dicomnode.store.retractions import retract
from dicomnode.store.schema import answers, deliveries, jobs, results, studies

NOTE = "rejection"
"""Roles of rejection notes begin with this word."""
_HIGH = 1
"""C-STORE Priority (0000,0700) of rejection notes."""
_REFUSALS = ("PEER_", "C-STORE status")
"""So begins the reason of a delivery of which the peer surely holds nothing."""

MakeNotes = Callable[[Answer, Sequence[ResultInstance], Sequence[Holding]], Sequence[NewResult]]
"""Composes the rejection notes of an answer with these results, each for the destinations that it names.

Called inside the transaction of the withdrawal: it must not ask the database.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """An answer that is about to be kept."""

    key: str
    number: int
    replaces: tuple[int, ...]
    """Jobs whose answers it replaces."""
    seen: frozenset[int]
    """Jobs of the study whose answers stood when this one was made."""
    suspects: frozenset[str]
    """Keys of the findings that it suspects: alerts of these are not taken back."""


class Withdrawals:
    """The answers table.

    Does: note what came of a job; withdraw an answer in one transaction with its deliveries, rejection notes and
    alerts.
    Does not: decide that an answer is replaced, compose rejection notes.
    """

    def __init__(self, kept: ResultStore) -> None:
        self._engine = kept.engine
        self._files = kept.files

    def of_study(self, study_instance_uid: str) -> list[Answer]:
        """All answers to a study, the oldest first."""
        return self._answers(jobs.c.study_instance_uid == study_instance_uid)

    def of_job(self, job_id: int) -> Answer | None:
        """The answer that came of a job, None where none has come yet."""
        return next(iter(self._answers(jobs.c.id == job_id)), None)

    def overdue(self) -> list[int]:
        """Jobs that read what counts no more, whose answers stand all the same."""
        stands = answers.c.withdrawn_at.is_(None)
        query = sa.select(jobs.c.id).join_from(jobs, answers, jobs.c.id == answers.c.job_id)
        with read(self._engine) as connection:
            rows = connection.execute(query.where((jobs.c.withdrawal != "") & stands).order_by(jobs.c.id))
            return [row.id for row in rows]

    def withdraw(self, job_id: int, reason: WithdrawalReason, make_notes: MakeNotes, *, now: dt.datetime) -> bool:
        """Withdraw an answer that nothing takes the place of.

        Returns
        -------
        bool
            False where the job has no answer, or it was withdrawn before: then nothing happens.

        Raises
        ------
        OSError
            If a rejection note could not be written; nothing was changed.
        """
        with write(self._engine) as connection:
            lock(connection, jobs.c.id == job_id)
            answer = _standing(connection, job_id)
            if answer is None:
                return False
            self._withdraw(connection, answer, _Why(reason, None, frozenset()), make_notes, now)
            return True

    def succeed(
        self, job: Job, new: NewAnswer, make_notes: MakeNotes, *, now: dt.datetime
    ) -> Callable[[Connection], None]:
        """What keeps an answer and withdraws those that it replaces, inside the transaction of `ResultStore.keep`."""

        def apply(connection: Connection) -> None:
            # Two answers to one study that are kept at once must see each other.
            study = studies.c.study_instance_uid == job.study_instance_uid
            connection.execute(sa.select(studies.c.revision).where(study).with_for_update())
            if new.seen != _standing_of_study(connection, job):
                raise TransientError("another answer to the study was kept or withdrawn meanwhile")
            row = {"job_id": job.id, "key": new.key, "number": new.number}
            connection.execute(sa.insert(answers).values(**row))
            why = _Why(WithdrawalReason.REPLACED, job.id, new.suspects)
            for job_id in new.replaces:
                answer = _standing(connection, job_id)
                if answer is not None:
                    self._withdraw(connection, answer, why, make_notes, now)

        return apply

    def overtaken(self, job: Job, by: int, *, now: dt.datetime) -> None:
        """End a claimed job without an answer, since a later one has answered the study."""
        reason = f"{SUPERSEDED}: job {by}, which is later, has answered the study"
        with write(self._engine) as connection:
            if lock(connection, is_held(job)):
                finish(connection, job.id, state=JobState.CANCELED, now=now, reason=reason)

    def _answers(self, condition: sa.ColumnElement[bool]) -> list[Answer]:
        with read(self._engine) as connection:
            return [_answer(row) for row in connection.execute(_query().where(condition).order_by(jobs.c.id))]

    def _withdraw(
        self, connection: Connection, answer: Answer, why: _Why, make_notes: MakeNotes, now: dt.datetime
    ) -> None:
        job_id = answer.job_id
        holdings = _holdings(connection, job_id, self._files)
        _cancel_deliveries(connection, job_id, why.reason, now)
        connection.execute(
            sa.update(answers)
            .where(answers.c.job_id == job_id)
            .values(withdrawn_at=now, withdrawal=why.reason, replaced_by=why.by)
        )
        is_noted = False
        for note in make_notes(answer, _results(connection, job_id, self._files), holdings):
            name = self._files.keep(file_digest(note.encoded), note.encoded)
            result_id = insert_result(connection, job_id, note, name)
            insert_deliveries(connection, job_id, result_id, note.destinations or (), priority=_HIGH, now=now)
            is_noted = is_noted or bool(note.destinations)
        _reopen_or_finish(connection, job_id, why, is_noted=is_noted, now=now)
        retract(connection, _chain(connection, job_id), still=why.suspects, reason=why.reason, now=now)


@dataclass(frozen=True, slots=True)
class _Why:
    reason: WithdrawalReason
    by: int | None
    suspects: frozenset[str]


def is_note(role: str) -> bool:
    """Whether a result is a rejection note of the others."""
    return role.split(".", 1)[0] == NOTE


def _query() -> sa.Select[Any]:
    columns = (jobs.c.outcome, jobs.c.started_at, jobs.c.created_at)
    return sa.select(answers, *columns).join_from(answers, jobs, answers.c.job_id == jobs.c.id)


def answer_of(connection: Connection, job_id: int) -> Answer | None:
    """As `Withdrawals.of_job`, inside the caller's transaction."""
    row = connection.execute(_query().where(answers.c.job_id == job_id)).first()
    return None if row is None else _answer(row)


def _standing(connection: Connection, job_id: int) -> Answer | None:
    answer = answer_of(connection, job_id)
    return answer if answer is not None and answer.stands else None


def _standing_of_study(connection: Connection, job: Job) -> frozenset[int]:
    """Other jobs of the study whose answers stand."""
    others = (jobs.c.study_instance_uid == job.study_instance_uid) & (jobs.c.id != job.id)
    rows = connection.execute(_query().where(others & answers.c.withdrawn_at.is_(None)))
    return frozenset(row.job_id for row in rows)


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        job_id=row.job_id,
        key=row.key,
        number=row.number,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        answered_at=row.started_at or row.created_at,
        withdrawn_at=row.withdrawn_at,
        withdrawal=None if row.withdrawal is None else WithdrawalReason(row.withdrawal),
        replaced_by=row.replaced_by,
    )


def _chain(connection: Connection, job_id: int) -> frozenset[int]:
    """The job and all whose answers it replaced, directly or not: what they alerted of and was not taken back."""
    chain, newest = {job_id}, {job_id}
    while newest:
        replaced = sa.select(answers.c.job_id).where(answers.c.replaced_by.in_(newest))
        newest = {row.job_id for row in connection.execute(replaced)} - chain
        chain |= newest
    return frozenset(chain)


def _results(connection: Connection, job_id: int, files: FileStore) -> list[ResultInstance]:
    query = sa.select(results).where(results.c.job_id == job_id).order_by(results.c.id)
    return [result_of(row, files) for row in connection.execute(query)]


def _holdings(connection: Connection, job_id: int, files: FileStore) -> list[Holding]:
    """What the destinations of a job hold of its results, and what they may hold; those that hold alike together."""
    query = (
        sa.select(results, deliveries.c.destination, deliveries.c.state, deliveries.c.reason.label("why"))
        .add_columns(deliveries.c.attempts, deliveries.c.lease_until)
        .join_from(results, deliveries, deliveries.c.result_id == results.c.id)
        .where(results.c.job_id == job_id)
        .order_by(results.c.id)
    )
    held: dict[tuple[str, bool], list[ResultInstance]] = {}
    for row in connection.execute(query):
        is_held = row.state == DeliveryState.HELD
        if not is_note(row.role) and (is_held or _may_have_arrived(row)):
            held.setdefault((row.destination, is_held), []).append(result_of(row, files))
    alike: dict[tuple[bool, tuple[ResultInstance, ...]], list[str]] = {}
    for (destination, is_certain), instances in held.items():
        alike.setdefault((is_certain, tuple(instances)), []).append(destination)
    return [
        Holding(destinations=tuple(names), instances=instances, is_certain=is_certain)
        for (is_certain, instances), names in alike.items()
    ]


def _may_have_arrived(row: Row[Any]) -> bool:
    """Whether an object left, or is leaving now, and nobody said yet whether the peer has it."""
    if row.state != DeliveryState.WAITING or not row.attempts:
        return False
    return row.lease_until is not None or not row.why.startswith(_REFUSALS)


def _cancel_deliveries(connection: Connection, job_id: int, reason: WithdrawalReason, now: dt.datetime) -> None:
    not_held = deliveries.c.state.in_((DeliveryState.WAITING, DeliveryState.FAILED))
    values = {"state": DeliveryState.CANCELED, "ended_at": now, "reason": f"WITHDRAWN: {reason.words}"}
    free = {"lease_owner": None, "lease_until": None}
    connection.execute(sa.update(deliveries).where((deliveries.c.job_id == job_id) & not_held).values(**values, **free))


def _reopen_or_finish(connection: Connection, job_id: int, why: _Why, *, is_noted: bool, now: dt.datetime) -> None:
    """Let a job whose rejection notes are to be sent go on; end one that only waited for what was canceled."""
    by = f" (job {why.by})" if why.by is not None else ""
    reason = f"WITHDRAWN: {why.reason.words}{by}"
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(reason=reason))
    if is_noted:
        # Deliveries are claimed of jobs in progress; as the older job its notes go before what replaces it.
        again = {"state": JobState.IN_PROGRESS, "stage": Stage.SEND, "ended_at": None, "due_at": jobs.c.created_at}
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**again))
        return
    is_held = (deliveries.c.job_id == job_id) & (deliveries.c.state == DeliveryState.HELD)
    if connection.execute(sa.select(deliveries.c.id).where(is_held).limit(1)).first() is not None:
        finish_job(connection, job_id, now)
    elif lock(connection, (jobs.c.id == job_id) & (jobs.c.state == JobState.IN_PROGRESS)):
        finish(connection, job_id, state=JobState.CANCELED, now=now)
