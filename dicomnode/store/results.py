"""Results and their way to each destination."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import OperationalError

from dicomnode.errors import TransientError
from dicomnode.records import Acuity, AlertContent, Delivery, Job, JobState, Outcome, ResultInstance
from dicomnode.store.alerts import insert_alerts
from dicomnode.store.files import FileStore
from dicomnode.store.jobs import composed, finish, is_emergent, is_held, lock
from dicomnode.store.schema import answers, deliveries, jobs, results


class DeliveryState(StrEnum):
    """Where one result stands on its way to one destination."""

    WAITING = "WAITING"
    HELD = "HELD"
    """The peer answered that it holds the instance."""
    FAILED = "FAILED"
    """Given up; `dicomnode jobs retry` tries again."""
    CANCELED = "CANCELED"
    """The answer was withdrawn before the peer held it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResult:
    """One object to keep."""

    role: str
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    encoded: bytes
    """A whole DICOM file."""
    destinations: tuple[str, ...] | None = None
    """Those of the job's destinations that get it; None: all."""


class ResultStore:
    """The results and deliveries tables and the files behind them.

    Does: keep a job's results at once with their deliveries, hand deliveries out by lease, record each answer.
    Does not: open associations, compose objects.
    """

    def __init__(self, engine: Engine, files: FileStore) -> None:
        self._engine = self.engine = engine
        self._files = self.files = files

    def keep(
        self,
        job: Job,
        new: Sequence[NewResult],
        *,
        succeed: Callable[[Connection], None] | None = None,
        acuity: Acuity,
        outcome: Outcome,
        reason: str,
        priority: int,
        now: dt.datetime,
        alerts: Mapping[str, AlertContent] | None = None,
    ) -> None:
        """Keep the results of a job: all of them with their deliveries, alerts and the job's new stage, or nothing.

        A job that was canceled meanwhile, or that another worker took, keeps nothing.

        Parameters
        ----------
        succeed
            Notes the answer and withdraws those that it replaces, in the same transaction (`store.withdrawals`).
        alerts
            What each alert channel is to be told.

        Raises
        ------
        TransientError
            If the disk is full or the index cannot be written.
        """
        with _told_clearly():
            names = {result.role: self._files.keep(file_digest(result.encoded), result.encoded) for result in new}
            with self._engine.begin() as connection:
                if not lock(connection, is_held(job)):
                    return
                if connection.execute(sa.select(results.c.id).where(results.c.job_id == job.id)).first() is None:
                    if succeed is not None:
                        succeed(connection)
                    for result in new:
                        result_id = insert_result(connection, job.id, result, names[result.role])
                        gets = _gets(result, job)
                        insert_deliveries(connection, job.id, result_id, gets, priority=priority, now=now)
                    insert_alerts(connection, job, alerts or {}, now=now)
                composed(connection, job.id, acuity=acuity, outcome=outcome, reason=reason)
                if not any(_gets(result, job) for result in new):
                    finish(connection, job.id, state=JobState.COMPLETED, now=now)

    def of_job(self, job_id: int) -> list[ResultInstance]:
        """Results of a job in the order they were composed."""
        query = sa.select(results).where(results.c.job_id == job_id).order_by(results.c.id)
        with self._engine.begin() as connection:
            return [self._record(row) for row in connection.execute(query)]

    def of_study(self, study_instance_uid: str) -> list[ResultInstance]:
        """Results of the last answer to a study that still stands."""
        withdrawn = sa.select(answers.c.job_id).where(answers.c.withdrawn_at.is_not(None))
        last = (
            sa.select(sa.func.max(results.c.job_id))
            .join_from(results, jobs, results.c.job_id == jobs.c.id)
            .where((jobs.c.study_instance_uid == study_instance_uid) & results.c.job_id.not_in(withdrawn))
        )
        with self._engine.begin() as connection:
            job_id = connection.execute(last).scalar()
        return [] if job_id is None else self.of_job(job_id)

    def claim(self, owner: str, *, destination: str, lease_s: float, now: dt.datetime) -> list[Delivery]:
        """Take all that waits of one job for this destination: emergent ones first, then by priority and due time."""
        free = sa.or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until < now)
        open_ = jobs.c.state == JobState.IN_PROGRESS
        here = (deliveries.c.destination == destination) & (deliveries.c.state == DeliveryState.WAITING)
        ready = here & (deliveries.c.not_before <= now) & free & open_
        by_priority = [(deliveries.c.priority == 1, 1), (deliveries.c.priority == 0, 2)]
        urgency = sa.case((is_emergent(), 0), *by_priority, else_=3)
        first = (
            sa.select(deliveries.c.job_id)
            .join_from(deliveries, jobs, deliveries.c.job_id == jobs.c.id)
            .where(ready)
            .order_by(urgency, jobs.c.due_at, deliveries.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        lease = {"lease_owner": owner, "lease_until": now + dt.timedelta(seconds=lease_s)}
        with self._engine.begin() as connection:
            job_id = connection.execute(first).scalar()
            if job_id is None:
                return []
            waiting = here & free & (deliveries.c.job_id == job_id)
            taken = sa.update(deliveries).where(waiting).values(**lease, attempts=deliveries.c.attempts + 1)
            ids = [row.id for row in connection.execute(taken.returning(deliveries.c.id))]
            return self._claimed(connection, deliveries.c.id.in_(ids))

    def _claimed(self, connection: Connection, condition: sa.ColumnElement[bool]) -> list[Delivery]:
        query = (
            sa.select(deliveries.c.id.label("delivery_id"), deliveries, results)
            .join_from(deliveries, results, deliveries.c.result_id == results.c.id)
            .where(condition)
            .order_by(results.c.id)
        )
        return [
            Delivery(
                id=row.delivery_id,
                job_id=row.job_id,
                destination=row.destination,
                result=self._record(row),
                attempts=row.attempts,
                priority=row.priority,
                created_at=row.created_at,
            )
            for row in connection.execute(query)
        ]

    def must_give_way(self, delivery: Delivery, *, now: dt.datetime) -> bool:
        """Whether results of an emergent study wait for the destination to which this one of a lesser is going."""
        free = sa.or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until < now)
        here = (deliveries.c.destination == delivery.destination) & (deliveries.c.state == DeliveryState.WAITING)
        ready = here & (deliveries.c.not_before <= now) & free & (jobs.c.state == JobState.IN_PROGRESS)
        waiting = sa.select(deliveries.c.id).join_from(deliveries, jobs, deliveries.c.job_id == jobs.c.id)
        ours = sa.select(jobs.c.id).where((jobs.c.id == delivery.job_id) & is_emergent())
        with self._engine.begin() as connection:
            if connection.execute(waiting.where(ready & is_emergent()).limit(1)).first() is None:
                return False
            return connection.execute(ours).first() is None

    def put_back(self, group: Sequence[Delivery]) -> None:
        """Let deliveries that were claimed but not tried wait as before."""
        before = {"attempts": deliveries.c.attempts - 1, "lease_owner": None, "lease_until": None}
        with self._engine.begin() as connection:
            claimed = deliveries.c.id.in_([delivery.id for delivery in group])
            connection.execute(sa.update(deliveries).where(claimed).values(**before))

    def release_leases(self, owner: str) -> int:
        """Give back what a former process of this name held when it died."""
        held = deliveries.c.lease_owner == owner
        with self._engine.begin() as connection:
            freed = sa.update(deliveries).where(held).values(lease_owner=None, lease_until=None)
            return connection.execute(freed).rowcount

    def held(self, delivery: Delivery, *, now: dt.datetime) -> None:
        """Note that the peer holds the instance; the last one completes the job."""
        self._end(delivery, DeliveryState.HELD, reason="", now=now)

    def failed(self, delivery: Delivery, *, reason: str, now: dt.datetime) -> None:
        """Give a delivery up; the job is canceled once its other deliveries have ended."""
        self._end(delivery, DeliveryState.FAILED, reason=reason, now=now)

    def postpone(self, delivery: Delivery, *, not_before: dt.datetime, reason: str) -> None:
        """Let a delivery wait and run again."""
        values = {"not_before": not_before, "reason": reason, "lease_owner": None, "lease_until": None}
        with self._engine.begin() as connection:
            connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery.id).values(**values))

    def _end(self, delivery: Delivery, state: DeliveryState, *, reason: str, now: dt.datetime) -> None:
        values = {"state": state, "reason": reason, "ended_at": now, "lease_owner": None, "lease_until": None}
        # A withdrawal cancels what is on its way; that the peer took it all the same is noted, that it did not is not.
        over = (DeliveryState.CANCELED,) if state is not DeliveryState.HELD else ()
        ours = (deliveries.c.id == delivery.id) & deliveries.c.state.not_in(over)
        with self._engine.begin() as connection:
            # Two destinations may end a job's last deliveries at once: the second must see the first.
            lock(connection, jobs.c.id == delivery.job_id)
            connection.execute(sa.update(deliveries).where(ours).values(**values))
            finish_job(connection, delivery.job_id, now)

    def fail_other_destinations(self, known: Collection[str], *, now: dt.datetime) -> int:
        """Give up what waits for a destination that is no longer known, and return how much that was."""
        gone = (deliveries.c.state == DeliveryState.WAITING) & deliveries.c.destination.not_in(list(known))
        values = {"state": DeliveryState.FAILED, "ended_at": now, "reason": "no longer in the settings"}
        with self._engine.begin() as connection:
            given_up = sa.update(deliveries).where(gone).values(**values).returning(deliveries.c.job_id)
            job_ids = [row.job_id for row in connection.execute(given_up)]
            for job_id in sorted(set(job_ids)):
                finish_job(connection, job_id, now)
        return len(job_ids)

    def retry(self, job_id: int, *, now: dt.datetime) -> bool:
        """Let every delivery of a job that was given up wait again; whether there was any."""
        given_up = (deliveries.c.job_id == job_id) & (deliveries.c.state == DeliveryState.FAILED)
        fresh = {"state": DeliveryState.WAITING, "attempts": 0, "not_before": now, "created_at": now, "reason": ""}
        with self._engine.begin() as connection:
            return connection.execute(sa.update(deliveries).where(given_up).values(**fresh)).rowcount > 0

    def deliveries_of(self, job_id: int) -> list[dict[str, Any]]:
        """Every result of a job with its state at every destination."""
        columns = (deliveries.c.destination, deliveries.c.state, deliveries.c.attempts, deliveries.c.reason)
        query = (
            sa.select(results.c.role, results.c.sop_instance_uid, *columns)
            .join_from(results, deliveries, deliveries.c.result_id == results.c.id, isouter=True)
            .where(results.c.job_id == job_id)
            .order_by(results.c.id, deliveries.c.destination)
        )
        with self._engine.begin() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def _record(self, row: Row[Any]) -> ResultInstance:
        return result_of(row, self._files)


def result_of(row: Row[Any], files: FileStore) -> ResultInstance:
    """Record of a row of the results table."""
    return ResultInstance(
        role=row.role,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        series_instance_uid=row.series_instance_uid,
        path=files.path(row.path),
    )


def file_digest(content: bytes) -> str:
    """Name under which a result is kept."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _told_clearly() -> Iterator[None]:
    """Say in one sentence what kept results from being written; it may work another time."""
    try:
        yield
    except OSError as error:
        raise TransientError(f"the results cannot be written: {error.strerror}") from None
    except OperationalError as error:
        raise TransientError(f"the index cannot be written ({type(error.orig).__name__})") from None


def insert_result(connection: Connection, job_id: int, result: NewResult, name: str) -> int:
    """Add a result whose file has this name, inside the caller's transaction, and return its number."""
    row = sa.insert(results).values(
        job_id=job_id,
        role=result.role,
        sop_instance_uid=result.sop_instance_uid,
        sop_class_uid=result.sop_class_uid,
        series_instance_uid=result.series_instance_uid,
        path=name,
    )
    return int(connection.execute(row.returning(results.c.id)).scalar_one())


def _gets(result: NewResult, job: Job) -> tuple[str, ...]:
    """The job's destinations that get a result."""
    return tuple(d for d in job.destinations if result.destinations is None or d in result.destinations)


def insert_deliveries(
    connection: Connection,
    job_id: int,
    result_id: int,
    destinations: Sequence[str],
    *,
    priority: int,
    now: dt.datetime,
) -> None:
    """Let a result wait for its destinations, inside the caller's transaction."""
    for destination in destinations:
        row = {
            "job_id": job_id,
            "result_id": result_id,
            "destination": destination,
            "state": DeliveryState.WAITING,
            "priority": priority,
            "attempts": 0,
            "not_before": now,
            "created_at": now,
            "reason": "",
        }
        connection.execute(sa.insert(deliveries).values(**row))


def finish_job(connection: Connection, job_id: int, now: dt.datetime) -> None:
    """End the job once none of its deliveries waits, inside the caller's transaction.

    Completed only if every peer holds everything that it was to get.
    """
    query = sa.select(deliveries.c.state, deliveries.c.destination, deliveries.c.reason)
    rows = connection.execute(query.where(deliveries.c.job_id == job_id).order_by(deliveries.c.id)).all()
    is_open = lock(connection, (jobs.c.id == job_id) & (jobs.c.state == JobState.IN_PROGRESS))
    if not is_open or any(row.state == DeliveryState.WAITING for row in rows):
        return
    failed = [row for row in rows if row.state == DeliveryState.FAILED]
    if not failed:
        finish(connection, job_id, state=JobState.COMPLETED, now=now)
        return
    reason = f"QUARANTINED: {len(failed)} of {len(rows)} deliveries failed; {failed[0].destination}: {failed[0].reason}"
    finish(connection, job_id, state=JobState.CANCELED, now=now, reason=reason)
