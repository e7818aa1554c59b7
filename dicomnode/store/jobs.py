"""The jobs table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from dicomnode.errors import PermanentError
from dicomnode.records import Acuity, Job, JobState, Outcome, Stage
from dicomnode.store.engine import upsert
from dicomnode.store.schema import answers, jobs, studies

OPEN_STATES = (JobState.SCHEDULED, JobState.IN_PROGRESS)
SUPERSEDED = "SUPERSEDED"
"""How the reason of a job begins whose place a newer revision took."""


class JobStore:
    """The jobs table.

    Does: add a job for a complete study, claim one with a lease, record how far it is and how it ended.
    Does not: read pixels, open associations, decide when a study is complete.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, job: dict[str, Any], *, last_instance_at: dt.datetime) -> bool:
        """Add a job and end the study's waiting, both or neither.

        Parameters
        ----------
        job
            Column values but id, see `new_job`.
        last_instance_at
            The newest instance the planner saw; if the study has grown since, nothing happens.

        Returns
        -------
        bool
            Whether the study was still as the planner saw it.
        """
        study = studies.c.study_instance_uid == job["study_instance_uid"]
        seen = studies.c.last_instance_at == last_instance_at
        done = sa.update(studies).where(study & seen).values(is_waiting=False, revision=job["revision"])
        with self._engine.begin() as connection:
            if connection.execute(done).rowcount == 0:
                return False
            job = job | {"key": _unused_key(connection, job["key"])}
            _supersede(connection, job)
            # The same study, revision and bundle make the same key: nothing is read twice.
            connection.execute(
                upsert(connection, jobs).values(**job).on_conflict_do_nothing(index_elements=[jobs.c.key])
            )
        return True

    def claim(self, owner: str, *, lease_s: float, now: dt.datetime) -> Job | None:
        """Take the job that comes first: emergent ones, then those still to be triaged, then by due time.

        An emergent study stands before all that wait, however long they have: no due time that has passed overtakes
        it. It stands before triage as well, or two hundred new studies would hold it up. Where nothing is known to be
        emergent, triage looks for what is.
        """
        free = sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now)
        ready = jobs.c.state.in_(OPEN_STATES) & (jobs.c.stage != Stage.SEND) & (jobs.c.not_before <= now) & free
        precedence = sa.case((is_emergent(), 0), (jobs.c.stage == Stage.TRIAGE, 1), else_=2)
        first = (
            sa.select(jobs.c.id)
            .where(ready)
            .order_by(precedence, jobs.c.due_at, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        take = (
            sa.update(jobs)
            .where(jobs.c.id == first.scalar_subquery())
            .values(
                state=JobState.IN_PROGRESS,
                lease_owner=owner,
                lease_until=now + dt.timedelta(seconds=lease_s),
                attempts=jobs.c.attempts + 1,
                started_at=sa.func.coalesce(jobs.c.started_at, sa.literal(now, jobs.c.started_at.type)),
            )
            .returning(jobs)
        )
        with self._engine.begin() as connection:
            row = connection.execute(take).first()
            return None if row is None else to_job(row)

    def release_leases(self, owner: str) -> int:
        """Give back what a former process of this name held when it died."""
        freed = sa.update(jobs).where(jobs.c.lease_owner == owner).values(lease_owner=None, lease_until=None)
        with self._engine.begin() as connection:
            return connection.execute(freed).rowcount

    def enter(self, job: Job, stage: Stage, *, lease_s: float, now: dt.datetime) -> None:
        """Note that the claimed job has reached a stage, and renew its lease."""
        self._update(job, stage=stage, lease_until=now + dt.timedelta(seconds=lease_s))

    def triaged(self, job: Job, *, acuity: Acuity, due_at: dt.datetime) -> None:
        """Put the job back into the queue at the place that its acuity gives it."""
        self._update(job, **_released(stage=Stage.INFER, acuity=acuity, due_at=due_at, attempts=0, reason=""))

    def postpone(self, job: Job, *, not_before: dt.datetime, reason: str, attempts: int) -> None:
        """Let the job wait and run again, as one that has had so many attempts."""
        self._update(job, **_released(not_before=not_before, reason=reason, attempts=attempts))

    def cancel(self, job_id: int, *, reason: str, now: dt.datetime) -> None:
        """Stop a job for good, until an operator retries it.

        Raises
        ------
        PermanentError
            If there is no such job, or it has ended.
        """
        self._change(job_id, OPEN_STATES, "has ended", state=JobState.CANCELED, ended_at=now, reason=reason)

    def retry(self, job_id: int, *, now: dt.datetime) -> None:
        """Put a canceled job back into the queue.

        Raises
        ------
        PermanentError
            If there is no such job, it was not canceled, or a newer revision of the study took its place.
        """
        job = self.get(job_id)
        if job is not None and job.reason.startswith(SUPERSEDED):
            raise PermanentError(f"job {job_id} cannot be retried: a newer job reads all that it would")
        states = (JobState.CANCELED,)
        # What is composed only needs sending, and deliveries are claimed of jobs in progress.
        state = sa.case((jobs.c.stage == Stage.SEND, JobState.IN_PROGRESS), else_=JobState.SCHEDULED)
        fresh = {"state": state, "attempts": 0, "not_before": now, "ended_at": None, "reason": ""}
        self._change(job_id, states, "is not canceled", **fresh)

    def _change(self, job_id: int, states: Sequence[JobState], otherwise: str, **values: Any) -> None:
        allowed = (jobs.c.id == job_id) & jobs.c.state.in_(states)
        values |= {"lease_owner": None, "lease_until": None}
        with self._engine.begin() as connection:
            if connection.execute(sa.update(jobs).where(allowed).values(**values)).rowcount:
                return
            row = connection.execute(sa.select(jobs.c.state).where(jobs.c.id == job_id)).first()
        if row is None:
            raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` shows those there are")
        raise PermanentError(f"job {job_id} {otherwise}: it is {row.state}")

    def get(self, job_id: int) -> Job | None:
        """One job, None where there is none of that number."""
        return self._first(jobs.c.id == job_id)

    def list(self, *, state: JobState | None = None, study_instance_uid: str | None = None) -> list[dict[str, Any]]:
        """Rows of the table, open jobs in queue order first, then those that ended, newest first."""
        query = sa.select(jobs).order_by(jobs.c.ended_at.desc().nulls_first(), jobs.c.due_at, jobs.c.id)
        if state is not None:
            query = query.where(jobs.c.state == state)
        if study_instance_uid is not None:
            query = query.where(jobs.c.study_instance_uid == study_instance_uid)
        with self._engine.begin() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def _first(self, condition: sa.ColumnElement[bool]) -> Job | None:
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(jobs).where(condition)).first()
            return None if row is None else to_job(row)

    def _update(self, job: Job, **values: Any) -> None:
        """Change a claimed job; one that was canceled meanwhile, or that another worker took, stays as it is."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(jobs).where(is_held(job)).values(**values))


def reread_key(key: str, which: str) -> str:
    """Key of a job that reads again what the job of this key has read; `which` tells such jobs apart."""
    return hashlib.sha256(f"{key}\nreread {which}".encode()).hexdigest()


def _unused_key(connection: Connection, key: str) -> str:
    """The key of a job, or another one if what came of it was withdrawn: then the same work is to be done again."""
    number, wanted = 0, key
    while True:
        query = sa.select(answers.c.withdrawn_at).join_from(jobs, answers, jobs.c.id == answers.c.job_id)
        withdrawn_at = connection.execute(query.where(jobs.c.key == wanted)).scalar()
        if withdrawn_at is None:
            return wanted
        number += 1
        wanted = reread_key(key, str(number))


def _supersede(connection: Connection, job: dict[str, Any]) -> None:
    """Take jobs of older revisions that have not begun out of the queue: the new one reads all they would."""
    older = (jobs.c.study_instance_uid == job["study_instance_uid"]) & (jobs.c.key != job["key"])
    not_begun = (jobs.c.state == JobState.SCHEDULED) & (jobs.c.stage != Stage.SEND)
    reason = f"{SUPERSEDED}: more instances of the study arrived before it was read"
    values = {"state": JobState.CANCELED, "ended_at": job["created_at"], "reason": reason}
    connection.execute(sa.update(jobs).where(older & not_begun).values(**values))


def _released(**values: Any) -> dict[str, Any]:
    return {"state": JobState.SCHEDULED, "lease_owner": None, "lease_until": None, **values}


def new_job(
    *,
    key: str,
    study_instance_uid: str,
    revision: str,
    rule: str,
    bundle: str | None,
    destinations: Sequence[str],
    due_at: dt.datetime,
    now: dt.datetime,
) -> dict[str, Any]:
    """Column values of a job that has not begun; without a bundle there is nothing to triage."""
    return {
        "key": key,
        "study_instance_uid": study_instance_uid,
        "revision": revision,
        "rule": rule,
        "bundle": bundle,
        "destinations": list(destinations),
        "state": JobState.SCHEDULED,
        "stage": Stage.INFER if bundle is None else Stage.TRIAGE,
        "due_at": due_at,
        "attempts": 0,
        "not_before": now,
        "created_at": now,
        "reason": "",
    }


def is_emergent() -> sa.ColumnElement[bool]:
    """Condition that triage or reading graded a job so."""
    return jobs.c.acuity == Acuity.EMERGENT


def is_held(job: Job) -> sa.ColumnElement[bool]:
    """Condition that the worker which claimed this job still holds it."""
    claimed = (jobs.c.id == job.id) & (jobs.c.state == JobState.IN_PROGRESS) & (jobs.c.stage != Stage.SEND)
    return claimed & (jobs.c.lease_owner == job.lease_owner)


def lock(connection: Connection, condition: sa.ColumnElement[bool]) -> bool:
    """Hold a job's row until the transaction ends, so that two processes do not end it at once; whether it is there."""
    return connection.execute(sa.select(jobs.c.id).where(condition).with_for_update()).first() is not None


def finish(
    connection: Connection, job_id: int, *, state: JobState, now: dt.datetime, reason: str | None = None
) -> None:
    """End a job inside the caller's transaction; a reason of None keeps the one it has."""
    values: dict[str, Any] = {"state": state, "ended_at": now, "lease_owner": None, "lease_until": None}
    if reason is not None:
        values["reason"] = reason
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def composed(connection: Connection, job_id: int, *, acuity: Acuity, outcome: Outcome, reason: str) -> None:
    """Note inside the caller's transaction that the job's results exist and only need to be sent."""
    values = {"stage": Stage.SEND, "acuity": acuity, "outcome": outcome, "reason": reason, "attempts": 0}
    free = {"lease_owner": None, "lease_until": None}
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values, **free))


def to_job(row: Row[Any]) -> Job:
    """Record of a row."""
    values = dict(row._mapping)
    values.pop("outcome")
    return Job(
        **values
        | {
            "destinations": tuple(row.destinations),
            "state": JobState(row.state),
            "stage": Stage(row.stage),
            "acuity": None if row.acuity is None else Acuity(row.acuity),
        }
    )
