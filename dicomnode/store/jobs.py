"""The jobs table."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from dicomnode.errors import PermanentError
from dicomnode.records import Acuity, Job, JobState, Outcome, Stage
from dicomnode.store import leases
from dicomnode.store.engine import read, upsert, write
from dicomnode.store.inputs import InputStore, JobInputs
from dicomnode.store.schema import answers, jobs, studies

OPEN_STATES = (JobState.SCHEDULED, JobState.IN_PROGRESS)
SUPERSEDED = "SUPERSEDED"
"""How the reason of a job begins whose place a newer revision took."""
_NO_INPUTS: Mapping[str, JobInputs] = MappingProxyType({})


class JobStore:
    """The jobs table.

    Does: add a job for a complete study, claim one with a lease, record how far it is and how it ended.
    Does not: read pixels, open associations, decide when a study is complete.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        *new: dict[str, Any],
        last_instance_at: dt.datetime,
        study_instance_uid: str = "",
        inputs: Mapping[str, JobInputs] = _NO_INPUTS,
    ) -> bool:
        """Add the jobs of a study with what each reads and end the study's waiting: all of it or nothing.

        Parameters
        ----------
        new
            Column values but id, see `new_job`: one for each patient whose images the study holds.
        last_instance_at
            The newest instance the planner saw; if the study has grown since, nothing happens.
        study_instance_uid
            Needed only where nothing of the study is left to be read.
        inputs
            Job key to what the job reads.

        Returns
        -------
        bool
            Whether the study was still as the planner saw it.
        """
        uid = study_instance_uid or new[0]["study_instance_uid"]
        seen = (studies.c.study_instance_uid == uid) & (studies.c.last_instance_at == last_instance_at)
        revision = new[0]["revision"] if new else ""
        done = sa.update(studies).where(seen).values(is_waiting=False, revision=revision, patients=len(new))
        with write(self._engine) as connection:
            if connection.execute(done).rowcount == 0:
                return False
            keys = {job["key"]: _live_key(connection, job["key"]) for job in new}
            _supersede(connection, uid, list(keys.values()))
            for job in new:
                _insert(connection, job | {"key": keys[job["key"]]}, inputs.get(job["key"]))
        return True

    def claim(
        self,
        owner: str,
        *,
        lease_s: float,
        now: dt.datetime,
        longest_wait_s: float = leases.LONGEST_WAIT_S,
        takes_over: bool = True,
    ) -> Job | None:
        """Take the job that comes first: emergent ones, then those still to be triaged, then by due time.

        An emergent study stands before all that wait, however long they have: no due time that has passed overtakes
        it. It stands before triage as well, or two hundred new studies would hold it up. Where nothing is known to be
        emergent, triage looks for what is.

        Parameters
        ----------
        longest_wait_s, takes_over
            As in `store.leases`.
        """
        ready = jobs.c.state.in_(OPEN_STATES) & (jobs.c.stage != Stage.SEND)
        ready &= leases.is_due(jobs, now=now, longest_wait_s=longest_wait_s)
        ready &= leases.is_free(jobs, now=now, takes_over=takes_over)
        precedence = sa.case((is_emergent(), 0), (jobs.c.stage == Stage.TRIAGE, 1), else_=2)
        first = sa.select(jobs.c.id).where(ready).order_by(precedence, jobs.c.due_at, jobs.c.id).limit(1)
        if not leases.look(self._engine, jobs, first, lease_s=lease_s, now=now):
            return None
        started_at = sa.func.coalesce(jobs.c.started_at, sa.literal(now, jobs.c.started_at.type))
        values = {"state": JobState.IN_PROGRESS, "started_at": started_at}
        with write(self._engine) as connection:
            this = jobs.c.id == first.with_for_update(skip_locked=True).scalar_subquery()
            rows = leases.take(connection, jobs, this, owner, lease_s=lease_s, now=now, values=values)
        return to_job(rows[0]) if rows else None

    def renew(self, job: Job, *, lease_s: float, now: dt.datetime) -> bool:
        """Hold a claimed job for a lease more; False where it was canceled or somebody else took it."""
        return leases.renew(self._engine, jobs, is_held(job), lease_s=lease_s, now=now) > 0

    def release_leases(self, owner: str, *, reason: str = "") -> int:
        """Give back what a former process of this name held when it died, with the reason of its death where known."""
        return leases.release(self._engine, jobs, owner, **({"reason": reason} if reason else {}))

    def enter(self, job: Job, stage: Stage, *, lease_s: float, now: dt.datetime) -> bool:
        """Note that the claimed job has reached a stage, and renew its lease; False where it is held no more."""
        return self._update(job, stage=stage, lease_until=now + dt.timedelta(seconds=lease_s))

    def triaged(self, job: Job, *, acuity: Acuity, due_at: dt.datetime) -> bool:
        """Put the job back into the queue at the place that its acuity gives it; False where it is held no more."""
        fresh = {"attempts": 0, "deferrals": 0, "not_before": leases.AT_ONCE, "reason": ""}
        return self._update(job, **_released(stage=Stage.INFER, acuity=acuity, due_at=due_at, **fresh))

    def postpone(
        self, job: Job, *, not_before: dt.datetime, reason: str, attempts: int, deferrals: int | None = None
    ) -> bool:
        """Let the job wait and run again; False where it is held no more.

        Parameters
        ----------
        attempts, deferrals
            How many tries it has had and how often in a row it was put off; None: as often as before.
        """
        counts = {"attempts": attempts, "deferrals": job.deferrals if deferrals is None else deferrals}
        return self._update(job, **_released(not_before=not_before, reason=reason, **counts))

    def cancel(self, job_id: int, *, reason: str, now: dt.datetime) -> None:
        """Stop a job for good, until an operator retries it.

        Raises
        ------
        PermanentError
            If there is no such job, or it has ended.
        """
        self._change(job_id, OPEN_STATES, "has ended", state=JobState.CANCELED, ended_at=now, reason=reason)

    def retry(self, job_id: int) -> None:
        """Put a canceled job back into the queue.

        Raises
        ------
        PermanentError
            If there is no such job, it was not canceled, a newer revision of the study took its place, or its results
            are not valid any more.
        """
        job = self.get(job_id)
        if job is not None and job.reason.startswith(SUPERSEDED):
            raise PermanentError(f"job {job_id} cannot be retried: a newer job reads the same images")
        if job is not None and job.withdrawal:
            raise PermanentError(f"job {job_id} cannot be retried: {job.withdrawal}")
        if job is not None and job.state is JobState.COMPLETED:
            raise PermanentError(
                f"job {job_id} has nothing to retry; `dicomnode jobs resend` sends its results again, `dicomnode jobs "
                "reread` reads its study again"
            )
        states = (JobState.CANCELED,)
        # What is composed only needs sending, and deliveries are claimed of jobs in progress.
        state = sa.case((jobs.c.stage == Stage.SEND, JobState.IN_PROGRESS), else_=JobState.SCHEDULED)
        fresh = {"state": state, "attempts": 0, "deferrals": 0, "not_before": leases.AT_ONCE}
        fresh |= {"ended_at": None, "reason": ""}
        self._change(job_id, states, "has not ended", **fresh)

    def _change(self, job_id: int, states: Sequence[JobState], otherwise: str, **values: Any) -> None:
        allowed = (jobs.c.id == job_id) & jobs.c.state.in_(states)
        with write(self._engine) as connection:
            if connection.execute(sa.update(jobs).where(allowed).values(**values, **leases.FREE)).rowcount:
                return
            row = connection.execute(sa.select(jobs.c.state).where(jobs.c.id == job_id)).first()
        if row is None:
            raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` lists the jobs")
        raise PermanentError(f"job {job_id} {otherwise}; `dicomnode jobs show {job_id}` shows its state")

    def get(self, job_id: int) -> Job | None:
        """One job, None where there is none of that number."""
        return self._first(jobs.c.id == job_id)

    def withdrawn(self) -> list[Job]:
        """Jobs whose results are not valid any more, oldest first: what was sent of them is to be called back."""
        query = sa.select(jobs).where(jobs.c.withdrawal != "").order_by(jobs.c.id)
        with read(self._engine) as connection:
            return [to_job(row) for row in connection.execute(query)]

    def list(self, *, state: JobState | None = None, study_instance_uid: str | None = None) -> list[dict[str, Any]]:
        """Rows of the table, open jobs in queue order first, then those that ended, newest first."""
        query = sa.select(jobs).order_by(jobs.c.ended_at.desc().nulls_first(), jobs.c.due_at, jobs.c.id)
        if state is not None:
            query = query.where(jobs.c.state == state)
        if study_instance_uid is not None:
            query = query.where(jobs.c.study_instance_uid == study_instance_uid)
        with read(self._engine) as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def _first(self, condition: sa.ColumnElement[bool]) -> Job | None:
        with read(self._engine) as connection:
            row = connection.execute(sa.select(jobs).where(condition)).first()
            return None if row is None else to_job(row)

    def _update(self, job: Job, **values: Any) -> bool:
        """Change a claimed job; one that was canceled meanwhile, or that another worker took, stays as it is."""
        with write(self._engine) as connection:
            return connection.execute(sa.update(jobs).where(is_held(job)).values(**values)).rowcount > 0


def reread_key(key: str, which: str) -> str:
    """Key of a job that reads again what the job of this key has read; `which` tells such jobs apart."""
    return _next_key(key, f"reread {which}")


def _supersede(connection: Connection, study_instance_uid: str, keys: Sequence[str]) -> None:
    """Take jobs of older revisions that have not begun out of the queue: the new ones read all they would."""
    older = (jobs.c.study_instance_uid == study_instance_uid) & jobs.c.key.not_in(keys)
    not_begun = (jobs.c.state == JobState.SCHEDULED) & (jobs.c.stage != Stage.SEND)
    reason = f"{SUPERSEDED}: the study changed before it was read"
    values = {"state": JobState.CANCELED, "ended_at": dt.datetime.now(dt.UTC), "reason": reason}
    connection.execute(sa.update(jobs).where(older & not_begun).values(**values))


def _live_key(connection: Connection, key: str) -> str:
    """The key itself, or the one that follows it where results under it were withdrawn: their UIDs are spent."""
    is_spent = (jobs.c.withdrawal != "") | answers.c.withdrawn_at.is_not(None)
    query = sa.select(jobs.c.id).join_from(jobs, answers, answers.c.job_id == jobs.c.id, isouter=True)
    spent = query.where(is_spent & (jobs.c.key == sa.bindparam("wanted")))
    while connection.execute(spent, {"wanted": key}).first() is not None:
        key = _next_key(key, "withdrawn")
    return key


def _insert(connection: Connection, job: dict[str, Any], inputs: JobInputs | None) -> None:
    """Add a job; the same inputs and bundle make the same key, so that nothing is read twice.

    A job that was taken out of the queue before it began has used up nothing: the new one gets its key.
    """
    superseded = (jobs.c.key == job["key"]) & jobs.c.reason.startswith(SUPERSEDED)
    given_up = connection.execute(sa.select(jobs.c.id).where(superseded)).scalar()
    if given_up is not None:
        retired = _next_key(job["key"], f"superseded {given_up}")
        connection.execute(sa.update(jobs).where(jobs.c.id == given_up).values(key=retired))
    statement = upsert(connection.dialect.name, jobs).values(**job).on_conflict_do_nothing(index_elements=[jobs.c.key])
    job_id = connection.execute(statement.returning(jobs.c.id)).scalar()
    if job_id is not None and inputs is not None:
        InputStore.record(connection, job_id, inputs.read, inputs.beside)


def _next_key(key: str, why: str) -> str:
    return hashlib.sha256(f"{key}\n{why}".encode()).hexdigest()


def _released(**values: Any) -> dict[str, Any]:
    return {"state": JobState.SCHEDULED, **leases.FREE, **values}


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
    refusal: str = "",
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
        "not_before": leases.AT_ONCE,
        "created_at": now,
        "reason": "",
        "refusal": refusal,
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
    values: dict[str, Any] = {"state": state, "ended_at": now, **leases.FREE}
    if reason is not None:
        values["reason"] = reason
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def composed(connection: Connection, job_id: int, *, acuity: Acuity, outcome: Outcome, reason: str) -> None:
    """Note inside the caller's transaction that the job's results exist and only need to be sent."""
    values = {"stage": Stage.SEND, "acuity": acuity, "outcome": outcome, "reason": reason, "attempts": 0}
    fresh = {"deferrals": 0, **leases.FREE}
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values, **fresh))


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
