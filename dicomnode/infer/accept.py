"""Which images of a study a bundle may read, judged by the header of each image alone.

Every check looks at one frame and says what is wrong with it; `selection` then chooses among what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from dicomnode.dicom.elements import functional_group, items, number, text, texts
from dicomnode.errors import NotApplicableError, PermanentError, UnsupportedImageError
from dicomnode.infer.manifest import Accepts
from dicomnode.records import MISSING, UNKNOWN, Omission, Reason, ReasonCode, reason

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

_VIEW_NAMES = {
    "FRONTAL": "",  # either
    "ANTEROPOSTERIOR": "AP",
    "POSTEROANTERIOR": "PA",
}
_POSTURE = re.compile(r"[ _-]+(?:SUPINE|ERECT|SEMI[ _-]?ERECT|UPRIGHT|SITTING|STANDING|LYING|BED(?:SIDE)?|PORTABLE)")
"""Posture that some devices append to the projection in View Position."""

_LOCALIZER = re.compile(r"LOCALI[SZ]ER|SCOUT|SCANO\w*|TOPO\w*|TOP|SURVEY|SURVIEW|PLAN|PLANSCAN|PILOT")
_RENDERED = re.compile(
    r"MIP|MINIP|MNIP|MAXIP|PROJECTION|VR|VRT|3D|SSD|RENDER\w*|CURVED|CPR|RAYSUM|SUBTRACT\w*|SUB|FUSED|FUSION|"
    r"PERFUSION|CBF|CBV|MTT|TTP|TMAX|PBV|SEGMENT\w*|MASK|SCREEN|SCREENSAVE|DOSE|PROTOCOL|POSDISP|CAD"
)
_MATERIAL = re.compile(
    r"MAT_(?:SPECIFIC|REMOVED|FRACTIONAL|MODIFIED|VALUE_BASED)|EFF_ATOMIC_NUM|ELECTRON_DENSITY|Z_?EFF|RHO_?Z?|"
    r"IODINE\w*|IOD|CALCIUM\w*|URIC\w*|FAT_FRACTION|VNC|MGML|HU_MOD|EDW?|PCT"
)
"""Image Type values 4 of multi-energy CT (PS3.3 C.8.2.1.1.1, C.8.15.2.1.1), and what makers wrote before them."""
_REFORMATTED = re.compile(r"REFORMAT\w*|MPR|AVERAGE|AVG|AVE|MEAN|RESAMPLED|VMI|MONO\w*|MONOENERGETIC")
_HINTED = re.compile(
    r"MIPS?|MINIPS?|MNIP|MAXIP|VRT|SSD|CPR|RAYSUM|SUBTRACT\w*|PERFUSION|CBF|CBV|MTT|TTP|TMAX|PBV|"
    r"IODINE|JOD|IODE|YODO|VNC|Z_?EFF|RHO|MONO(?:E|ENERG\w*|CHROM\w*|PLUS)?|(?:\d+_?)?KEV|HU_?MOD|UPTAKE"
)
"""Words of a CT's Series Description for what belongs in Image Type: a rendering, a map, one energy."""
_LATERAL = re.compile(r"\b(?:LAT|LATERAL\w*|LL|SEITLICH\w*|PROFIL|PERFIL)\b|侧位|側位")
_NOT_LATERAL = re.compile(r"\b(?:PA|AP|P\.A|A\.P|FRONTAL\w*|FACE|DECUB\w*)\b|正")
"""Together with a word for lateral: both views, or a frontal film of a patient lying on the side."""
_HOUNSFIELD = re.compile(r"HU|H\.U\.|HOUNSFIELD(?: UNITS?)?")
UNSPECIFIED = ("", "US")
"""Rescale Types by which values may be Hounsfield units: none means HU in a CT (PS3.3 C.8.2.1), US is "unspecified"."""


class Misfit(NamedTuple):
    """Why a frame is not read."""

    reason: Omission
    why: Reason | str

    @property
    def sentence(self) -> str:
        """Why, in English, without patient data."""
        return str(self.why)


def misfit(ds: Dataset, frame_number: int, accepts: Accepts) -> Misfit | None:
    """Why a bundle does not read a frame; None if it may.

    Parameters
    ----------
    frame_number
        1-based.
    """
    for omission, check in CHECKS.items():
        why = check(ds, frame_number, accepts)
        if why is not None:
            return Misfit(omission, why)
    return None


def error_of(misfits: Sequence[Misfit]) -> PermanentError:
    """The error for a study of which nothing can be read: what those images lack that came farthest.

    Of images that another check lets through, what the first check says of other images is of no interest.
    """
    if not misfits:
        return NotApplicableError(reason(ReasonCode.NO_INSTANCE))
    order = [*CHECKS, Omission.NO_POSITION, Omission.NOT_AXIAL, Omission.GEOMETRY]
    farthest = max((one.reason for one in misfits), key=order.index)
    told = {one.sentence: one.why for one in misfits if one.reason is farthest}
    why = [told[sentence] for sentence in sorted(told)[:3]]
    unreadable = (Omission.NO_IMAGE, Omission.NO_POSITION, Omission.GEOMETRY)
    return UnsupportedImageError(*why) if farthest in unreadable else NotApplicableError(*why)


def first_of(error: PermanentError) -> Reason | str:
    """The reason of an error about one image."""
    (why,) = error.why
    return why if isinstance(why, Reason) else str(why)


def view(ds: Dataset) -> str:
    """Projection of a radiograph: View Position, else View Code, else what Patient Orientation rules out.

    Where no element says anything, a Series Description that names the lateral view alone is believed.

    Returns
    -------
    Upper-case letters as in View Position (0018,5101); "LATERAL" where columns run front to back; "" where unknown.
    """
    position = _POSTURE.sub("", text(ds, "ViewPosition").upper())
    spelled = re.sub(r"[ _-]+", "", position)
    if spelled in _VIEW_NAMES:
        return _VIEW_NAMES[spelled]
    codes = items(ds, "ViewCodeSequence")
    if position or not codes:
        orientation = texts(ds, "PatientOrientation")
        is_sagittal = any(one[:1] in ("A", "P") for one in orientation)
        is_lateral = is_sagittal or (not orientation and _is_described_lateral(ds))
        return position or ("LATERAL" if is_lateral else "")
    code = text(codes[0], "CodeValue")
    return _VIEW_CODES.get(code, code)


def _is_described_lateral(ds: Dataset) -> bool:
    said = text(ds, "SeriesDescription").upper().replace("_", " ")
    return _LATERAL.search(said) is not None and _NOT_LATERAL.search(said) is None


def image_type(ds: Dataset, frame_number: int) -> tuple[str, ...]:
    """Image Type (0008,0008) of a frame in upper case; that of a multi-frame CT stands in its Frame Type."""
    group = functional_group(ds, frame_number, "CTImageFrameTypeSequence")
    found = () if group is None else texts(group, "FrameType")
    return tuple(one.upper() for one in found or texts(ds, "ImageType"))


def is_reformatted(values: Sequence[str]) -> bool:
    """Whether an Image Type says that slices were computed from others: reformatted, averaged, mono-energetic."""
    return _names(values, _REFORMATTED) != ""


def hinted_kind(ds: Dataset) -> str:
    """Word by which the Series Description of a CT says that it may be a rendering or a map; "" where none does."""
    return _names([text(ds, "SeriesDescription").upper()], _HINTED)


def rescale_type(ds: Dataset, frame_number: int) -> str:
    """Rescale Type (0028,1054) or Modality LUT Type (0028,3004) of a frame in upper case; "" where absent."""
    tables = items(ds, "ModalityLUTSequence")
    where = functional_group(ds, frame_number, "PixelValueTransformationSequence") or ds
    return (text(tables[0], "ModalityLUTType") if tables else text(where, "RescaleType")).upper()


def _names(values: Sequence[str], pattern: re.Pattern[str]) -> str:
    """First of some values, or of the words in them, that a pattern matches."""
    words = [word for one in values for word in (one, one.replace(" ", "_"), *re.split(r"[^A-Z0-9_]+|_", one))]
    return next((word for word in words if pattern.fullmatch(word)), "")


def _wrong_modality(ds: Dataset, _frame: int, accepts: Accepts) -> Reason | None:
    return _wrong(ReasonCode.MODALITY, text(ds, "Modality").upper() or MISSING, accepts.modalities)


def _no_image(ds: Dataset, _frame: int, _accepts: Accepts) -> Reason | None:
    if (number(ds, "Rows") or 0) > 0 and (number(ds, "Columns") or 0) > 0:
        return None
    return reason(ReasonCode.NO_IMAGE, modality=text(ds, "Modality"), uid=text(ds, "SOPInstanceUID"))


def _for_processing(ds: Dataset, _frame: int, _accepts: Accepts) -> Reason | None:
    is_raw = text(ds, "PresentationIntentType").upper() == "FOR PROCESSING"
    return reason(ReasonCode.FOR_PROCESSING) if is_raw else None


def _localizer(ds: Dataset, frame: int, accepts: Accepts) -> Reason | None:
    found = _names(image_type(ds, frame), _LOCALIZER) if accepts.kind == "ct" else ""
    return reason(ReasonCode.LOCALIZER, found=found) if found else None


def _rendered(ds: Dataset, frame: int, accepts: Accepts) -> Reason | None:
    if accepts.kind != "ct":
        return None
    is_capture = text(ds, "SOPClassUID").startswith(SecondaryCaptureImageStorage)
    found = "SECONDARY CAPTURE" if is_capture else _names(image_type(ds, frame), _RENDERED)
    return reason(ReasonCode.RENDERED, found=found) if found else None


def _not_hounsfield(ds: Dataset, frame: int, accepts: Accepts) -> Reason | None:
    if accepts.kind != "ct":
        return None
    found = rescale_type(ds, frame)
    if found not in UNSPECIFIED and not _HOUNSFIELD.fullmatch(found):
        return reason(ReasonCode.RESCALE_TYPE, found=_short(found))
    material = _names(image_type(ds, frame), _MATERIAL)
    return reason(ReasonCode.IMAGE_TYPE, found=material) if material else None


def _wrong_body_part(ds: Dataset, _frame: int, accepts: Accepts) -> Reason | None:
    return _wrong(ReasonCode.BODY_PART, text(ds, "BodyPartExamined").upper(), accepts.body_parts)


def _wrong_view(ds: Dataset, _frame: int, accepts: Accepts) -> Reason | None:
    return _wrong(ReasonCode.VIEW, view(ds), accepts.views)


def _wrong(code: ReasonCode, found: str, allowed: Sequence[str]) -> Reason | None:
    if not found or not allowed or found in {one.upper() for one in allowed}:
        return None
    return reason(code, found=_short(found), allowed=", ".join(allowed))


def _short(value: str) -> str:
    """A header's value for a message: what is no short code may be anything, a name included."""
    return value if value == MISSING or re.fullmatch(r"[A-Z0-9_/%. -]{1,16}", value) else UNKNOWN


def _too_small(ds: Dataset, _frame: int, accepts: Accepts) -> Reason | None:
    rows, columns = number(ds, "Rows") or 0, number(ds, "Columns") or 0
    if rows >= accepts.min_rows and columns >= accepts.min_columns:
        return None
    return reason(
        ReasonCode.MATRIX,
        rows=round(rows),
        columns=round(columns),
        least_rows=accepts.min_rows,
        least_columns=accepts.min_columns,
    )


CHECKS: dict[Omission, Callable[[Dataset, int, Accepts], Reason | None]] = {
    Omission.MODALITY: _wrong_modality,
    Omission.NO_IMAGE: _no_image,
    Omission.FOR_PROCESSING: _for_processing,
    Omission.LOCALIZER: _localizer,
    Omission.RENDERED: _rendered,
    Omission.NOT_HU: _not_hounsfield,
    Omission.BODY_PART: _wrong_body_part,
    Omission.VIEW: _wrong_view,
    Omission.MATRIX: _too_small,
}
"""In their order; each says what is wrong, or nothing."""
