"""From stored values to the grey levels of a display: modality LUT and VOI LUT (PS3.3 C.11.1, C.11.2; PS3.4 N.2).

Both are read from the functional groups of a frame where an image has them. Look-up tables are read by what their data
say: descriptors often lie about sign and depth.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from dicomnode.dicom.elements import holder, items, needed_number, number, numbers, text, value
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import FloatArray

_WORDS = 2**16
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


class Rescale(NamedTuple):
    """Linear modality LUT of a frame."""

    slope: float
    intercept: float
    kind: str
    """Rescale Type (0028,1054); "" where the header has none."""


class Window(NamedTuple):
    """First window of a frame."""

    center: float
    width: float
    """1 or more for LINEAR, above 0 for LINEAR_EXACT and SIGMOID."""
    function: str
    """VOI LUT Function (0028,1056): LINEAR, LINEAR_EXACT or SIGMOID."""


class Table(NamedTuple):
    """Look-up table, read right (PS3.3 C.11.1.1)."""

    entries: NDArray[np.uint16]
    first: int
    """Input value of the first entry; those below take it as well, those above the last entry take that."""
    bits: int
    """That the entries need: the largest stands for white."""

    @property
    def largest(self) -> float:
        """What stands for white."""
        return 2.0**self.bits - 1

    def applied(self, values: NDArray[Any]) -> FloatArray:
        """Entries of input values."""
        positions = np.clip(np.rint(values - self.first), 0, self.entries.size - 1).astype(np.intp)
        return np.asarray(self.entries[positions], dtype=np.float32)


def rescale(ds: Dataset, frame_number: int) -> Rescale | None:
    """Slope and intercept of a frame; None where neither stands in the header.

    Raises
    ------
    UnsupportedImageError
        If one of them is there and no number: what the values mean is then unknown.
    """
    where = holder(ds, frame_number, "PixelValueTransformationSequence", "RescaleSlope", "RescaleIntercept")
    slope, intercept = needed_number(where, "RescaleSlope"), needed_number(where, "RescaleIntercept")
    if slope is None and intercept is None:
        return None
    return Rescale(1.0 if slope is None else slope, intercept or 0.0, text(where, "RescaleType"))


def modality_table(ds: Dataset, stored: NDArray[Any]) -> Table | None:
    """Modality LUT of an image; None where it has none.

    Parameters
    ----------
    stored
        Values of a frame that it is for.

    Raises
    ------
    UnsupportedImageError
        If the table is there and cannot be read.
    """
    tables = items(ds, "ModalityLUTSequence")
    return table(ds, tables[0], stored) if tables else None


def modality_values(ds: Dataset, stored: NDArray[Any], frame_number: int) -> FloatArray:
    """Stored values through the modality LUT or the rescale of the frame.

    Raises
    ------
    UnsupportedImageError
        If they are there and cannot be read.
    """
    lut = modality_table(ds, stored)
    if lut is not None:
        return lut.applied(stored)
    slope, intercept, _ = rescale(ds, frame_number) or Rescale(1.0, 0.0, "")
    return np.asarray(stored * slope + intercept, dtype=np.float32)


def voi_table(ds: Dataset, values: NDArray[Any], frame_number: int) -> Table | None:
    """First VOI LUT of a frame that can be read; None where there is none."""
    for item in items(_voi_of(ds, frame_number), "VOILUTSequence"):
        try:
            return table(ds, item, values)
        except UnsupportedImageError:
            continue  # a window, or the range of the frame, says more than a refusal would
    return None


def window(ds: Dataset, frame_number: int) -> Window | None:
    """First window of a frame; None where there is none, or none that the standard allows."""
    where = _voi_of(ds, frame_number)
    center, width = number(where, "WindowCenter"), number(where, "WindowWidth")
    named = text(where, "VOILUTFunction").upper()
    function = named if named in _FUNCTIONS else "LINEAR"
    if center is None or width is None or width <= 0 or (width < 1 and function == "LINEAR"):
        return None
    return Window(center, width, function)


def windowed(values: FloatArray, center: float, width: float, function: str = "LINEAR") -> FloatArray:
    """Values through one window to [0, 1] (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Parameters
    ----------
    width
        1 or more for LINEAR, above 0 for LINEAR_EXACT and SIGMOID.
    """
    if function == "SIGMOID":
        shown = 0.5 * (1 + np.tanh(2 * (values - center) / width))
    elif function == "LINEAR_EXACT":
        shown = np.clip((values - center) / width + 0.5, 0, 1)
    else:
        shown = np.clip((values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)
    return np.asarray(shown, dtype=np.float32)


def table(
    ds: Dataset, item: Dataset, values: NDArray[Any], descriptor: str = "LUTDescriptor", data: str = "LUTData"
) -> Table:
    """Read a look-up table by what its data say.

    The descriptor's first mapped value is 16 bits that are read as signed or unsigned, whichever fits the input: its
    VR is often wrong. Its last value, the depth of the entries, is not believed at all.

    Parameters
    ----------
    values
        Input that the table is for.
    descriptor, data
        Keywords of the two elements in `item`.

    Raises
    ------
    UnsupportedImageError
        If the descriptor or the entries cannot be read.
    """
    uid = text(ds, "SOPInstanceUID")
    described = numbers(item, descriptor)
    if len(described) != 3 or any(one != int(one) for one in described):
        raise UnsupportedImageError(f"instance {uid}: a look-up table has no usable descriptor")
    count = int(described[0]) % _WORDS or _WORDS  # 0 stands for 2^16
    entries = _entries(ds, item, data, count)
    if entries.size == 0:
        raise UnsupportedImageError(f"instance {uid}: a look-up table is empty")
    first = _first_mapped(int(described[1]), entries.size, values)
    return Table(entries, first, max(1, int(entries.max()).bit_length()))


def stored_range(ds: Dataset) -> NDArray[np.int64]:
    """Every value that the pixels of an image can have: what its tables are for where the pixels are not at hand."""
    bits = int(number(ds, "BitsStored") or 16)
    bits = bits if 0 < bits <= 16 else 16  # noqa: PLR2004  # the depth of a table's input
    lowest = -(2 ** (bits - 1)) if number(ds, "PixelRepresentation") == 1 else 0
    return np.arange(lowest, lowest + 2**bits)


def _voi_of(ds: Dataset, frame_number: int) -> Dataset:
    return holder(ds, frame_number, "FrameVOILUTSequence", "VOILUTSequence", "WindowCenter")


def _entries(ds: Dataset, item: Dataset, data: str, count: int) -> NDArray[np.uint16]:
    """LUT data, of VR US or OW, with one word for an entry, or one byte where they are packed."""
    held = value(item, data)
    order = "<" if ds.original_encoding[1] is not False else ">"
    if not isinstance(held, bytes):
        words = np.asarray(numbers(item, data), dtype=np.int64) % _WORDS
        held = words.astype(f"{order}u2").tobytes()
    if len(held) - count in (0, 1) and count > 1:  # with a byte of padding, where the count is odd
        return np.frombuffer(held, dtype=np.uint8, count=count).astype(np.uint16)
    return np.frombuffer(held, dtype=f"{order}u2", count=min(count, len(held) // 2)).astype(np.uint16)


def _first_mapped(written: int, count: int, values: NDArray[Any]) -> int:
    """First mapped value: of its two readings the one whose table covers more of the input, else as it is written."""
    unsigned = written % _WORDS
    signed = unsigned - _WORDS if unsigned >= _WORDS // 2 else unsigned
    if signed == unsigned or values.size == 0:
        return unsigned if signed == unsigned else written
    covered = {
        first: int(((values >= first) & (values < first + count)).sum()) for first in {written, unsigned, signed}
    }
    return max(covered, key=lambda first: (covered[first], first == written))
