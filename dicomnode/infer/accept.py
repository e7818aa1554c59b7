"""Which instances of a study a bundle reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydicom import Dataset

from dicomnode.dicom.elements import items, number, text, texts
from dicomnode.errors import NotApplicableError, UnsupportedImageError
from dicomnode.infer.manifest import Accepts

_VIEW_CODES = {
    "399348003": "AP",
    "272479007": "PA",
    "399067008": "LATERAL",
    "399173006": "LL",
    "399198007": "RL",
    "399135007": "LAO",
    "399356000": "RAO",
    "399006002": "LPO",
    "399038007": "RPO",
    "399033003": "",  # frontal: either
    "R-10206": "AP",  # the same concepts as older equipment codes them
    "R-10214": "PA",
    "R-40888": "PA",
    "R-10202": "",
}
"""Codes of PS3.16 CID 4010 (SNOMED CT, before it SNOMED RT), as View Position (0018,5101) writes them."""


class Header(NamedTuple):
    """One instance of the study, without its pixels."""

    path: Path
    ds: Dataset


def accepted(headers: Sequence[Header], accepts: Accepts) -> list[Header]:
    """Pick the instances that a bundle reads.

    Raises
    ------
    NotApplicableError
        If there is none; the message says for each kind of misfit what would be right.
    UnsupportedImageError
        If there are instances of the right modality, but none of them is an image.
    """
    fitting = list(headers)
    for misfit in _CHECKS:
        reasons = {header.path: misfit(header.ds, accepts) for header in fitting}
        left = [header for header in fitting if not reasons[header.path]]
        if not left:
            said = "; ".join(sorted({reason for reason in reasons.values() if reason})[:3])
            raise _error_of(misfit)(said or "the study has no instance")
        fitting = left
    return fitting


def _error_of(misfit: Misfit) -> type[NotApplicableError | UnsupportedImageError]:
    return UnsupportedImageError if misfit is _no_image else NotApplicableError


def view(ds: Dataset) -> str:
    """Projection of a radiograph: View Position, else View Code, else what Patient Orientation rules out.

    Returns
    -------
    Upper-case letters as in View Position (0018,5101); "LATERAL" where columns run front to back; "" where unknown.
    """
    position = text(ds, "ViewPosition").upper()
    codes = items(ds, "ViewCodeSequence")
    if position or not codes:
        orientation = texts(ds, "PatientOrientation")
        is_sagittal = any(one[:1] in ("A", "P") for one in orientation)
        return position or ("LATERAL" if is_sagittal else "")
    code = text(codes[0], "CodeValue")
    return _VIEW_CODES.get(code, code)


Misfit = Callable[[Dataset, Accepts], str]


def _wrong_modality(ds: Dataset, accepts: Accepts) -> str:
    return _wrong("Modality", text(ds, "Modality").upper() or "missing", accepts.modalities)


def _no_image(ds: Dataset, _accepts: Accepts) -> str:
    if (number(ds, "Rows") or 0) > 0 and (number(ds, "Columns") or 0) > 0:
        return ""
    return f"{text(ds, 'Modality')} instance {text(ds, 'SOPInstanceUID')} has no pixel data: Rows or Columns is missing"


def _for_processing(ds: Dataset, _accepts: Accepts) -> str:
    if text(ds, "PresentationIntentType").upper() != "FOR PROCESSING":
        return ""
    return "the image is FOR PROCESSING; the one FOR PRESENTATION is needed"


def _localizer(ds: Dataset, accepts: Accepts) -> str:
    if accepts.kind == "ct" and "LOCALIZER" in texts(ds, "ImageType"):
        return "the series is a LOCALIZER; axial slices are needed"
    return ""


def _wrong_body_part(ds: Dataset, accepts: Accepts) -> str:
    return _wrong("Body Part Examined", text(ds, "BodyPartExamined").upper(), accepts.body_parts)


def _wrong_view(ds: Dataset, accepts: Accepts) -> str:
    return _wrong("View Position", view(ds), accepts.views)


def _wrong(name: str, found: str, allowed: Sequence[str]) -> str:
    if not found or not allowed or found in {one.upper() for one in allowed}:
        return ""
    return f"{name} is {found}; the model reads {', '.join(allowed)}"


def _too_small(ds: Dataset, accepts: Accepts) -> str:
    rows, columns = number(ds, "Rows") or 0, number(ds, "Columns") or 0
    if rows >= accepts.min_rows and columns >= accepts.min_columns:
        return ""
    return (
        f"the frame has {rows:.0f} x {columns:.0f} pixels; the model needs "
        f"{accepts.min_rows} x {accepts.min_columns} or more"
    )


_CHECKS: tuple[Misfit, ...] = (
    _wrong_modality,
    _no_image,
    _for_processing,
    _localizer,
    _wrong_body_part,
    _wrong_view,
    _too_small,
)
"""Each narrows what the one before let through."""
