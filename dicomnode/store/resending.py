"""Results that are sent again, as they are, to destinations that have lost them or never had them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dicomnode.errors import PermanentError
from dicomnode.store.engine import write
from dicomnode.store.jobs import lock
from dicomnode.store.results import DeliveryState, ResultStore, insert_deliveries, reopen
from dicomnode.store.schema import deliveries, jobs, results
from dicomnode.store.withdrawals import answer_of, is_note

IsFor = Callable[[str, str], bool]
"""Whether a destination that never had any results of a job gets the result of a role: (destination, role)."""


def resend(
    kept: ResultStore,
    job_id: int,
    destinations: Sequence[str],
    is_for: IsFor,
    *,
    now: dt.datetime,
    is_trial: bool = False,
) -> dict[str, int]:
    """Let the results of a job wait again for some destinations, whether those hold them or not.

    Parameters
    ----------
    destinations
        Names; none: all that the job has sent to, or tried to.
    is_trial
        Only say what would be sent.

    Returns
    -------
    dict
        Destination to the number of results that wait for it now.

    Raises
    ------
    PermanentError
        If there is no such job, it has no results, or they were withdrawn.
    """
    with write(kept.engine) as connection:
        lock(connection, jobs.c.id == job_id)
        _check(connection, job_id)
        roles = _roles(connection, job_id)
        counts = {}
        for name in destinations or _known_destinations(connection, job_id):
            counts[name] = _again(connection, job_id, name, now) or _first(
                connection, job_id, name, {i: r for i, r in roles.items() if is_for(name, r)}, now
            )
        if any(counts.values()):
            reopen(connection, job_id)
        if is_trial:
            connection.rollback()
    return counts


def _check(connection: Connection, job_id: int) -> None:
    state = connection.execute(sa.select(jobs.c.state).where(jobs.c.id == job_id)).scalar()
    if state is None:
        raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` lists the jobs")
    if not _roles(connection, job_id):
        raise PermanentError(f"job {job_id} has no results to send: it is {state}")
    answer = answer_of(connection, job_id)
    if answer is not None and not answer.stands:
        why = f"job {answer.replaced_by} took its place" if answer.replaced_by else "its results were withdrawn"
        raise PermanentError(f"job {job_id} is not sent again: {why}")


def _roles(connection: Connection, job_id: int) -> dict[int, str]:
    """Roles of a job's results by their number, without rejection notes."""
    query = sa.select(results.c.id, results.c.role).where(results.c.job_id == job_id).order_by(results.c.id)
    return {row.id: row.role for row in connection.execute(query) if not is_note(row.role)}


def _known_destinations(connection: Connection, job_id: int) -> list[str]:
    query = sa.select(deliveries.c.destination).where(deliveries.c.job_id == job_id).distinct()
    return sorted(row.destination for row in connection.execute(query))


def _again(connection: Connection, job_id: int, destination: str, now: dt.datetime) -> int:
    """Let what a destination was to get wait once more; what is on its way there already stays so."""
    mine = (deliveries.c.job_id == job_id) & (deliveries.c.destination == destination)
    fresh = {"state": DeliveryState.WAITING, "attempts": 0, "not_before": now, "created_at": now, "reason": ""}
    ended = deliveries.c.state != DeliveryState.WAITING
    connection.execute(sa.update(deliveries).where(mine & ended).values(**fresh, ended_at=None))
    return int(connection.execute(sa.select(sa.func.count()).select_from(deliveries).where(mine)).scalar_one())


def _first(connection: Connection, job_id: int, destination: str, roles: dict[int, str], now: dt.datetime) -> int:
    """Let a destination that the job has never sent to have what it can show."""
    priority = connection.execute(
        sa.select(sa.func.min(deliveries.c.priority)).where(deliveries.c.job_id == job_id)
    ).scalar()
    for result_id in roles:
        insert_deliveries(connection, job_id, result_id, [destination], priority=priority or 0, now=now)
    return len(roles)
