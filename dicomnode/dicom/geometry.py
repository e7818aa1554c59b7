"""Where frames lie: which way is up, where a slice is in the patient, how slices stack.

Patient coordinates are millimetres in the patient-based system (PS3.3 C.7.6.2.1.1): +x to the patient's left (L),
+y to the back (P), +z to the head (H).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from dicomnode.dicom.elements import holder, needed_numbers, number, numbers, text
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import ReasonCode, reason

_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_DIRECTION_TOLERANCE = 0.02  # largest difference of a direction cosine: about one degree
_POSITION_TOLERANCE_MM = 0.01
_GAP_FACTOR = 1.5  # of the usual distance between slices
_TILT_TOLERANCE_DEGREES = 1.0
_MOST_ASPECT = 4.0

UPRIGHT_FRONTAL = ("L", "F")
"""Patient's left on the viewer's right, head up: how a frontal film is hung."""
UPRIGHT_AXIAL = ("L", "P")
"""Patient's left on the viewer's right, nose up: how an axial slice is hung."""


class Plane(NamedTuple):
    """Where one frame lies in the patient."""

    position: tuple[float, float, float]
    """Centre of the first pixel, mm (Image Position (Patient))."""
    row_direction: tuple[float, float, float]
    """Unit vector along increasing columns."""
    column_direction: tuple[float, float, float]
    """Unit vector along increasing rows."""
    thickness_mm: float
    """Slice Thickness (0018,0050); 0 where the header has none."""

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector that slices are sorted along."""
        return np.cross(self.row_direction, self.column_direction)

    @property
    def letters(self) -> tuple[str, str]:
        """Direction of increasing columns and of increasing rows, as Patient Orientation writes it."""
        return _letter(self.row_direction), _letter(self.column_direction)

    @property
    def is_axial(self) -> bool:
        """Whether the slice lies across the body's long axis, gantry tilt included."""
        return int(np.argmax(np.abs(self.normal))) == 2


def _letter(direction: tuple[float, float, float]) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return ("LR", "PA", "HF")[axis][int(direction[axis] < 0)]


def turns_to_upright(orientation: Sequence[str], upright: tuple[str, str]) -> tuple[int, bool]:
    """Quarter turns (counter-clockwise, np.rot90) and then a flip of columns that hang a frame upright.

    Parameters
    ----------
    orientation
        Patient Orientation (0020,0020): where columns and where rows increase to, for example ("L", "F"). Of a
        compound direction ("LF") the first letter counts.
    upright
        The same two letters as they should be.

    Returns
    -------
    (0, False) where the orientation is absent, unknown or lies in another plane.
    """
    row, column = (*(one[:1] for one in orientation), "", "")[:2]
    if row not in _OPPOSITE or column not in _OPPOSITE:
        return 0, False
    for flip in (False, True):
        turned = (row, column)
        for quarters in range(4):
            shown = (_OPPOSITE[turned[0]], turned[1]) if flip else turned
            if shown == upright:
                return quarters, flip
            turned = (turned[1], _OPPOSITE[turned[0]])  # one np.rot90
    return 0, False


def made_upright(frame: NDArray[Any], rotate_quarters: int, flip_columns: bool) -> NDArray[Any]:
    """A frame as stored, turned and flipped."""
    turned = np.rot90(frame, rotate_quarters)
    return np.ascontiguousarray(turned[:, ::-1] if flip_columns else turned)


def calibrated_spacing_mm(ds: Dataset, frame_number: int) -> tuple[float, float] | None:
    """Pixel Spacing (0028,0030) of a frame, between the rows and between the columns, mm; None where it has none."""
    return _pair(holder(ds, frame_number, "PixelMeasuresSequence", "PixelSpacing"), "PixelSpacing")


def pixel_spacing_mm(ds: Dataset, frame_number: int) -> tuple[float, float] | None:
    """Distance between the rows and between the columns of a frame, mm; None where the header does not say.

    Of a radiograph that says nothing else, at the detector or on the scanned film.
    """
    calibrated = calibrated_spacing_mm(ds, frame_number)
    detector = holder(ds, frame_number, "FramePixelDataPropertiesSequence", "ImagerPixelSpacing")
    return calibrated or _pair(detector, "ImagerPixelSpacing") or _pair(ds, "NominalScannedPixelSpacing")


def pixel_aspect(ds: Dataset, frame_number: int) -> float:
    """Height of a pixel divided by its width; 1 where the header does not say.

    Raises
    ------
    UnsupportedImageError
        If one is more than four times the other: the header is wrong then, and nobody knows how.
    """
    pair = pixel_spacing_mm(ds, frame_number) or _pair(ds, "PixelAspectRatio") or (1.0, 1.0)
    aspect = pair[0] / pair[1]
    if not 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT:
        raise UnsupportedImageError(
            f"instance {text(ds, 'SOPInstanceUID')}: pixels cannot be {aspect:.3g} times as high as wide"
        )
    return aspect


def _pair(ds: Dataset, keyword: str) -> tuple[float, float] | None:
    """Two numbers above 0; None where the element holds anything else."""
    found = numbers(ds, keyword)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


def plane(ds: Dataset, frame_number: int) -> Plane | None:
    """Where a frame lies, from its functional groups or the header; None where the header does not say.

    Raises
    ------
    UnsupportedImageError
        If position or direction cosines are there and no numbers, or the cosines are not two unit vectors at right
        angles.
    """
    where = holder(ds, frame_number, "PlanePositionSequence", "ImagePositionPatient")
    how = holder(ds, frame_number, "PlaneOrientationSequence", "ImageOrientationPatient")
    measures = holder(ds, frame_number, "PixelMeasuresSequence", "SliceThickness")
    position = needed_numbers(where, "ImagePositionPatient", 3)
    cosines = needed_numbers(how, "ImageOrientationPatient", 6)
    if not position or not cosines:
        return None
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.abs(lengths - 1).max() > _DIRECTION_TOLERANCE or abs(row @ column) > _DIRECTION_TOLERANCE:
        raise UnsupportedImageError(reason(ReasonCode.ORIENTATION, uid=text(ds, "SOPInstanceUID")))
    thickness = number(measures, "SliceThickness") or 0.0
    (x, y, z), (*along_row, a, b, c) = position, cosines
    return Plane((x, y, z), (along_row[0], along_row[1], along_row[2]), (a, b, c), thickness)


def has_repeated_positions(planes: Sequence[Plane]) -> bool:
    """Whether two of the slices lie at the same place along their normal."""
    distances = np.sort(_distances(planes))
    return bool((np.diff(distances) < _POSITION_TOLERANCE_MM).any())


def stack_order(planes: Sequence[Plane], series: str) -> list[int]:
    """Indices of the slices in order along their normal.

    Parameters
    ----------
    planes
        At least one, all of one orientation.
    series
        Series Instance UID, for messages.

    Raises
    ------
    UnsupportedImageError
        If positions repeat, or the slices are stacked askew (gantry tilt).
    """
    distances = _distances(planes)
    order = [int(index) for index in np.argsort(distances, kind="stable")]
    if has_repeated_positions(planes):
        raise UnsupportedImageError(reason(ReasonCode.SAME_POSITION, series=series))
    _require_straight(planes[order[0]], planes[order[-1]], series)
    return order


def _distances(planes: Sequence[Plane]) -> NDArray[np.float64]:
    """Signed place of each slice along the normal, mm."""
    return np.array([one.position for one in planes]) @ planes[0].normal


def _require_straight(first: Plane, last: Plane, series: str) -> None:
    way = np.subtract(last.position, first.position)
    along = float(way @ first.normal)
    askew = float(np.linalg.norm(way - along * first.normal))
    degrees = float(np.degrees(np.arctan2(askew, along)))
    if askew > 0 and degrees > _TILT_TOLERANCE_DEGREES:
        raise UnsupportedImageError(reason(ReasonCode.TILT, series=series, degrees=round(degrees)))


def missing_before(planes: Sequence[Plane]) -> list[int]:
    """How many slices must lie before each of the slices, given in order along their normal.

    Head CTs may change slice thickness half-way: a wide step is a gap only where the slices do not fill it.
    """
    steps = np.diff(_distances(planes))
    usual = float(np.median(steps)) if steps.size else 0.0
    missing = [0]
    for below, above, step in zip(planes, planes[1:], steps, strict=False):
        filled = 1.1 * max(below.thickness_mm, above.thickness_mm)
        is_gap = step > _GAP_FACTOR * usual and step > filled
        missing.append(max(1, round(float(step) / usual) - 1) if is_gap else 0)
    return missing
