"""What each job reads, recorded once when the job is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dicomnode.records import KeptInstance
from dicomnode.store.engine import read, upsert, write
from dicomnode.store.files import FileStore
from dicomnode.store.kept import to_kept
from dicomnode.store.schema import instances, job_inputs, job_selections, jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInputs:
    """What a job is made for."""

    read: Sequence[KeptInstance]
    """The instances that it reads."""
    beside: Sequence[KeptInstance] = ()
    """The other instances of the same patient in the study: they say whose the answer is if none that is read can."""


def is_of_same_images(job_id: int) -> sa.ColumnElement[bool]:
    """Condition that a job was made for some image that this one was made for as well: both are of one patient.

    Two jobs of a study need not be: a study may hold images of several patients. A job without inputs, of a study that
    had no images to read, is of all its study.
    """
    ours = sa.select(job_inputs.c.instance_id).where(job_inputs.c.job_id == job_id)
    theirs = sa.select(job_inputs.c.instance_id).where(job_inputs.c.job_id == jobs.c.id)
    return sa.or_(
        theirs.where(job_inputs.c.instance_id.in_(ours)).exists(), ~theirs.exists(), ~ours.correlate(None).exists()
    )


class InputStore:
    """The tables of what jobs read.

    Does: record the instances of a job once, give them back whatever the rules or the study have become since; keep
    what was said of each series.
    Does not: choose the instances (the planner does) or the series (the worker does).
    """

    def __init__(self, engine: Engine, files: FileStore) -> None:
        self._engine = engine
        self._files = files

    @staticmethod
    def record(
        connection: Connection, job_id: int, read: Sequence[KeptInstance], beside: Sequence[KeptInstance] = ()
    ) -> None:
        """Record what a job reads, inside the transaction that adds the job.

        Parameters
        ----------
        beside
            As in `JobInputs`.
        """
        rows = [
            {"job_id": job_id, "instance_id": instance.id, "is_read": is_read}
            for kept, is_read in ((read, True), (beside, False))
            for instance in kept
        ]
        if rows:
            connection.execute(sa.insert(job_inputs), rows)

    def of(self, job_id: int) -> list[KeptInstance]:
        """The instances that a job reads, oldest first."""
        return self._select((job_inputs.c.job_id == job_id) & job_inputs.c.is_read)

    def with_beside(self, job_id: int) -> list[KeptInstance]:
        """All instances that a job was made for, oldest first: those of one patient in the study."""
        return self._select(job_inputs.c.job_id == job_id)

    def note_selection(self, job_id: int, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what was said of each series: which was read, which was not and why; the last word counts.

        Parameters
        ----------
        rows
            One for each series, of plain JSON values.
        """
        with write(self._engine) as connection:
            statement = upsert(connection.dialect.name, job_selections).values(job_id=job_id, series=list(rows))
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[job_selections.c.job_id], set_={"series": statement.excluded.series}
                )
            )

    def selection_of(self, job_id: int) -> list[dict[str, Any]]:
        """What was said of each series; [] where nothing was."""
        query = sa.select(job_selections.c.series).where(job_selections.c.job_id == job_id)
        with read(self._engine) as connection:
            return list(connection.execute(query).scalar() or [])

    def _select(self, condition: sa.ColumnElement[bool]) -> list[KeptInstance]:
        query = (
            sa.select(instances)
            .join_from(instances, job_inputs, instances.c.id == job_inputs.c.instance_id)
            .where(condition)
            .order_by(instances.c.id)
        )
        with read(self._engine) as connection:
            return [to_kept(row, self._files) for row in connection.execute(query)]
