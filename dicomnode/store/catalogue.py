"""The catalogue: what each study and series is called, one row each.

The row of a study says what the first of its instances that counts says, an image before a result of ours. It is
written in the transaction that makes that instance durable. Where the instance counts no more, the row is emptied in
the same transaction and read again from the next one, so that it never names a patient whose images are elsewhere.
How many instances a study has, its modalities and its patients are counted by query (`store.listing`).
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from dicomnode.errors import StorageError, UnsupportedImageError
from dicomnode.records import SeriesFacts, StudyFacts
from dicomnode.store.engine import read, upsert, write
from dicomnode.store.files import FileStore
from dicomnode.store.schema import catalogue_series, catalogue_studies, instances

_FOLDED = ("patient_name", "referring_physician")
"""Names that are searched whatever their case and accents (PS3.4 C.2.2.2.1)."""
_BATCH = 50
"""Rows that are read at one tick of the scheduler."""


def folded(name: str) -> str:
    """A name as it is searched: in one case, without accents."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


def record(connection: Connection, row: dict[str, Any], study: StudyFacts | None, series: SeriesFacts | None) -> None:
    """Note what an instance that counts says, inside the transaction that makes it durable.

    Parameters
    ----------
    row
        Its row of the instances table.
    study, series
        None: not known; they are read from its file later.
    """
    uids = {name: row[name] for name in ("study_instance_uid", "series_instance_uid")}
    at = {"received_at": row["received_at"], "last_received_at": row["received_at"]}
    common = {"is_own": row["is_own"]}
    of_study = _values(catalogue_studies, study) | common | at | {"needs_reading": study is None}
    _upsert(connection, catalogue_studies, {"study_instance_uid": row["study_instance_uid"], **of_study})
    of_series = _values(catalogue_series, series) | common | {"needs_reading": series is None}
    _upsert(connection, catalogue_series, {**uids, **of_series})


def _upsert(connection: Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Add a row, or let it say what is known now where it says nothing, or only what a result of ours does."""
    connection.execute(_upsert_statement(connection.dialect.name, table), values)


@cache
def _upsert_statement(dialect: str, table: sa.Table) -> Any:
    """The statement with every column as a parameter, built once: to build it takes longer than to run it."""
    statement = upsert(dialect, table).values({column.name: sa.bindparam(column.name) for column in table.columns})
    # A result of ours may name whom its images were of before they were corrected: the images are read instead.
    is_better = (table.c.needs_reading | table.c.is_own) & ~statement.excluded.is_own
    kept = {column.name for column in table.primary_key} | {"received_at", "last_received_at"}
    news: dict[str, Any] = {
        column.name: sa.case((is_better, statement.excluded[column.name]), else_=column)
        for column in table.columns
        if column.name not in kept
    }
    if "last_received_at" in table.c:
        news["last_received_at"] = statement.excluded.last_received_at
    return statement.on_conflict_do_update(index_elements=[*table.primary_key], set_=news)


def reconsider(connection: Connection, study_instance_uids: Iterable[str]) -> None:
    """Empty the rows of studies whose instances count no more or anew, inside the caller's transaction.

    The rows are read again later (`Catalogue.fill`); of a study in which nothing counts any more none is left.
    """
    for uid in sorted(set(study_instance_uids)):
        for table in (catalogue_studies, catalogue_series):
            connection.execute(sa.delete(table).where(table.c.study_instance_uid == uid))
        is_own = sa.func.min(sa.cast(instances.c.is_own, sa.Integer))
        first, last = (at(instances.c.received_at) for at in (sa.func.min, sa.func.max))
        counting = (instances.c.study_instance_uid == uid) & ~instances.c.is_conflict
        query = sa.select(
            instances.c.series_instance_uid, is_own.label("is_own"), first.label("first"), last.label("last")
        ).where(counting)
        rows = connection.execute(query.group_by(instances.c.series_instance_uid)).all()
        times = [(at, row.series_instance_uid, bool(row.is_own)) for row in rows for at in (row.first, row.last)]
        for at, series, series_is_own in sorted(times):
            row = {"study_instance_uid": uid, "series_instance_uid": series, "is_own": series_is_own}
            record(connection, row | {"received_at": at}, None, None)


class Catalogue:
    """The catalogue tables.

    Does: read the headers of studies and series that the tables do not describe yet.
    Does not: list or search them.
    """

    def __init__(self, engine: Engine, files: FileStore) -> None:
        self._engine = engine
        self._files = files

    def fill(self) -> int:
        """Read what some rows are to say, and return how many rows were read; 0: nothing is left to be read.

        Of a study, one file is read, and one of each series: the first instance that counts. A file that cannot be
        read now is tried again at the next call.
        """
        return sum(self._fill(table) for table in (catalogue_studies, catalogue_series))

    def _fill(self, table: sa.Table) -> int:
        first = _counting(table).order_by(instances.c.is_own, instances.c.is_prior, instances.c.id).limit(1)
        query = sa.select(*table.primary_key, first.scalar_subquery().label("first")).where(table.c.needs_reading)
        with read(self._engine) as connection:
            rows = connection.execute(query.limit(_BATCH)).all()
            wanted = sa.select(instances.c.id, instances.c.path, instances.c.is_own)
            found = connection.execute(wanted.where(instances.c.id.in_([row.first for row in rows]))).all()
        files = {row.id: row for row in found}
        done = 0
        for row in rows:
            key = sa.and_(*(column == getattr(row, column.name) for column in table.primary_key))
            if row.first is None:
                self._remove(table, key)
                continue
            file = files[row.first]
            with suppress(StorageError):
                values = _values(table, _facts_of_file(table, self._files.path(file.path)))
                self._write(table, key, row.first, values | {"is_own": file.is_own, "needs_reading": False})
                done += 1
        return done

    def _write(self, table: sa.Table, key: sa.ColumnElement[bool], first: int, values: dict[str, Any]) -> None:
        """Describe a row, unless its instance has been corrected since the row was found."""
        still = sa.select(instances.c.id).where((instances.c.id == first) & ~instances.c.is_conflict).exists()
        with write(self._engine) as connection:
            connection.execute(sa.update(table).where(key & table.c.needs_reading & still).values(**values))

    def _remove(self, table: sa.Table, key: sa.ColumnElement[bool]) -> None:
        with write(self._engine) as connection:
            connection.execute(sa.delete(table).where(key & ~_counting(table).exists()))


def _counting(table: sa.Table) -> sa.Select[Any]:
    """Numbers of the instances that count in a row's study or series."""
    same = [getattr(instances.c, column.name) == column for column in table.primary_key]
    return sa.select(instances.c.id).where(~instances.c.is_conflict, *same).correlate(table)


def _facts_of_file(table: sa.Table, path: Path) -> StudyFacts | SeriesFacts:
    """What a file's header says; nothing where the file is gone or cannot be read as DICOM."""
    from dicomnode.dicom.catalogue import CATALOGUE_ELEMENTS, series_facts, study_facts
    from dicomnode.dicom.reading import read_header

    is_study = table is catalogue_studies
    try:
        ds = read_header(path, CATALOGUE_ELEMENTS)
    except UnsupportedImageError:
        return StudyFacts() if is_study else SeriesFacts()
    return study_facts(ds) if is_study else series_facts(ds)


def _values(table: sa.Table, facts: StudyFacts | SeriesFacts | None) -> dict[str, Any]:
    """Column values, cut to what the columns take; empty ones where nothing is known."""
    known = facts or (StudyFacts() if table is catalogue_studies else SeriesFacts())
    values = {field.name: getattr(known, field.name) for field in fields(known)}
    values |= {f"{name}_folded": folded(values[name]) for name in _FOLDED if name in values}
    return {name: _fitting(table.c[name], value) for name, value in values.items()}


def _fitting(column: sa.Column[Any], value: str | dt.date | dt.time | int | None) -> Any:
    if not isinstance(value, str):
        return value
    assert isinstance(column.type, sa.String)  # noqa: S101  # narrows the type
    return value.encode("utf-8", "replace").decode("utf-8")[: column.type.length]
