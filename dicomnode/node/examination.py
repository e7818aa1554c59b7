"""What was done, from the headers of a study's images."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from dicomnode.dicom.elements import date, number, text
from dicomnode.records import Examination


def examination(headers: Sequence[Dataset]) -> Examination | None:
    """Describe the examination that headers tell of; None where there is none.

    What differs between the images is left out, but for the views.
    """
    if not headers:
        return None
    thicknesses = {number(ds, "SliceThickness") for ds in headers}
    thickness = thicknesses.pop() if len(thicknesses) == 1 else None
    dates = {date(ds, "StudyDate") for ds in headers} - {None}
    return Examination(
        modality=_common(headers, "Modality"),
        body_part=_common(headers, "BodyPartExamined"),
        views=tuple(sorted({text(ds, "ViewPosition") for ds in headers} - {""})),
        images=len(headers),
        slice_thickness_mm=thickness if thickness and thickness > 0 else None,
        study_date=dates.pop() if len(dates) == 1 else None,
    )


def _common(headers: Sequence[Dataset], keyword: str) -> str:
    values = {text(ds, keyword) for ds in headers} - {""}
    return values.pop() if len(values) == 1 else ""
