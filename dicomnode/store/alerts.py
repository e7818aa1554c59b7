"""Alerts and their acknowledgement."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dicomnode.errors import PermanentError
from dicomnode.records import (
    Acuity,
    Alert,
    AlertContent,
    AlertFinding,
    CodedConcept,
    Estimate,
    Job,
    Retraction,
    Verdict,
    WithdrawalReason,
)
from dicomnode.store import leases
from dicomnode.store.engine import read, write
from dicomnode.store.inputs import is_of_same_images
from dicomnode.store.schema import alerts, jobs, studies


class AlertState(StrEnum):
    """Where one alert stands on its way through one channel."""

    WAITING = "WAITING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """The peer answered that it has the message; not that a physician has read it."""
    FAILED = "FAILED"
    """Given up; `dicomnode alerts retry` tries again."""
    CANCELED = "CANCELED"
    """What it says no longer stands, and the channel has not acknowledged it."""


def control_id(job_key: str, channel: str) -> str:
    """Name of an alert, 20 characters (HL7 v2.5.1 MSH-10 takes no more): the same for the same job and channel."""
    digest = hashlib.sha256(f"{job_key}\n{channel}".encode()).digest()
    return base64.b32encode(digest)[:20].decode()


class AlertStore:
    """The alerts table.

    Does: hand alerts out by lease, record when each was acknowledged or why it was not.
    Does not: open connections, decide who is told; what is to be told comes in with a job's results.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(
        self,
        owner: str,
        *,
        channel: str,
        lease_s: float,
        now: dt.datetime,
        longest_wait_s: float = leases.LONGEST_WAIT_S,
        takes_over: bool = True,
    ) -> Alert | None:
        """Take the alert that waits longest for this channel.

        Parameters
        ----------
        longest_wait_s, takes_over
            As in `store.leases`.
        """
        ready = (alerts.c.channel == channel) & (alerts.c.state == AlertState.WAITING)
        withdrawn = sa.select(jobs.c.id).where(jobs.c.withdrawal != "")
        ready &= alerts.c.job_id.not_in(withdrawn) | (alerts.c.retracts != 0)
        ready &= leases.is_due(alerts, now=now, longest_wait_s=longest_wait_s)
        ready &= leases.is_free(alerts, now=now, takes_over=takes_over)
        first = sa.select(alerts.c.id).where(ready).order_by(alerts.c.id).limit(1)
        if not leases.look(self._engine, alerts, first, lease_s=lease_s, now=now):
            return None
        with write(self._engine) as connection:
            this = alerts.c.id == first.with_for_update(skip_locked=True).scalar_subquery()
            rows = leases.take(connection, alerts, this, owner, lease_s=lease_s, now=now)
            if not rows:
                return None
            (row,) = rows
            study = connection.execute(sa.select(jobs.c.study_instance_uid).where(jobs.c.id == row.job_id)).scalar_one()
        return Alert(
            id=row.id,
            job_id=row.job_id,
            channel=row.channel,
            control_id=row.control_id,
            study_instance_uid=study,
            content=content_from_json(row.content),
            attempts=row.attempts,
            created_at=row.created_at,
            waiting_since=row.waiting_since,
        )

    def renew(self, owner: str, alert: Alert, *, lease_s: float, now: dt.datetime) -> bool:
        """Hold a claimed alert for a lease more; False where it is held no more."""
        ours = (alerts.c.id == alert.id) & (alerts.c.lease_owner == owner)
        return leases.renew(self._engine, alerts, ours, lease_s=lease_s, now=now) > 0

    def release_leases(self, owner: str) -> int:
        """Give back what a former process of this name held when it died."""
        return leases.release(self._engine, alerts, owner)

    def acknowledged(self, alert: Alert, *, answer: str, sent_at: dt.datetime, now: dt.datetime) -> None:
        """Note when the message left, when the peer acknowledged it, and how."""
        times = {"sent_at": sent_at, "acknowledged_at": now}
        self._update(alert, **times, state=AlertState.ACKNOWLEDGED, reason=answer)

    def postpone(self, alert: Alert, *, not_before: dt.datetime, reason: str) -> None:
        """Let an alert wait and run again."""
        self._update(alert, not_before=not_before, reason=reason)

    def failed(self, alert: Alert, *, reason: str) -> None:
        """Give an alert up."""
        self._update(alert, state=AlertState.FAILED, reason=reason)

    def fail_other_channels(self, known: Collection[str]) -> int:
        """Give up what waits for a channel that is no longer known, and return how much that was."""
        gone = (alerts.c.state == AlertState.WAITING) & alerts.c.channel.not_in(list(known))
        values = {"state": AlertState.FAILED, "reason": "the channel is no longer in the settings"}
        if not leases.is_any(self._engine, alerts, gone):
            return 0
        with write(self._engine) as connection:
            return connection.execute(sa.update(alerts).where(gone).values(**values)).rowcount

    def retry(self, alert_id: int, *, now: dt.datetime) -> None:
        """Let an alert that was given up wait again, under the same control ID.

        Raises
        ------
        PermanentError
            If there is no such alert, or it has not failed.
        """
        given_up = (alerts.c.id == alert_id) & (alerts.c.state == AlertState.FAILED)
        fresh = {"state": AlertState.WAITING, "attempts": 0, "not_before": leases.AT_ONCE, "waiting_since": now}
        with write(self._engine) as connection:
            if connection.execute(sa.update(alerts).where(given_up).values(**fresh, reason="")).rowcount:
                return
            row = connection.execute(sa.select(alerts.c.state).where(alerts.c.id == alert_id)).first()
        if row is None:
            raise PermanentError(f"there is no alert {alert_id}; `dicomnode alerts list` lists the alerts")
        raise PermanentError(f"alert {alert_id} has not failed: it is {row.state}")

    def list(self, *, state: AlertState | None = None, job_id: int | None = None) -> list[dict[str, Any]]:
        """Rows of the table with their study, newest first."""
        query = (
            sa.select(alerts, jobs.c.study_instance_uid)
            .join_from(alerts, jobs, alerts.c.job_id == jobs.c.id)
            .order_by(alerts.c.id.desc())
        )
        if state is not None:
            query = query.where(alerts.c.state == state)
        if job_id is not None:
            query = query.where(alerts.c.job_id == job_id)
        with read(self._engine) as connection:
            return [listed(row._mapping) for row in connection.execute(query)]

    def _update(self, alert: Alert, **values: Any) -> None:
        with write(self._engine) as connection:
            connection.execute(sa.update(alerts).where(alerts.c.id == alert.id).values(**values, **leases.FREE))


def insert_alerts(connection: Connection, job: Job, new: Mapping[str, AlertContent], *, now: dt.datetime) -> None:
    """Add what channels are to be told of a job, inside the caller's transaction.

    A channel that was told of all these findings before, for an earlier revision of the study and as something no
    less acute and no less certain, is not told again; what could not be delivered does not count as told.

    Parameters
    ----------
    new
        Channel to content.
    """
    if not new:
        return
    # Two revisions that end at once must see each other.
    connection.execute(
        sa.select(studies.c.revision).where(studies.c.study_instance_uid == job.study_instance_uid).with_for_update()
    )
    for channel, content in new.items():
        told = _told(connection, job, channel)
        if not any(_is_news(finding, told) for finding in content.findings):
            continue
        row = {
            "job_id": job.id,
            "channel": channel,
            "control_id": control_id(job.key, channel),
            "content": content_to_json(content),
            "state": AlertState.WAITING,
            "attempts": 0,
            "not_before": leases.AT_ONCE,
            "created_at": now,
            "waiting_since": now,
            "reason": "",
        }
        connection.execute(sa.insert(alerts).values(**row))


def _is_news(finding: AlertFinding, told: Sequence[AlertFinding]) -> bool:
    """Whether a finding was never told as something no less acute and no less certain."""
    return not any(
        one.key == finding.key and one.acuity.rank <= finding.acuity.rank and one.verdict.rank >= finding.verdict.rank
        for one in told
    )


def _told(connection: Connection, job: Job, channel: str) -> list[AlertFinding]:
    """Findings of the study as the channel was told them, without those that were taken back."""
    query = (
        sa.select(alerts.c.id, alerts.c.job_id, alerts.c.content)
        .join_from(alerts, jobs, alerts.c.job_id == jobs.c.id)
        .where((jobs.c.study_instance_uid == job.study_instance_uid) & is_of_same_images(job.id))
        .where(alerts.c.state.not_in((AlertState.FAILED, AlertState.CANCELED)) & (alerts.c.retracts == 0))
        .where(alerts.c.channel == channel)
    )
    rows = connection.execute(query).all()
    back = taken_back(connection, {row.job_id for row in rows})
    return [
        finding
        for row in rows
        for finding in content_from_json(row.content).findings
        if finding.key not in back.get(row.id, ())
    ]


def taken_back(connection: Connection, job_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """Keys of the findings that were retracted, by the number of the alert that had told them."""
    query = sa.select(alerts.c.retracts, alerts.c.content)
    back: dict[int, frozenset[str]] = {}
    for row in connection.execute(query.where(alerts.c.job_id.in_(sorted(job_ids)) & (alerts.c.retracts != 0))):
        keys = frozenset(finding.key for finding in content_from_json(row.content).findings)
        back[row.retracts] = back.get(row.retracts, frozenset()) | keys
    return back


def content_to_json(content: AlertContent) -> dict[str, Any]:
    """Content of an alert as the table holds it."""
    findings = [
        {"key": f.key, "code": list(f.code), "verdict": f.verdict, **asdict(f.estimate), "acuity": f.acuity}
        for f in content.findings
    ]
    written = {"findings": findings, "model": content.model, "model_version": content.model_version}
    back = content.retraction
    if back is None:
        return written
    at = back.told_at.isoformat()
    return written | {
        "retraction": {"control_id": back.control_id, "told": list(back.told), "told_at": at, "reason": back.reason}
    }


def content_from_json(content: dict[str, Any]) -> AlertContent:
    """Content of an alert from what the table holds.

    Rows of version 0.1 have neither verdict nor limits: what they told was that the finding is suspected.
    """
    findings = tuple(
        AlertFinding(
            key=f["key"],
            code=CodedConcept(*f["code"]),
            verdict=Verdict(f.get("verdict", Verdict.PRESENT)),
            estimate=Estimate(percent=f["percent"], lower=f.get("lower"), upper=f.get("upper"), step=f.get("step", 1)),
            acuity=Acuity(f["acuity"]),
        )
        for f in content["findings"]
    )
    retraction = content.get("retraction")
    return AlertContent(
        findings=findings,
        model=content["model"],
        model_version=content["model_version"],
        retraction=None if retraction is None else _retraction(retraction),
    )


def _retraction(written: dict[str, Any]) -> Retraction:
    return Retraction(
        control_id=written["control_id"],
        told=tuple(written["told"]),
        told_at=dt.datetime.fromisoformat(written["told_at"]),
        reason=WithdrawalReason(written["reason"]),
    )


def listed(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with what its content says, as listings show it."""
    content = content_from_json(row["content"])
    shown = {"acuity": content.acuity, "findings": [f.key for f in content.findings]}
    return dict(row) | shown | {"retracts": row["retracts"] or None}
