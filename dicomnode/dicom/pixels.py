"""Pixel data to arrays: decode one frame, put it through its look-up tables and window.

Frames are (rows, columns) as stored. Errors name the instance by its UID and never quote a value of the header.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, RLELossless

from dicomnode.dicom.codestream import claimed_samples, sequential_scan_repaired
from dicomnode.dicom.elements import PARSER_ERRORS, functional_group, items, number, numbers, text, value
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import FloatArray

_PIXEL_ELEMENTS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MOST_SAMPLES = 2**28  # three times the largest stitched film
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as PS3.3 C.7.6.3.1.2 for YBR_FULL


class Displayed(NamedTuple):
    """One frame as a viewer would show it before anybody turns a knob."""

    values: FloatArray
    """(rows, columns), [0, 1], 0 black."""
    is_image: NDArray[np.bool_]
    """(rows, columns), False where the pixel is padding."""


def frame_count(ds: Dataset) -> int:
    """How many frames an image holds; 1 where the header does not say."""
    return max(1, int(number(ds, "NumberOfFrames") or 1))


def decoded_frame(ds: Dataset, frame_number: int) -> NDArray[Any]:
    """Stored values of one frame, decompressed; colour as RGB.

    Parameters
    ----------
    frame_number
        1-based (PS3.3 C.7.6.6).

    Returns
    -------
    (rows, columns) or (rows, columns, 3), in the data type of the stored values.

    Raises
    ------
    UnsupportedImageError
        If there is no pixel data or it cannot be decoded.
    """
    uid = text(ds, "SOPInstanceUID") or "without UID"
    if not any(keyword in ds for keyword in _PIXEL_ELEMENTS):
        raise UnsupportedImageError(f"instance {uid} has no pixel data (7FE0,0010)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are for developers, and some quote header values
        try:
            frame = _decoded(ds, frame_number)
        except PARSER_ERRORS as error:
            raise UnsupportedImageError(
                f"instance {uid}, frame {frame_number}: {_syntax_name(ds)} pixel data cannot be decoded "
                f"({type(error).__name__})"
            ) from error
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[-1] != 3):
        raise UnsupportedImageError(f"instance {uid}: a frame must be grey or RGB, got shape {frame.shape}")
    return frame


def _decoded(ds: Dataset, frame_number: int) -> NDArray[Any]:
    """One frame through pydicom's decoders; a compressed one is looked at and mended first."""
    syntax = ds.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        _require_size(ds, 0)
        return pixel_array(ds, index=frame_number - 1)
    table = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths) if "ExtendedOffsetTable" in ds else None
    encoded = get_frame(ds.PixelData, frame_number - 1, number_of_frames=frame_count(ds), extended_offsets=table)
    _require_size(ds, 0 if syntax == RLELossless else claimed_samples(encoded))
    alone = ds.group_dataset(0x0028)
    alone.file_meta = ds.file_meta
    alone.add_new("NumberOfFrames", "IS", 1)  # a new element: those of `alone` are shared with `ds`
    alone.PixelData = encapsulate([sequential_scan_repaired(encoded)])
    # The RLE plug-in of pylibjpeg, where it happens to be installed, ends the process on damaged data.
    return pixel_array(alone, index=0, decoding_plugin="pydicom" if syntax == RLELossless else "")


def _require_size(ds: Dataset, claimed: int) -> None:
    """Keep a damaged frame from taking all memory before its decoder finds the damage.

    Raises
    ------
    UnsupportedImageError
        If the header, or the compressed frame beyond the header, claims too many samples.
    """
    expected = int(ds.Rows) * int(ds.Columns) * int(ds.SamplesPerPixel)
    if expected > _MOST_SAMPLES or claimed > expected:
        raise UnsupportedImageError(
            f"instance {text(ds, 'SOPInstanceUID')}: a frame claims {max(expected, claimed)} samples; "
            f"{min(expected, _MOST_SAMPLES)} would be right"
        )


def _syntax_name(ds: Dataset) -> str:
    """Name of the transfer syntax, for messages."""
    meta = getattr(ds, "file_meta", Dataset())
    return UID(text(meta, "TransferSyntaxUID")).name or "untyped"


def displayed(ds: Dataset, frame_number: int) -> Displayed:
    """Put one frame through modality LUT, VOI LUT and photometric interpretation (PS3.4 N.2).

    The first VOI LUT stands above the first window; without either the full range of the frame is shown.
    Colour becomes luminance.

    Raises
    ------
    UnsupportedImageError
        If the frame cannot be decoded or a look-up table is broken.
    """
    stored = decoded_frame(ds, frame_number)
    photometric = text(ds, "PhotometricInterpretation")
    if stored.ndim == 3 or photometric == "PALETTE COLOR":
        return Displayed(_luminance(ds, stored), np.ones(stored.shape[:2], dtype=np.bool_))
    is_image = ~padding(ds, stored)
    values = _voi(ds, modality_values(ds, stored, frame_number), is_image, frame_number)
    if photometric == "MONOCHROME1":
        values = 1 - values
    return Displayed(np.where(is_image, values, np.float32(0)).astype(np.float32), is_image)


def hounsfield(ds: Dataset, frame_number: int) -> FloatArray:
    """One frame of a CT in Hounsfield units.

    Raises
    ------
    UnsupportedImageError
        If the frame cannot be decoded, is coloured, or the header does not say how values become HU.
    """
    stored = decoded_frame(ds, frame_number)
    if stored.ndim != 2:
        raise UnsupportedImageError(f"instance {text(ds, 'SOPInstanceUID')}: a CT must be grey, this is coloured")
    if _rescale(ds, frame_number) is None and not items(ds, "ModalityLUTSequence"):
        raise UnsupportedImageError(
            f"instance {text(ds, 'SOPInstanceUID')} has neither Rescale Slope and Intercept nor a modality LUT: "
            "its values cannot be told in HU"
        )
    return modality_values(ds, stored, frame_number)


def modality_values(ds: Dataset, stored: NDArray[Any], frame_number: int) -> FloatArray:
    """Stored values through the modality LUT or the rescale of the frame (PS3.3 C.11.1)."""
    tables = items(ds, "ModalityLUTSequence")
    if tables:
        return _through_table(ds, tables[0], stored)[0]
    slope, intercept = _rescale(ds, frame_number) or (1.0, 0.0)
    rescaled: FloatArray = (stored * slope + intercept).astype(np.float32)
    return rescaled


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


def padding(ds: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """(rows, columns), True where a stored value is Pixel Padding (PS3.3 C.7.5.1.1.2)."""
    first = number(ds, "PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, dtype=np.bool_)
    last = number(ds, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if last is None else last))
    return (stored >= low) & (stored <= high)


def _rescale(ds: Dataset, frame_number: int) -> tuple[float, float] | None:
    """Slope and intercept of a frame; None where neither stands in the header."""
    where = functional_group(ds, frame_number, "PixelValueTransformationSequence") or ds
    slope, intercept = number(where, "RescaleSlope"), number(where, "RescaleIntercept")
    if slope is None and intercept is None:
        return None
    return 1.0 if slope is None else slope, intercept or 0.0


def _voi(ds: Dataset, values: FloatArray, is_image: NDArray[np.bool_], frame_number: int) -> FloatArray:
    """Modality values to [0, 1] by the first VOI LUT, else the first window, else the frame's own range."""
    where = functional_group(ds, frame_number, "FrameVOILUTSequence") or ds
    tables = items(where, "VOILUTSequence")
    if tables:
        output, largest = _through_table(ds, tables[0], values)
        return (output / np.float32(largest)).clip(0, 1)
    center, width = number(where, "WindowCenter"), number(where, "WindowWidth")
    function = text(where, "VOILUTFunction") or "LINEAR"
    # A width below what the standard allows is no window: the range of the frame says more than a refusal would.
    if center is not None and width is not None and (width >= 1 or (width > 0 and function != "LINEAR")):
        return windowed(values, center, width, function)
    return _full_range(values, is_image)


def _full_range(values: FloatArray, is_image: NDArray[np.bool_]) -> FloatArray:
    shown = values[is_image]
    if shown.size == 0 or shown.max() <= shown.min():
        return np.zeros_like(values)
    return np.asarray((values - shown.min()) / (shown.max() - shown.min()), dtype=np.float32).clip(0, 1)


def _through_table(ds: Dataset, item: Dataset, values: NDArray[Any]) -> tuple[FloatArray, float]:
    """Output of a look-up table and the largest value that its entries can take (PS3.3 C.11.1.1)."""
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3 or descriptor[0] < 0 or not 0 < descriptor[2] <= 16:
        raise UnsupportedImageError(f"instance {text(ds, 'SOPInstanceUID')}: a look-up table has no usable descriptor")
    entries = _table_entries(ds, item, int(descriptor[0]) or 65536)  # 0 stands for 2^16
    if entries.size == 0:
        raise UnsupportedImageError(f"instance {text(ds, 'SOPInstanceUID')}: a look-up table is empty")
    positions = np.clip(np.rint(values - descriptor[1]), 0, entries.size - 1).astype(np.intp)
    return entries[positions], 2.0 ** descriptor[2] - 1


def _table_entries(ds: Dataset, item: Dataset, count: int) -> FloatArray:
    """LUT Data (0028,3006), which is US or OW, with one byte or one word for an entry."""
    data = value(item, "LUTData")
    if not isinstance(data, bytes):
        return np.array(numbers(item, "LUTData"), dtype=np.float32)
    if len(data) < 2 * count:
        return np.frombuffer(data, dtype=np.uint8)[:count].astype(np.float32)
    is_little_endian = ds.original_encoding[1] is not False
    return np.frombuffer(data, dtype="<u2" if is_little_endian else ">u2", count=count).astype(np.float32)


def _luminance(ds: Dataset, stored: NDArray[Any]) -> FloatArray:
    """Colour to grey in [0, 1]."""
    bits = int(number(ds, "BitsStored") or 8)
    if stored.ndim == 2:
        try:
            stored = apply_color_lut(stored, ds)
        except PARSER_ERRORS as error:
            raise UnsupportedImageError(
                f"instance {text(ds, 'SOPInstanceUID')}: its palette cannot be read ({type(error).__name__})"
            ) from error
        bits = 8 * stored.dtype.itemsize
    grey: FloatArray = stored[..., :3].astype(np.float32) @ _LUMINANCE / np.float32(2**bits - 1)
    return grey.clip(0, 1)
