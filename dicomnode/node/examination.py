"""What was done, from the headers of a study's images."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom import Dataset

from dicomnode.dicom.elements import date, holder, number, text
from dicomnode.dicom.pixels import frame_count
from dicomnode.infer.accept import view
from dicomnode.records import Examination

_SLICES = ("CT", "MR", "PT")


def examination(headers: Sequence[Dataset]) -> Examination | None:
    """Describe the examination that headers tell of; None where there is none.

    What differs between the images is left out, but for the views.

    Parameters
    ----------
    headers
        Of the images that were read; of all where none was.
    """
    if not headers:
        return None
    thicknesses = {thickness for ds in headers for thickness in _thicknesses(ds)}
    thickness = thicknesses.pop() if len(thicknesses) == 1 else None
    dates = {date(ds, "StudyDate") for ds in headers} - {None}
    return Examination(
        modality=_common(headers, "Modality"),
        body_part=_common(headers, "BodyPartExamined"),
        views=tuple(sorted({_view(ds) for ds in headers} - {""})),
        images=len(headers),
        slice_thickness_mm=thickness if thickness and thickness > 0 else None,
        study_date=dates.pop() if len(dates) == 1 else None,
    )


def _view(ds: Dataset) -> str:
    """Projection of a film where it has a name; a slice has none."""
    shown = view(ds)
    return shown if re.fullmatch("[A-Z]{2,8}", shown) and text(ds, "Modality").upper() not in _SLICES else ""


def _thicknesses(ds: Dataset) -> set[float | None]:
    """Slice Thickness of every frame, mm; that of a multi-frame CT stands in its functional groups."""
    holders = (holder(ds, n, "PixelMeasuresSequence", "SliceThickness") for n in range(1, frame_count(ds) + 1))
    return {number(one, "SliceThickness") for one in holders}


def _common(headers: Sequence[Dataset], keyword: str) -> str:
    """The code that an element of VR CS holds in all headers; what is none (PS3.5 6.2) may be anything, a name too."""
    values = {text(ds, keyword) for ds in headers} - {""}
    found = values.pop() if len(values) == 1 else ""
    return found if re.fullmatch(r"[A-Za-z0-9_ ]{1,16}", found) else ""
