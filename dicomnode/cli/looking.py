"""What the listings share: the options that choose rows, and the index opened to be read only."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dicomnode.cli.common import err
from dicomnode.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from dicomnode.node.rooms import Stores
    from dicomnode.settings import Settings
    from dicomnode.store.listing import Page, Wanted

_TIME = "a date (2026-11-27), a time (2026-11-27T14:30), or an age (30m, 2h, 3d, 1w)"
_AGE = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LARGEST_JOB = 2**31 - 1
_PATIENT = ("patient_name", "patient_id", "issuer", "birth_date", "sex")
"""Columns that only `--show-patients` shows."""

AccessionOption = Annotated[str, typer.Option(help="Only this accession number; * stands for any characters.")]
ModalityOption = Annotated[str, typer.Option(help="Only studies with images of this modality, for example CT.")]
SinceOption = Annotated[str, typer.Option(help=f"Received at or after: {_TIME}.", metavar="WHEN")]
UntilOption = Annotated[
    str, typer.Option(help="Received before then, written as for --since; a date includes that day.", metavar="WHEN")
]
LimitOption = Annotated[int, typer.Option(min=0, help="Show at most this many rows; 0 shows all.")]
WideOption = Annotated[bool, typer.Option("--wide", help="Show more columns and the UIDs, in lines of any length.")]
PatientsOption = Annotated[bool, typer.Option("--show-patients", help="Show patient names and IDs, in JSON too.")]
PatientOption = Annotated[
    str, typer.Option(help="Only this Patient ID, or names beginning with this text; needs --show-patients.")
]


@contextmanager
def index(settings: Settings) -> Iterator[Engine]:
    """The index of a data folder, opened to be read: nothing is made, and nothing is migrated.

    Raises
    ------
    PermanentError
        If there is no data folder or no index, or the index was made by another release.
    TransientError
        If it cannot be read.
    """
    from dicomnode.store.engine import open_engine

    require_data(settings)
    engine = open_engine(settings.store, is_reader=True)
    try:
        yield engine
    finally:
        engine.dispose()


def stores_to_change(settings: Settings) -> Stores:
    """The stores of a data folder that is there: a command that changes something does not make one.

    Raises
    ------
    PermanentError
        If there is no data folder.
    SettingsError, TransientError
        As `node.rooms.open_stores`.
    """
    from dicomnode.node.rooms import open_stores

    require_data(settings)
    return open_stores(settings)


def require_data(settings: Settings) -> Path:
    """The data folder, which must be there.

    Raises
    ------
    PermanentError
        If it is not.
    """
    folder = settings.store.data_dir
    if not folder.is_dir():
        raise PermanentError(f"there is no data folder at {folder} (store.data_dir); `dicomnode serve` makes it")
    return folder


def wanted(  # noqa: PLR0913  # one option a parameter
    *,
    accession: str = "",
    modality: str = "",
    since: str = "",
    until: str = "",
    state: str = "",
    patient: str = "",
    limit: int = 50,
    show_patients: bool = False,
) -> Wanted:
    """What the options of a listing ask for.

    Raises
    ------
    typer.BadParameter
        If a time is none, or patients are searched for without being shown.
    """
    from dicomnode.store.listing import Wanted

    if patient and not show_patients:
        raise typer.BadParameter("needs --show-patients: it tells whose studies these are", param_hint="--patient")
    return Wanted(
        accession=accession,
        modality=modality,
        since=_moment(since, "--since", is_end=False) if since else None,
        until=_moment(until, "--until", is_end=True) if until else None,
        state=state,
        patient=patient,
        limit=limit,
    )


def _moment(text: str, option: str, *, is_end: bool) -> dt.datetime:
    """A time of an option; a date is its beginning, or its end where it ends a range."""
    try:
        if age := _AGE.fullmatch(text.strip().lower()):
            return dt.datetime.now(dt.UTC) - dt.timedelta(**{_UNITS[age[2]]: int(age[1])})
        read = dt.datetime.fromisoformat(text.strip())
        is_date = len(text.strip()) <= len("2026-11-27")
        return (read + dt.timedelta(days=1) if is_end and is_date else read).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not {_TIME}", param_hint=option) from None


def without_patients(rows: Sequence[dict[str, Any]], *, show_patients: bool) -> list[dict[str, Any]]:
    """Rows as they may be shown: patients only where asked for, and no name where images of several are mixed."""
    return [_told(row, show_patients=show_patients) for row in rows]


def _told(row: dict[str, Any], *, show_patients: bool) -> dict[str, Any]:
    if not show_patients:
        return {name: value for name, value in row.items() if name not in _PATIENT}
    if row.get("patients", 1) > 1:
        return row | dict.fromkeys(_PATIENT) | {"patient_name": f"{row['patients']} patients mixed"}
    return row


def tell_rest(page: Page) -> None:
    """Say how many rows the limit left out."""
    if page.total > len(page.rows):
        err.print(f"{page.total - len(page.rows)} more; --limit 0 shows all")


def one_study(engine: Engine, name: str) -> str:
    """Study Instance UID of the study that a command names, by its UID or its accession number; "" if there is none.

    Raises
    ------
    PermanentError
        If several studies have this accession number.
    """
    from dicomnode.store.listing import studies_called

    found = studies_called(engine, name)
    if len(found) > 1:
        raise PermanentError(f"{len(found)} studies have the accession number {name}; name one: {', '.join(found)}")
    return next(iter(found), "")


def job_number(target: str) -> int | None:
    """The number of a job where a command names one, not a study."""
    is_number = target.isascii() and target.isdecimal() and len(target) <= len(str(LARGEST_JOB))
    return int(target) if is_number and 0 < int(target) <= LARGEST_JOB else None


def study_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that say which study a row is about."""
    return {
        "accession": row["accession_number"],
        "modality": row["modalities"],
        "study_date": row["study_date"],
        "description": row["description"],
        "patient": row.get("patient_name"),
        "patient_ID": row.get("patient_id"),
        "study_UID": row["study_instance_uid"],
    }


STUDY_COLUMNS = ("accession", "modality", "study_date", "description")
PATIENT_COLUMNS = ("patient", "patient_ID")
