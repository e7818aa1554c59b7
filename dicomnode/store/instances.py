"""Instances and the studies they make."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from dicomnode.dicom.patient import PATIENT_ELEMENTS, patient_of
from dicomnode.dicom.reading import read_header
from dicomnode.errors import TransientError, UnsupportedImageError
from dicomnode.records import ContentState, InstanceKey, KeptInstance, Patient
from dicomnode.store import catalogue
from dicomnode.store.digests import content_digest
from dicomnode.store.engine import read, upsert, write
from dicomnode.store.files import FileStore
from dicomnode.store.kept import to_kept
from dicomnode.store.listing import contents_of, counts
from dicomnode.store.patients import patient_digest
from dicomnode.store.schema import instances, jobs, results, studies

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingStudy:
    """A study with instances that no job has read yet."""

    study_instance_uid: str
    waiting_since: dt.datetime
    """UTC of the first such instance."""
    last_instance_at: dt.datetime
    """UTC of the newest instance."""
    is_waiting: bool = True
    """False: a job has read all of it."""


class InstanceStore:
    """The instances and studies tables and the files behind them.

    Does: keep an instance once, keep other content under a known UID as a conflict, say which studies wait.
    Does not: decide when a study is complete.

    Parameters
    ----------
    patient_key
        By which patients are digested, see `store.patients`.
    """

    def __init__(self, engine: Engine, files: FileStore, patient_key: bytes) -> None:
        self._engine = engine
        self._files = files
        self._patient_key = patient_key

    def keep(self, key: InstanceKey, encoded: bytes, *, calling_ae_title: str) -> bool:
        """Make one instance durable: file first, then its row.

        Returns
        -------
        bool
            True for new content, False where this very instance was kept before.

        Raises
        ------
        OSError
            If the file could not be written; nothing was recorded.
        TransientError
            If the index could not be written.
        """
        try:
            return self._keep(key, encoded, calling_ae_title)
        except SQLAlchemyError as error:  # locked for too long, full, or the server is gone
            raise TransientError(f"the index cannot be written ({type(error).__name__})") from None

    def _keep(self, key: InstanceKey, encoded: bytes, calling_ae_title: str) -> bool:
        digest = content_digest(key.sop_instance_uid, key.transfer_syntax_uid, encoded)
        if key.is_prior and self._holds(key.sop_instance_uid):
            return False  # a copy from the archive, which may differ in its coding, is no conflict
        known = self._known(key.sop_instance_uid, digest)
        if known is not None and known.content_state == ContentState.SUPERSEDED:
            return not key.is_prior and self._comes_again(known, calling_ae_title)
        if known is not None:
            return known.is_prior and not key.is_prior and self._adopt(known.id, key)
        row = {
            "sop_instance_uid": key.sop_instance_uid,
            "digest": digest,
            "study_instance_uid": key.study_instance_uid,
            "series_instance_uid": key.series_instance_uid,
            "sop_class_uid": key.sop_class_uid,
            "transfer_syntax_uid": key.transfer_syntax_uid,
            "modality": key.modality[:64],
            "path": self._files.keep(digest, encoded),
            "size_bytes": len(encoded),
            "calling_ae_title": calling_ae_title,
            "received_at": dt.datetime.now(dt.UTC),
            "is_prior": key.is_prior,
            "patient_digest": patient_digest(key.patient, self._patient_key),
        }
        try:
            self._insert(row, key, is_conflict=False)
        except IntegrityError:
            return not key.is_prior and self._insert_beside(row, key)
        return True

    def _known(self, sop_instance_uid: str, digest: str) -> Row[Any] | None:
        """Row of this content in the index; None where it is new."""
        with read(self._engine) as connection:
            rows = connection.execute(_CONTENTS, {"uid": sop_instance_uid}).all()
        for row in rows:
            if row.digest == digest:
                return row
        # Until version 0.2 the digest covered the file meta as well, so that an upgrade of the library changed it.
        # What such a row stands for is in its file; the row stays as it is, for revisions of studies build on it.
        return next((row for row in rows if self._digest_of_kept(row) == digest), None)

    def _digest_of_kept(self, row: Row[Any]) -> str:
        """Digest of a file that is kept; empty where it is gone."""
        try:
            encoded = self._files.path(row.path).read_bytes()
        except OSError:
            return ""
        return content_digest(row.sop_instance_uid, row.transfer_syntax_uid, encoded)

    def _comes_again(self, known: Row[Any], calling_ae_title: str) -> bool:
        """A content that was corrected comes again: a correction is undone only by whoever made it.

        From anybody else it is a copy of before, which a modality for example sends once more.
        """
        same = instances.c.sop_instance_uid == known.sop_instance_uid
        now = dt.datetime.now(dt.UTC)
        with write(self._engine) as connection:
            current = connection.execute(sa.select(instances).where(same & ~instances.c.is_conflict)).one()
            is_undone = bool(current.calling_ae_title == calling_ae_title)
            if is_undone:
                news = {"content_state": ContentState.NEW, "received_at": now}
                connection.execute(sa.update(instances).where(instances.c.id == known.id).values(**news))
                for study in {known.study_instance_uid, current.study_instance_uid}:
                    _restart_timer(connection, study, now)
        log.warning(
            "content that has been corrected arrived again",
            sop_instance_uid=known.sop_instance_uid,
            study=known.study_instance_uid,
            peer=calling_ae_title,
            is_looked_at=is_undone,
        )
        return is_undone

    def _holds(self, sop_instance_uid: str) -> bool:
        with read(self._engine) as connection:
            query = sa.select(instances.c.id).where(instances.c.sop_instance_uid == sop_instance_uid)
            return connection.execute(query).first() is not None

    def _adopt(self, instance_id: int, key: InstanceKey) -> bool:
        """Count an instance that we had fetched as sent to us: its study is to be read."""
        now = dt.datetime.now(dt.UTC)
        fetched = (instances.c.id == instance_id) & instances.c.is_prior
        sent = sa.update(instances).where(fetched).values(is_prior=False, received_at=now)
        with write(self._engine) as connection:
            row = connection.execute(sent.returning(instances.c.is_own)).first()
            if row is not None and not row.is_own:
                _restart_timer(connection, key.study_instance_uid, now)
        return row is not None

    def _insert(self, row: dict[str, Any], key: InstanceKey, *, is_conflict: bool) -> None:
        with write(self._engine) as connection:
            is_own = key.is_own or _is_result(connection, row["sop_instance_uid"])
            is_news = is_conflict and not is_own and not row["is_prior"]
            state = ContentState.NEW if is_news else ContentState.CONFLICT if is_conflict else ContentState.CURRENT
            values = {**row, "is_own": is_own, "is_conflict": is_conflict, "content_state": state}
            connection.execute(_INSERT, values)
            if not is_conflict:
                catalogue.record(connection, values, key.study, key.series)
            if not is_own and not row["is_prior"]:
                for study in {row["study_instance_uid"], *_studies_of(connection, row["sop_instance_uid"])}:
                    _restart_timer(connection, study, row["received_at"])

    def _insert_beside(self, row: dict[str, Any], key: InstanceKey) -> bool:
        """Another content of this UID is known: the same is done, any other is kept beside and looked at later."""
        if self._known(row["sop_instance_uid"], row["digest"]) is not None:
            return False
        try:
            if self._put_before_prior(row, key):
                return True
            self._insert(row, key, is_conflict=True)
        except IntegrityError:  # the same conflict came twice at the same moment
            return False
        log.warning(
            "different content under a known SOP Instance UID, both are kept",
            sop_instance_uid=row["sop_instance_uid"],
            study=row["study_instance_uid"],
            peer=row["calling_ae_title"],
        )
        return True

    def _put_before_prior(self, row: dict[str, Any], key: InstanceKey) -> bool:
        """Let what is sent to us count before what we had fetched under its UID; False where nothing was fetched."""
        fetched = (instances.c.sop_instance_uid == row["sop_instance_uid"]) & instances.c.is_prior
        aside = (
            sa.update(instances)
            .where(fetched & ~instances.c.is_conflict)
            .values(is_conflict=True, content_state=ContentState.CONFLICT)
            .returning(instances.c.study_instance_uid)
        )
        with write(self._engine) as connection:
            was_in = [moved.study_instance_uid for moved in connection.execute(aside)]
            if not was_in:
                return False
            is_own = key.is_own or _is_result(connection, row["sop_instance_uid"])
            values = {**row, "is_own": is_own, "is_conflict": False}
            connection.execute(_INSERT, values)
            catalogue.reconsider(connection, was_in)
            catalogue.record(connection, values, key.study, key.series)
            if not is_own:
                _restart_timer(connection, row["study_instance_uid"], row["received_at"])
        return True

    def waiting(self) -> list[WaitingStudy]:
        """Studies that wait for a job, the longest waiting first."""
        query = sa.select(studies).where(studies.c.is_waiting).order_by(studies.c.waiting_since)
        with read(self._engine) as connection:
            return [_waiting_study(row) for row in connection.execute(query)]

    def study(self, study_instance_uid: str) -> WaitingStudy | None:
        """One study, whether it waits or not; None where it is not known."""
        query = sa.select(studies).where(studies.c.study_instance_uid == study_instance_uid)
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _waiting_study(row)

    def kept_beside(self, study_instance_uid: str) -> list[KeptInstance]:
        """Contents that a study would have if they counted: conflicts, and corrections that wait for the operator."""
        states = instances.c.content_state.in_([ContentState.CONFLICT, ContentState.HELD])
        beside = (instances.c.study_instance_uid == study_instance_uid) & states
        return self._select(beside & ~instances.c.is_own & ~instances.c.is_prior)

    def read_again(self, study_instance_uid: str) -> bool:
        """Let a study that the node keeps wait for a job again; whether there is one."""
        with write(self._engine) as connection:
            return look_again(connection, study_instance_uid)

    def in_study(self, study_instance_uid: str) -> list[KeptInstance]:
        """The instances of a study that count, oldest first: no conflicts, no results of ours, nothing fetched."""
        condition = (instances.c.study_instance_uid == study_instance_uid) & ~instances.c.is_conflict
        return self._select(condition & ~instances.c.is_own & ~instances.c.is_prior)

    def known_of_study(self, study_instance_uid: str) -> list[KeptInstance]:
        """Whatever is valid of a study, oldest first: also our own results that came back and what we fetched."""
        withdrawn = (
            sa.select(results.c.sop_instance_uid)
            .join_from(results, jobs, results.c.job_id == jobs.c.id)
            .where(jobs.c.withdrawal != "")
        )
        of_study = (instances.c.study_instance_uid == study_instance_uid) & ~instances.c.is_conflict
        return self._select(of_study & instances.c.sop_instance_uid.not_in(withdrawn))

    def studies_of(self, patient: Patient) -> list[str]:
        """Study Instance UIDs under this Patient ID, whoever issued it."""
        digest = patient_digest(patient, self._patient_key)
        same = (instances.c.patient_digest == digest) & ~instances.c.is_conflict
        query = sa.select(instances.c.study_instance_uid).where(same).distinct()
        with read(self._engine) as connection:
            return [] if not digest else sorted(row.study_instance_uid for row in connection.execute(query))

    def all_in_study(self, study_instance_uid: str) -> list[tuple[KeptInstance, bool]]:
        """Every kept content of a study, each with whether it is a conflict."""
        return contents_of(self._engine, self._files, study_instance_uid)

    def summaries(self) -> list[dict[str, Any]]:
        """One row a study, see `store.listing.counts`; the last received first."""
        with read(self._engine) as connection:
            rows = [*counts(connection).values()]
        return sorted(rows, key=lambda row: row["last_instance_at"], reverse=True)

    def index_patients(self) -> int:
        """Digest the patients of instances that came before they were digested, and return how many there were."""
        query = sa.select(instances.c.id, instances.c.path).where(instances.c.patient_digest == "")
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
        digests = [(row.id, self._digest_of_file(self._files.path(row.path))) for row in rows]
        known = [(instance_id, digest) for instance_id, digest in digests if digest]
        with write(self._engine) as connection:
            for instance_id, digest in known:
                same = instances.c.id == instance_id
                connection.execute(sa.update(instances).where(same).values(patient_digest=digest))
        return len(known)

    def _digest_of_file(self, path: Path) -> str:
        try:
            ds = read_header(path, PATIENT_ELEMENTS)
        except UnsupportedImageError:
            return ""
        return patient_digest(patient_of(ds), self._patient_key)

    def _select(self, condition: sa.ColumnElement[bool]) -> list[KeptInstance]:
        with read(self._engine) as connection:
            rows = connection.execute(sa.select(instances).where(condition).order_by(instances.c.id))
            return [to_kept(row, self._files) for row in rows]


def _waiting_study(row: Row[Any]) -> WaitingStudy:
    return WaitingStudy(
        study_instance_uid=row.study_instance_uid,
        waiting_since=row.waiting_since,
        last_instance_at=row.last_instance_at,
        is_waiting=row.is_waiting,
    )


_UID: sa.BindParameter[str] = sa.bindparam("uid")
_INSERT = sa.insert(instances)
_CONTENTS = sa.select(instances).where(instances.c.sop_instance_uid == _UID)
_RESULTS = sa.union_all(
    sa.select(results.c.id).where(results.c.sop_instance_uid == _UID),
    sa.select(instances.c.id).where((instances.c.sop_instance_uid == _UID) & instances.c.is_own),
)
_COUNTS_IN = sa.select(instances.c.study_instance_uid).where(
    (instances.c.sop_instance_uid == _UID) & ~instances.c.is_conflict
)
# Statements that every instance runs are built once: to build one takes longer than to run it.


def _is_result(connection: Connection, sop_instance_uid: str) -> bool:
    """Whether a dicomnode made it: results that a PACS routes back keep their UID even if it edits the header."""
    return connection.execute(_RESULTS, {"uid": sop_instance_uid}).first() is not None


def _studies_of(connection: Connection, sop_instance_uid: str) -> list[str]:
    """Study in which an instance counts now: it changes too where another content takes its place."""
    return list(connection.execute(_COUNTS_IN, {"uid": sop_instance_uid}).scalars())


def look_again(connection: Connection, study_instance_uid: str) -> bool:
    """Let a study wait for a job, inside the caller's transaction, as if its newest instance had just been kept."""
    now = dt.datetime.now(dt.UTC)
    same = studies.c.study_instance_uid == study_instance_uid
    waiting = sa.update(studies).where(same & ~studies.c.is_waiting).values(is_waiting=True, waiting_since=now)
    connection.execute(waiting)
    return connection.execute(sa.select(studies.c.revision).where(same)).first() is not None


def _restart_timer(connection: Connection, study_instance_uid: str, now: dt.datetime) -> None:
    """Any instance of the study, over any association, starts its quiet period anew."""
    row = {"study_instance_uid": study_instance_uid, "is_waiting": True, "waiting_since": now, "last_instance_at": now}
    connection.execute(_timer_statement(connection.dialect.name), row | {"revision": ""})


@cache
def _timer_statement(dialect: str) -> Any:
    names = ("study_instance_uid", "is_waiting", "waiting_since", "last_instance_at", "revision")
    statement = upsert(dialect, studies).values({name: sa.bindparam(name) for name in names})
    new = statement.excluded
    first = sa.case((studies.c.is_waiting, studies.c.waiting_since), else_=new.waiting_since)
    return statement.on_conflict_do_update(
        index_elements=[studies.c.study_instance_uid],
        set_={"is_waiting": True, "waiting_since": first, "last_instance_at": new.last_instance_at},
    )
