"""Alerts that are taken back, in the queue of all alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dicomnode.records import AlertContent, AlertFinding, Retraction, WithdrawalReason
from dicomnode.store.alerts import AlertState, content_from_json, content_to_json, control_id, taken_back
from dicomnode.store.schema import alerts, jobs

CANCELED = "WITHDRAWN: the result that called it no longer stands"


def retract(
    connection: Connection,
    job_ids: Collection[int],
    *,
    still: frozenset[str],
    reason: WithdrawalReason,
    now: dt.datetime,
) -> None:
    """Take back what alerts of some jobs said and no longer stands, inside the caller's transaction.

    An alert that surely nobody has got yet is canceled. One that was told, or may have been, is followed by a
    retraction over the same channel; it names the findings that are taken back.

    Parameters
    ----------
    still
        Keys of findings that are still suspected.
    """
    query = (
        sa.select(alerts, jobs.c.key.label("job_key"))
        .join_from(alerts, jobs, alerts.c.job_id == jobs.c.id)
        .where(alerts.c.job_id.in_(sorted(job_ids)) & (alerts.c.retracts == 0))
        .order_by(alerts.c.id)
    )
    back = taken_back(connection, job_ids)
    for row in connection.execute(query).all():
        content = content_from_json(row.content)
        gone = tuple(f for f in content.findings if f.key not in still | back.get(row.id, frozenset()))
        if not gone or row.state == AlertState.CANCELED:
            continue
        if row.state != AlertState.ACKNOWLEDGED:
            _cancel(connection, row)
        if row.state == AlertState.ACKNOWLEDGED or (row.state == AlertState.WAITING and row.attempts):
            _insert(connection, row, _retraction(row, content, gone, reason), now)


def _cancel(connection: Connection, row: Row[Any]) -> None:
    values = {"state": AlertState.CANCELED, "reason": CANCELED, "lease_owner": None, "lease_until": None}
    connection.execute(sa.update(alerts).where(alerts.c.id == row.id).values(**values))


def _retraction(
    row: Row[Any], content: AlertContent, gone: tuple[AlertFinding, ...], reason: WithdrawalReason
) -> AlertContent:
    return AlertContent(
        findings=gone,
        model=content.model,
        model_version=content.model_version,
        retraction=Retraction(
            control_id=row.control_id,
            told=tuple(f.key for f in content.findings),
            told_at=row.created_at,
            reason=reason,
        ),
    )


def _insert(connection: Connection, row: Row[Any], content: AlertContent, now: dt.datetime) -> None:
    """Put a retraction into the queue, behind the alert that it takes back."""
    mine = (alerts.c.job_id == row.job_id) & (alerts.c.channel == row.channel) & (alerts.c.retracts == row.id)
    earlier = connection.execute(sa.select(sa.func.count()).select_from(alerts).where(mine)).scalar_one()
    values: Mapping[str, Any] = {
        "job_id": row.job_id,
        "channel": row.channel,
        "control_id": control_id(row.job_key, f"{row.channel}\nretraction {row.id} {earlier}"),
        "content": content_to_json(content),
        "state": AlertState.WAITING,
        "attempts": 0,
        "not_before": now,
        "created_at": now,
        "waiting_since": now,
        "reason": "",
        "retracts": row.id,
    }
    connection.execute(sa.insert(alerts).values(**values))
