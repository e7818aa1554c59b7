"""Pages of studies, jobs and alerts as an operator looks for them: filtered, sorted and cut off by the database.

Rows carry the patient's name and ID; whoever shows them decides whether those are seen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dicomnode.records import JobState, KeptInstance, Progress, Stage
from dicomnode.store.alerts import AlertState, listed
from dicomnode.store.catalogue import folded
from dicomnode.store.engine import read
from dicomnode.store.files import FileStore
from dicomnode.store.jobs import SUPERSEDED, is_emergent
from dicomnode.store.kept import to_kept
from dicomnode.store.results import DeliveryState
from dicomnode.store.schema import (
    alerts,
    answers,
    catalogue_studies,
    corrections,
    deliveries,
    instances,
    jobs,
    studies,
)

BY_OPERATOR = "CANCELED"
"""How the reason of a job begins that an operator stopped."""
_NAMED = (
    "study_date", "study_time", "accession_number", "description", "patient_name", "patient_id", "birth_date", "sex"
)  # fmt: skip
"""Columns of the catalogue that a row of a job or an alert carries."""
_MOST_VALUES = 5000
"""SQLite takes 32,766 values in a statement, PostgreSQL 65,535."""
_INNER = {"needs_reading", "is_own", "patient_name_folded", "referring_physician_folded"}
_SHOWN = [column for column in catalogue_studies.c if column.name not in _INNER]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows an operator looks for; what is empty does not matter."""

    accession: str = ""
    """Accession number; `*` stands for any characters."""
    modality: str = ""
    since: dt.datetime | None = None
    """Received, or for jobs and alerts made, at this time or later."""
    until: dt.datetime | None = None
    """Before this time."""
    state: str = ""
    """A `Progress`, for alerts an `AlertState`."""
    patient: str = ""
    """Patient ID, or the beginning of the name in any case and without accents."""
    limit: int = 50
    """Rows at the most; 0: all."""


class Page(NamedTuple):
    """Rows of a listing and how many there are in all."""

    rows: list[dict[str, Any]]
    total: int


def study_page(engine: Engine, wanted: Wanted) -> Page:
    """Studies, the last received first."""
    c = catalogue_studies.c
    query = sa.select(*_SHOWN).where(*_of_study(wanted, c.study_instance_uid))
    query = _between(query, c.last_received_at, wanted)
    if wanted.state:
        query = query.where(_study_progress() == wanted.state)
    ordered = query.add_columns(_study_progress().label("progress")).order_by(
        c.last_received_at.desc(), c.study_instance_uid
    )
    with read(engine) as connection:
        rows = [dict(row._mapping) for row in connection.execute(_limited(ordered, wanted))]
        known = counts(connection, [row["study_instance_uid"] for row in rows])
        newest = _newest_jobs(connection, [row["study_instance_uid"] for row in rows])
        for row in rows:
            uid = row["study_instance_uid"]
            row |= known[uid] | {"jobs": newest.get(uid, []), "progress": Progress(row["progress"])}
        return Page(rows, _total(connection, query, rows, wanted))


def job_page(engine: Engine, wanted: Wanted, *, study_instance_uid: str = "") -> Page:
    """Jobs, open ones in the order of the queue, then those that ended, the last first."""
    query = _jobs(study_instance_uid).where(*_of_study(wanted, jobs.c.study_instance_uid))
    query = _between(query, jobs.c.created_at, wanted)
    if wanted.state:
        query = query.where(_progress() == wanted.state)
    is_open = jobs.c.ended_at.is_(None)
    queue = query.where(is_open).order_by(sa.case((is_emergent(), 0), else_=1), jobs.c.due_at, jobs.c.id)
    ended = query.where(~is_open).order_by(jobs.c.ended_at.desc(), jobs.c.id.desc())
    with read(engine) as connection:
        rows = connection.execute(_limited(queue, wanted)).all()
        if not wanted.limit or len(rows) < wanted.limit:
            rest = ended.limit(wanted.limit - len(rows)) if wanted.limit else ended
            rows = [*rows, *connection.execute(rest).all()]
        found = _told(connection, [dict(row._mapping) for row in rows])
        return Page(found, _total(connection, query, found, wanted))


def alert_page(engine: Engine, wanted: Wanted, *, job_id: int = 0) -> Page:
    """Alerts, the newest first."""
    query = (
        sa.select(alerts, jobs.c.study_instance_uid, *_catalogued())
        .join_from(alerts, jobs, alerts.c.job_id == jobs.c.id)
        .outerjoin(catalogue_studies, catalogue_studies.c.study_instance_uid == jobs.c.study_instance_uid)
        .where(*_of_study(wanted, jobs.c.study_instance_uid))
    )
    query = _between(query, alerts.c.created_at, wanted)
    if wanted.state:
        query = query.where(alerts.c.state == AlertState(wanted.state))
    if job_id:
        query = query.where(alerts.c.job_id == job_id)
    with read(engine) as connection:
        found = connection.execute(_limited(query.order_by(alerts.c.id.desc()), wanted))
        rows = [listed(row._mapping) for row in found]
        known = counts(connection, [row["study_instance_uid"] for row in rows])
        for row in rows:
            row |= _of_images(known.get(row["study_instance_uid"]))
        return Page(rows, _total(connection, query, rows, wanted))


def job_row(engine: Engine, job_id: int) -> dict[str, Any] | None:
    """One job as `job_page` lists it; None where there is none."""
    with read(engine) as connection:
        found = connection.execute(_jobs("").where(jobs.c.id == job_id)).all()
        return next(iter(_told(connection, [dict(row._mapping) for row in found])), None)


def studies_called(engine: Engine, name: str) -> list[str]:
    """Study Instance UIDs of the studies with this UID or this accession number, the last received first."""
    c = catalogue_studies.c
    kept = sa.select(instances.c.study_instance_uid).where(instances.c.study_instance_uid == name).limit(1)
    called = sa.select(c.study_instance_uid).where((c.accession_number == name) & (c.accession_number != ""))
    with read(engine) as connection:
        if connection.execute(kept).first() is not None:
            return [name]
        return list(connection.execute(called.order_by(c.last_received_at.desc(), c.study_instance_uid)).scalars())


def contents_of(engine: Engine, files: FileStore, study_instance_uid: str) -> list[tuple[KeptInstance, bool]]:
    """Every kept content of a study, each with whether it is kept beside another that counts."""
    query = sa.select(instances).where(instances.c.study_instance_uid == study_instance_uid).order_by(instances.c.id)
    with read(engine) as connection:
        return [(to_kept(row, files), row.is_conflict) for row in connection.execute(query)]


def corrections_of(engine: Engine, study_instance_uid: str) -> list[dict[str, Any]]:
    """Every replacement of a content under a UID of a study, oldest first."""
    of_study = sa.select(instances.c.sop_instance_uid).where(instances.c.study_instance_uid == study_instance_uid)
    query = sa.select(corrections).where(corrections.c.sop_instance_uid.in_(of_study)).order_by(corrections.c.id)
    with read(engine) as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def study_row(engine: Engine, study_instance_uid: str) -> dict[str, Any] | None:
    """What the catalogue says of one study; None where nothing of it counts."""
    query = sa.select(*_SHOWN).where(catalogue_studies.c.study_instance_uid == study_instance_uid)
    with read(engine) as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        return dict(row._mapping) | counts(connection, [study_instance_uid])[study_instance_uid]


def counts(connection: Connection, study_instance_uids: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """By study: how many contents, conflicts, images, bytes and patients it has, its modalities and its last time.

    Parameters
    ----------
    study_instance_uids
        None: all studies.
    """
    is_image = ~instances.c.is_conflict & ~instances.c.is_own
    of_study = sa.select(
        instances.c.study_instance_uid,
        instances.c.modality,
        instances.c.patient_digest,
        is_image.label("is_image"),
        sa.func.count().label("instances"),
        sa.func.sum(sa.cast(instances.c.is_conflict, sa.Integer)).label("conflicts"),
        sa.func.sum(instances.c.size_bytes).label("size_bytes"),
        sa.func.max(instances.c.received_at).label("last_instance_at"),
    )
    split = sa.select(studies.c.study_instance_uid, studies.c.patients, studies.c.is_waiting)
    if study_instance_uids is not None:
        of_study = of_study.where(_among(instances.c.study_instance_uid, study_instance_uids))
        split = split.where(_among(studies.c.study_instance_uid, study_instance_uids))
    grouped = of_study.group_by(
        instances.c.study_instance_uid, instances.c.modality, instances.c.patient_digest, is_image
    )
    planned = {row.study_instance_uid: row for row in connection.execute(split)}
    parts: dict[str, list[Any]] = {}
    for row in connection.execute(grouped.order_by(instances.c.modality)):
        parts.setdefault(row.study_instance_uid, []).append(row)
    return {uid: _counted(uid, rows, planned.get(uid)) for uid, rows in parts.items()}


def _counted(uid: str, parts: Sequence[Any], planned: Any) -> dict[str, Any]:
    """Sum up the parts of a study; PostgreSQL sums whole numbers to decimals."""
    images = [part for part in parts if part.is_image]
    patients = len({part.patient_digest for part in images})
    total = {name: sum(int(getattr(part, name)) for part in parts) for name in ("instances", "conflicts", "size_bytes")}
    return {
        "study_instance_uid": uid,
        **total,
        "images": sum(part.instances for part in images),
        "modalities": sorted({part.modality.upper() for part in images if part.modality}),
        "last_instance_at": max(part.last_instance_at for part in parts),
        "is_waiting": bool(planned is not None and planned.is_waiting),
        "patients": max(patients, planned.patients if planned is not None else 1),
    }


def _of_images(known: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"modalities": known["modalities"] if known else [], "patients": known["patients"] if known else 1}


def _jobs(study_instance_uid: str) -> sa.Select[Any]:
    replaced = sa.select(answers.c.replaced_by).where(answers.c.job_id == jobs.c.id).scalar_subquery()
    query = (
        sa.select(jobs, *_catalogued(), _progress().label("progress"), replaced.label("replaced_by"))
        .select_from(jobs)
        .outerjoin(catalogue_studies, catalogue_studies.c.study_instance_uid == jobs.c.study_instance_uid)
    )
    return query.where(jobs.c.study_instance_uid == study_instance_uid) if study_instance_uid else query


def _told(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to jobs what is counted of their studies, and what their deliveries wait for."""
    known = counts(connection, [row["study_instance_uid"] for row in rows])
    sending = [row["id"] for row in rows if row["progress"] == Progress.SENDING]
    held_up = _held_up(connection, sending)
    for row in rows:
        row |= _of_images(known.get(row["study_instance_uid"])) | {"progress": Progress(row["progress"])}
        row["waits_for"] = held_up.get(row["id"], [])
    return rows


def _held_up(connection: Connection, job_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """By job: each destination to which something is still to be sent, why it could not yet, and the next try."""
    waiting = _among(deliveries.c.job_id, job_ids) & (deliveries.c.state == DeliveryState.WAITING)
    query = sa.select(
        deliveries.c.job_id,
        deliveries.c.destination,
        sa.func.count().label("results"),
        sa.func.max(deliveries.c.reason).label("reason"),
        sa.func.max(deliveries.c.not_before).label("not_before"),
    )
    found: dict[int, list[dict[str, Any]]] = {}
    grouped = query.where(waiting).group_by(deliveries.c.job_id, deliveries.c.destination)
    for row in connection.execute(grouped.order_by(deliveries.c.destination)):
        told = dict(row._mapping)
        found.setdefault(told.pop("job_id"), []).append(told)
    return found


def _newest_jobs(connection: Connection, study_instance_uids: Collection[str]) -> dict[str, list[int]]:
    """By study: the numbers of its jobs, the newest first."""
    query = sa.select(jobs.c.study_instance_uid, jobs.c.id).order_by(jobs.c.id.desc())
    found: dict[str, list[int]] = {}
    for row in connection.execute(query.where(_among(jobs.c.study_instance_uid, study_instance_uids))):
        found.setdefault(row.study_instance_uid, []).append(row.id)
    return found


def _progress(of: Any = jobs) -> sa.ColumnElement[str]:
    """Where a job stands, in the word that listings use."""
    ours = deliveries.c.job_id == of.c.id
    failed = sa.exists().where(ours & (deliveries.c.state == DeliveryState.FAILED))
    held = sa.exists().where(ours & (deliveries.c.state == DeliveryState.HELD))
    answer = answers.c.job_id == of.c.id
    replaced = sa.exists().where(answer & answers.c.replaced_by.is_not(None))
    withdrawn = sa.exists().where(answer & answers.c.withdrawn_at.is_not(None))
    canceled = of.c.state == JobState.CANCELED
    completed = of.c.state == JobState.COMPLETED
    return sa.case(
        ((of.c.withdrawal == "") & replaced, Progress.REPLACED.value),
        ((of.c.withdrawal != "") | withdrawn, Progress.WITHDRAWN.value),
        (canceled & of.c.reason.startswith(SUPERSEDED), Progress.SUPERSEDED.value),
        (canceled & of.c.reason.startswith(BY_OPERATOR), Progress.CANCELED.value),
        (canceled & (of.c.stage == Stage.SEND), Progress.DELIVERY_FAILED.value),
        (canceled, Progress.FAILED.value),
        (completed & failed, Progress.PARTLY_DELIVERED.value),
        (completed & held, Progress.DELIVERED.value),
        (completed, Progress.NOT_SENT.value),
        (of.c.stage == Stage.SEND, Progress.SENDING.value),
        (of.c.state == JobState.IN_PROGRESS, Progress.READING.value),
        else_=Progress.WAITING.value,
    )


def _study_progress() -> sa.ColumnElement[str]:
    """Where a study stands: that its instances still come, else where its newest job stands."""
    c = catalogue_studies.c
    is_waiting = sa.exists().where((studies.c.study_instance_uid == c.study_instance_uid) & studies.c.is_waiting)
    job = jobs.alias("newest")
    last = sa.select(sa.func.max(jobs.c.id)).where(jobs.c.study_instance_uid == c.study_instance_uid)
    newest = sa.select(_progress(job)).where(job.c.id == last.correlate(catalogue_studies).scalar_subquery())
    return sa.case(
        (is_waiting, Progress.RECEIVING.value),
        else_=sa.func.coalesce(newest.correlate(catalogue_studies).scalar_subquery(), Progress.NO_JOB.value),
    )


def _catalogued() -> list[sa.ColumnElement[Any]]:
    return [catalogue_studies.c[name] for name in _NAMED]


def _of_study(wanted: Wanted, study_instance_uid: sa.ColumnElement[str]) -> list[sa.ColumnElement[bool]]:
    """Conditions on what the catalogue and the images say of a study."""
    c = catalogue_studies.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.accession:
        conditions.append(_matches(c.accession_number, wanted.accession))
    if wanted.modality:
        is_image = ~instances.c.is_conflict & ~instances.c.is_own
        same = (instances.c.study_instance_uid == study_instance_uid) & is_image
        upper = sa.func.upper(instances.c.modality) == wanted.modality.upper()
        conditions.append(sa.exists().where(same & upper))
    if wanted.patient:
        begins = c.patient_name_folded.startswith(folded(wanted.patient), autoescape=True)
        conditions.append((c.patient_id == wanted.patient) | begins)
    return conditions


def _among(column: sa.Column[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    """Condition that a column holds one of some values; of very many it asks for all, as statements are limited."""
    return column.in_(set(values)) if len(values) <= _MOST_VALUES else sa.true()


def _matches(column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
    if "*" not in pattern:
        return column == pattern
    escaped = pattern.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
    return column.like(escaped, escape="\\")


def _between(query: sa.Select[Any], column: sa.Column[Any], wanted: Wanted) -> sa.Select[Any]:
    if wanted.since is not None:
        query = query.where(column >= wanted.since)
    return query if wanted.until is None else query.where(column < wanted.until)


def _limited(query: sa.Select[Any], wanted: Wanted) -> sa.Select[Any]:
    return query.limit(wanted.limit) if wanted.limit else query


def _total(connection: Connection, query: sa.Select[Any], rows: Sequence[Any], wanted: Wanted) -> int:
    """How many rows there are without the limit; counted only where some may be missing."""
    if not wanted.limit or len(rows) < wanted.limit:
        return len(rows)
    return connection.execute(sa.select(sa.func.count()).select_from(query.order_by(None).subquery())).scalar_one()
