"""Results and their way to each destination."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from dicomnode.errors import TransientError
from dicomnode.records import Acuity, AlertContent, Delivery, Job, JobState, Outcome, ResultInstance, Stage
from dicomnode.store import leases
from dicomnode.store.alerts import insert_alerts
from dicomnode.store.engine import read, write
from dicomnode.store.files import FileStore, file_digest
from dicomnode.store.jobs import composed, finish, is_emergent, is_held, lock
from dicomnode.store.schema import answers, deliveries, jobs, results

PARTLY = "PARTLY DELIVERED"
"""How the note begins in the reason of a job of whose results every destination holds some, but not all hold all."""


_ENDED = (JobState.COMPLETED, JobState.CANCELED)


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
    ) -> bool:
        """Keep the results of a job: all of them with their deliveries, alerts and the job's new stage, or nothing.

        Parameters
        ----------
        succeed
            Notes the answer and withdraws those that it replaces, in the same transaction (`store.withdrawals`).
        alerts
            What each alert channel is to be told.

        Returns
        -------
        bool
            False where nothing was kept: the job was canceled meanwhile, or another worker took it.

        Raises
        ------
        TransientError
            If the disk is full or the index cannot be written.
        """
        names = self._write_files(new)
        with write(self._engine) as connection:
            if not lock(connection, is_held(job)):
                return False
            if connection.execute(sa.select(results.c.id).where(results.c.job_id == job.id)).first() is None:
                if succeed is not None:
                    succeed(connection)
                for result in new:
                    result_id = insert_result(connection, job.id, result, names[result.role])
                    insert_deliveries(connection, job.id, result_id, _gets(result, job), priority=priority, now=now)
                insert_alerts(connection, job, alerts or {}, now=now)
            composed(connection, job.id, acuity=acuity, outcome=outcome, reason=reason)
            if not any(_gets(result, job) for result in new):
                finish(connection, job.id, state=JobState.COMPLETED, now=now)
        return True

    def _write_files(self, new: Sequence[NewResult]) -> dict[str, str]:
        """Role to name of file."""
        try:
            return {result.role: self._files.keep(file_digest(result.encoded), result.encoded) for result in new}
        except OSError as error:
            raise TransientError(f"the results cannot be written: {error.strerror}") from None

    def of_job(self, job_id: int) -> list[ResultInstance]:
        """Results of a job in the order they were composed."""
        query = sa.select(results).where(results.c.job_id == job_id).order_by(results.c.id)
        with read(self._engine) as connection:
            return [self._record(row) for row in connection.execute(query)]

    def of_study(self, study_instance_uid: str) -> list[ResultInstance]:
        """Results of the last answer to a study that still stands."""
        withdrawn = sa.select(answers.c.job_id).where(answers.c.withdrawn_at.is_not(None))
        last = (
            sa.select(sa.func.max(results.c.job_id))
            .join_from(results, jobs, results.c.job_id == jobs.c.id)
            .where((jobs.c.study_instance_uid == study_instance_uid) & (jobs.c.withdrawal == ""))
            .where(results.c.job_id.not_in(withdrawn))
        )
        with read(self._engine) as connection:
            job_id = connection.execute(last).scalar()
        return [] if job_id is None else self.of_job(job_id)

    def claim(
        self,
        owner: str,
        *,
        destination: str,
        lease_s: float,
        now: dt.datetime,
        longest_wait_s: float = leases.LONGEST_WAIT_S,
        takes_over: bool = True,
    ) -> list[Delivery]:
        """Take all that waits of one job for this destination: emergent ones first, then by priority and due time.

        Parameters
        ----------
        longest_wait_s, takes_over
            As in `store.leases`.
        """
        waiting = (deliveries.c.destination == destination) & (deliveries.c.state == DeliveryState.WAITING)
        waiting &= leases.is_free(deliveries, now=now, takes_over=takes_over)
        is_due = leases.is_due(deliveries, now=now, longest_wait_s=longest_wait_s)
        by_priority = [(deliveries.c.priority == 1, 1), (deliveries.c.priority == 0, 2)]
        urgency = sa.case((is_emergent(), 0), *by_priority, else_=3)
        first = (
            sa.select(deliveries.c.job_id)
            .join_from(deliveries, jobs, deliveries.c.job_id == jobs.c.id)
            .where(waiting & is_due & (jobs.c.state == JobState.IN_PROGRESS))
            .order_by(urgency, jobs.c.due_at, deliveries.c.id)
            .limit(1)
        )
        if not leases.look(self._engine, deliveries, first, lease_s=lease_s, now=now):
            return []
        with write(self._engine) as connection:
            job_id = connection.execute(first.with_for_update(skip_locked=True)).scalar()
            if job_id is None:
                return []
            # What of the job waits for its next try goes along: the association is there.
            these = waiting & (deliveries.c.job_id == job_id)
            taken = leases.take(connection, deliveries, these, owner, lease_s=lease_s, now=now)
            return self._claimed(connection, deliveries.c.id.in_([row.id for row in taken]))

    def _claimed(self, connection: Connection, condition: sa.ColumnElement[bool]) -> list[Delivery]:
        query = (
            sa.select(deliveries.c.id.label("delivery_id"), deliveries, results)
            .join_from(deliveries, results, deliveries.c.result_id == results.c.id)
            .where(condition)
            # What broke its association before goes last, so that it holds up nothing else.
            .order_by(deliveries.c.attempts, results.c.id)
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
        here = (deliveries.c.destination == delivery.destination) & (deliveries.c.state == DeliveryState.WAITING)
        ready = leases.is_due(deliveries, now=now, longest_wait_s=leases.LONGEST_WAIT_S)
        ready &= leases.is_free(deliveries, now=now, takes_over=False)
        waiting = sa.select(deliveries.c.id).join_from(deliveries, jobs, deliveries.c.job_id == jobs.c.id)
        emergent = waiting.where(here & ready & (jobs.c.state == JobState.IN_PROGRESS) & is_emergent())
        ours = sa.select(jobs.c.id).where((jobs.c.id == delivery.job_id) & is_emergent())
        with read(self._engine) as connection:
            if connection.execute(emergent.limit(1)).first() is None:
                return False
            return connection.execute(ours).first() is None

    def put_back(
        self, group: Sequence[Delivery], *, not_before: dt.datetime | None = None, reason: str | None = None
    ) -> None:
        """Let deliveries that were claimed but not tried wait again; no try of theirs is used up.

        Parameters
        ----------
        not_before, reason
            None: no pause; the reason that they have.
        """
        values: dict[str, Any] = {
            "attempts": deliveries.c.attempts - 1,
            "not_before": not_before or leases.AT_ONCE,
            **leases.FREE,
        }
        if reason is not None:
            values["reason"] = reason
        with write(self._engine) as connection:
            claimed = deliveries.c.id.in_([delivery.id for delivery in group])
            connection.execute(sa.update(deliveries).where(claimed).values(**values))

    def renew(self, owner: str, group: Sequence[Delivery], *, lease_s: float, now: dt.datetime) -> bool:
        """Hold what is still to be sent of a claimed group for a lease more; False where nothing of it is held."""
        ours = deliveries.c.id.in_([delivery.id for delivery in group]) & (deliveries.c.lease_owner == owner)
        return leases.renew(self._engine, deliveries, ours, lease_s=lease_s, now=now) > 0

    def release_leases(self, owner: str) -> int:
        """Give back what a former process of this name held when it died."""
        return leases.release(self._engine, deliveries, owner)

    def held(self, delivery: Delivery, *, now: dt.datetime) -> None:
        """Note that the peer holds the instance; the last one completes the job."""
        self._end(delivery, DeliveryState.HELD, reason="", now=now)

    def failed(self, delivery: Delivery, *, reason: str, now: dt.datetime) -> None:
        """Give a delivery up; the job is canceled once its other deliveries have ended."""
        self._end(delivery, DeliveryState.FAILED, reason=reason, now=now)

    def postpone(self, delivery: Delivery, *, not_before: dt.datetime, reason: str) -> None:
        """Let a delivery wait and run again."""
        values = {"not_before": not_before, "reason": reason, **leases.FREE}
        with write(self._engine) as connection:
            connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery.id).values(**values))

    def _end(self, delivery: Delivery, state: DeliveryState, *, reason: str, now: dt.datetime) -> None:
        values = {"state": state, "reason": reason, "ended_at": now, **leases.FREE}
        # A withdrawal cancels what is on its way; that the peer took it all the same is noted, that it did not is not.
        over = (DeliveryState.CANCELED,) if state is not DeliveryState.HELD else ()
        ours = (deliveries.c.id == delivery.id) & deliveries.c.state.not_in(over)
        with write(self._engine) as connection:
            # Two destinations may end a job's last deliveries at once: the second must see the first.
            lock(connection, jobs.c.id == delivery.job_id)
            connection.execute(sa.update(deliveries).where(ours).values(**values))
            finish_job(connection, delivery.job_id, now)

    def fail_other_destinations(self, known: Collection[str], *, now: dt.datetime) -> int:
        """Give up what waits for a destination that is no longer known, and return how much that was."""
        gone = (deliveries.c.state == DeliveryState.WAITING) & deliveries.c.destination.not_in(list(known))
        values = {"state": DeliveryState.FAILED, "ended_at": now, "reason": "no longer in the settings"}
        if not leases.is_any(self._engine, deliveries, gone):
            return 0
        with write(self._engine) as connection:
            given_up = sa.update(deliveries).where(gone).values(**values).returning(deliveries.c.job_id)
            job_ids = [row.job_id for row in connection.execute(given_up)]
            for job_id in sorted(set(job_ids)):
                finish_job(connection, job_id, now)
        return len(job_ids)

    def retry(self, job_id: int, *, now: dt.datetime) -> bool:
        """Let every delivery of a job that was given up wait again, and with them the job; whether there was any."""
        given_up = (deliveries.c.job_id == job_id) & (deliveries.c.state == DeliveryState.FAILED)
        fresh = {"state": DeliveryState.WAITING, "attempts": 0, "not_before": leases.AT_ONCE, "created_at": now}
        with write(self._engine) as connection:
            if connection.execute(sa.update(deliveries).where(given_up).values(**fresh, reason="")).rowcount == 0:
                return False
            reopen(connection, job_id)
        return True

    def deliveries_of(self, job_id: int) -> list[dict[str, Any]]:
        """Every result of a job with its state at every destination."""
        columns = (deliveries.c.destination, deliveries.c.state, deliveries.c.attempts, deliveries.c.reason)
        query = (
            sa.select(results.c.role, results.c.sop_instance_uid, *columns)
            .join_from(results, deliveries, deliveries.c.result_id == results.c.id, isouter=True)
            .where(results.c.job_id == job_id)
            .order_by(results.c.id, deliveries.c.destination)
        )
        with read(self._engine) as connection:
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
            "not_before": leases.AT_ONCE,
            "created_at": now,
            "reason": "",
        }
        connection.execute(sa.insert(deliveries).values(**row))


def finish_job(connection: Connection, job_id: int, now: dt.datetime) -> None:
    """End the job once none of its deliveries waits, inside the caller's transaction.

    It is completed where every destination holds some of its results, with a note of what is missing where one does
    not hold all; it is canceled where a destination holds none.
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
    answered = {row.destination for row in rows if row.state == DeliveryState.HELD}
    unanswered = [row for row in failed if row.destination not in answered]
    first = (unanswered or failed)[0]
    what = f"{len(failed)} of {len(rows)} deliveries failed; {first.destination}: {first.reason}"
    if unanswered:
        finish(connection, job_id, state=JobState.CANCELED, now=now, reason=f"QUARANTINED: {what}")
        return
    before = connection.execute(sa.select(jobs.c.reason).where(jobs.c.id == job_id)).scalar_one()
    reason = "; ".join(part for part in (before, f"{PARTLY}: {what}") if part)
    finish(connection, job_id, state=JobState.COMPLETED, now=now, reason=reason)


def reopen(connection: Connection, job_id: int) -> None:
    """Put a job whose results exist back among those that are sent, inside the caller's transaction."""
    ended = (jobs.c.id == job_id) & (jobs.c.stage == Stage.SEND) & jobs.c.state.in_(_ENDED)
    row = connection.execute(sa.select(jobs.c.state, jobs.c.reason).where(ended)).first()
    if row is None:
        return
    # What the reading said stays; that its results were not delivered is over.
    reason = row.reason.partition(PARTLY)[0].removesuffix("; ") if row.state == JobState.COMPLETED else ""
    values = {"state": JobState.IN_PROGRESS, "ended_at": None, "reason": reason, **leases.FREE}
    connection.execute(sa.update(jobs).where(ended).values(**values))
