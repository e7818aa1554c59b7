"""Which of several contents under one SOP Instance UID counts, and what follows for the studies and jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from dicomnode.dicom.same_image import corrected_elements, is_same_image, read_whole
from dicomnode.errors import PermanentError
from dicomnode.records import ContentState, JobState, KeptInstance
from dicomnode.store.catalogue import Catalogue, reconsider
from dicomnode.store.engine import read, write
from dicomnode.store.files import FileStore
from dicomnode.store.instances import look_again
from dicomnode.store.jobs import OPEN_STATES
from dicomnode.store.kept import to_kept
from dicomnode.store.leases import FREE
from dicomnode.store.schema import corrections, instances, job_inputs, jobs

log = structlog.get_logger()

WITHDRAWN = "WITHDRAWN"
"""How the reason of a job begins that was stopped because one of its images was corrected."""
CORRECTED = "an image that was read has been corrected: it is another patient's or another study's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One content that came under a known UID, beside the one that counts."""

    current: KeptInstance
    new: KeptInstance
    corrects: tuple[str, ...]
    """Names of the elements by which it files the image elsewhere."""
    is_same_image: bool
    """Its pixels are those of the one that counts; False also where nothing of the identity differs."""

    @property
    def is_correction(self) -> bool:
        """The same image under another identity: what a PACS sends once a mistake was put right."""
        return bool(self.corrects) and self.is_same_image


class CorrectionStore:
    """The contents kept beside the one that counts.

    Does: tell corrections from conflicts by what the files hold, let one content take the place of another, mark the
    jobs that read the one that is replaced, keep a row of every replacement.
    Does not: delete a content, withdraw what was sent.
    """

    def __init__(self, engine: Engine, files: FileStore) -> None:
        self._engine = engine
        self._files = files

    def settle(self, study_instance_uid: str, *, accepts: bool) -> int:
        """Look at what came newly under UIDs of a study, and return how many contents took another's place.

        Parameters
        ----------
        accepts
            Whether a correction counts at once; otherwise it waits for the operator's word.
        """
        count = 0
        for uid in self._contested(study_instance_uid):
            for new in self._contents((instances.c.sop_instance_uid == uid) & _is(ContentState.NEW)):
                count += self._settle(self._contest(new), accepts=accepts)
        return count

    def _contested(self, study_instance_uid: str) -> list[str]:
        """SOP Instance UIDs of a study, of any content, under which something came that was not looked at yet."""
        of_study = sa.select(instances.c.sop_instance_uid).where(instances.c.study_instance_uid == study_instance_uid)
        query = sa.select(instances.c.sop_instance_uid).where(_is(ContentState.NEW)).distinct()
        with read(self._engine) as connection:
            rows = connection.execute(query.where(instances.c.sop_instance_uid.in_(of_study)))
            return sorted(row.sop_instance_uid for row in rows)

    def _settle(self, contest: Contest, *, accepts: bool) -> int:
        if contest.is_correction and accepts and not self._is_from_before(contest):
            return self._replace([contest], source=contest.new.calling_ae_title)
        state = ContentState.HELD if contest.is_correction else ContentState.CONFLICT
        same = (instances.c.id == contest.new.id) & _is(ContentState.NEW)
        with write(self._engine) as connection:
            connection.execute(sa.update(instances).where(same).values(content_state=state))
        log.warning(
            "a correction is waiting for the operator"
            if contest.is_correction
            else "conflict: the new content is not read",
            sop_instance_uid=contest.new.key.sop_instance_uid,
            study=contest.new.key.study_instance_uid,
            peer=contest.new.calling_ae_title,
            differ=contest.corrects,
            is_same_image=contest.is_same_image,
        )
        return 0

    def _is_from_before(self, contest: Contest) -> bool:
        """Whether it says again what was corrected, and somebody else says so than the peer that corrected it.

        A modality that sends its image once more does not know what the PACS has put right.
        """
        new = contest.new
        if new.calling_ae_title == contest.current.calling_ae_title:
            return False
        same = (instances.c.sop_instance_uid == new.key.sop_instance_uid) & _is(ContentState.SUPERSEDED)
        headers = [read_whole(one.path) for one in [new, *self._contents(same)]]
        now, *before = [header for header in headers if header is not None]
        return any(not corrected_elements(one, now) for one in before)

    def beside(self, study_instance_uid: str = "") -> list[Contest]:
        """Contents kept beside the one that counts, but those that were replaced; of one study or of all."""
        condition: sa.ColumnElement[bool] = instances.c.content_state.in_(
            [ContentState.NEW, ContentState.CONFLICT, ContentState.HELD]
        )
        if study_instance_uid:
            condition &= instances.c.study_instance_uid == study_instance_uid
        return [self._contest(new) for new in self._contents(condition)]

    def accept(self, contests: Sequence[Contest], *, source: str) -> int:
        """Let contents count instead of those that do now, and return how many did.

        Parameters
        ----------
        source
            On whose word, for the audit.
        """
        return self._replace(contests, source=source)

    def content(self, number: int) -> Contest:
        """One content by its number, also one that was replaced.

        Raises
        ------
        PermanentError
            If there is none of that number, or it counts already.
        """
        found = self._contents(instances.c.id == number)
        if not found:
            raise PermanentError(f"there is no content {number}; `dicomnode studies conflicts` lists them")
        if found[0].content_state is ContentState.CURRENT:
            raise PermanentError(f"content {number} is already in use")
        return self._contest(found[0])

    def _contents(self, condition: sa.ColumnElement[bool]) -> list[KeptInstance]:
        query = sa.select(instances).where(condition).order_by(instances.c.received_at, instances.c.id)
        with read(self._engine) as connection:
            return [to_kept(row, self._files) for row in connection.execute(query)]

    def _contest(self, new: KeptInstance) -> Contest:
        same = instances.c.sop_instance_uid == new.key.sop_instance_uid
        (current,) = self._contents(same & ~instances.c.is_conflict)
        was, is_now = read_whole(current.path), read_whole(new.path)
        if was is None or is_now is None:
            return Contest(current=current, new=new, corrects=(), is_same_image=False)
        corrects = corrected_elements(was, is_now)
        # Most contents beside another are copies that a PACS edited: their pixels need no look.
        return Contest(
            current=current, new=new, corrects=corrects, is_same_image=bool(corrects) and is_same_image(was, is_now)
        )

    def _replace(self, contests: Sequence[Contest], *, source: str) -> int:
        count = 0
        with write(self._engine) as connection:
            for contest in contests:
                count += _take_place(connection, contest, source)
        Catalogue(self._engine, self._files).fill()
        return count


def _take_place(connection: Connection, contest: Contest, source: str) -> bool:
    """Let a content count, inside the caller's transaction; False where another came before."""
    current, new, now = contest.current, contest.new, dt.datetime.now(dt.UTC)
    counts = (instances.c.id == current.id) & ~instances.c.is_conflict
    aside = {"is_conflict": True, "content_state": ContentState.SUPERSEDED}
    if connection.execute(sa.update(instances).where(counts).values(**aside)).rowcount == 0:
        return False
    first = {"is_conflict": False, "content_state": ContentState.CURRENT}
    connection.execute(sa.update(instances).where(instances.c.id == new.id).values(**first))
    uid = new.key.sop_instance_uid
    row = {"sop_instance_uid": uid, "replaced_id": current.id, "current_id": new.id, "made_at": now, "source": source}
    connection.execute(sa.insert(corrections).values(**row))
    stopped = _withdraw_readers(connection, current.id, now)
    concerned = sorted({current.key.study_instance_uid, new.key.study_instance_uid})
    for study in concerned:
        look_again(connection, study)
    reconsider(connection, concerned)
    log.warning(
        "correction accepted: the new content replaces the old",
        sop_instance_uid=uid,
        study=new.key.study_instance_uid,
        was_in_study=current.key.study_instance_uid,
        source=source,
        differ=contest.corrects,
        jobs_withdrawn=stopped,
    )
    return True


def _withdraw_readers(connection: Connection, instance_id: int, now: dt.datetime) -> list[int]:
    """Withdraw every job that read a content which counts no more, and return their numbers."""
    query = (
        sa.select(jobs.c.id)
        .join_from(jobs, job_inputs, jobs.c.id == job_inputs.c.job_id)
        .where((job_inputs.c.instance_id == instance_id) & job_inputs.c.is_read & (jobs.c.withdrawal == ""))
        .order_by(jobs.c.id)
    )
    found = [row.id for row in connection.execute(query)]
    for job_id in found:
        withdraw(connection, job_id, reason=CORRECTED, now=now)
    return found


def withdraw(connection: Connection, job_id: int, *, reason: str, now: dt.datetime) -> None:
    """Note inside the caller's transaction that the results of a job are not valid any more.

    A job that is being read or sent is stopped: its worker keeps nothing, and what waits is not sent. What has been
    sent is not called back by this: `node.corrected` does so at the scheduler's next tick.
    """
    this = jobs.c.id == job_id
    connection.execute(sa.update(jobs).where(this).values(withdrawal=reason))
    stopped = {"state": JobState.CANCELED, "ended_at": now, "reason": f"{WITHDRAWN}: {reason}"}
    connection.execute(sa.update(jobs).where(this & jobs.c.state.in_(OPEN_STATES)).values(**stopped, **FREE))


def _is(state: ContentState) -> sa.ColumnElement[bool]:
    return instances.c.content_state == state
