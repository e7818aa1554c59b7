"""Pixel data to arrays: decode one frame, leave out what is no image, and show it as a display would.

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
from dicomnode.dicom.elements import items, number, parsing, text, value
from dicomnode.dicom.geometry import pixel_aspect
from dicomnode.dicom.greyscale import modality_values, rescale, table, voi_table, window, windowed
from dicomnode.dicom.shutter import Mask, shown_by_shutter
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import FloatArray, ReasonCode, reason

_PIXEL_ELEMENTS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MOST_SAMPLES = 2**28  # three times the largest stitched film
_AIR_HU = np.float32(-1024)
"""What a CT holds outside its field of view: the lowest value that scanners write."""
_PALETTES = tuple(
    (f"{colour}PaletteColorLookupTableDescriptor", f"{colour}PaletteColorLookupTableData")
    for colour in ("Red", "Green", "Blue")
)
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as PS3.3 C.7.6.3.1.2 for YBR_FULL


class Displayed(NamedTuple):
    """One frame as a viewer would show it before anybody turns a knob."""

    values: FloatArray
    """(rows, columns), [0, 1], 0 black."""
    linear: FloatArray
    """The same with a SIGMOID window read as a LINEAR one, whose ends it only rounds off: what a model is shown."""
    is_image: Mask
    """(rows, columns), False where the pixel is padding; what lies under the display shutter is image, and black."""


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
    (rows, columns) or (rows, columns, 3), in the data type of the stored values, without the bits that are none of
    theirs: they lie where High Bit (0028,0102) says (PS3.5 8.1.1).

    Raises
    ------
    UnsupportedImageError
        If there is no pixel data or it cannot be decoded.
    """
    return _aligned(ds, _cells(ds, frame_number))


def _cells(ds: Dataset, frame_number: int) -> NDArray[Any]:
    """One frame as it is decoded, each pixel with all its allocated bits."""
    uid = text(ds, "SOPInstanceUID") or "without UID"
    if not any(keyword in ds for keyword in _PIXEL_ELEMENTS):
        raise UnsupportedImageError(reason(ReasonCode.NO_PIXELS, uid=uid))
    what = reason(ReasonCode.DECODING, uid=uid, frame=frame_number, syntax=_syntax_name(ds))
    with warnings.catch_warnings(), parsing(what):
        warnings.simplefilter("ignore")  # they are for developers, and some quote header values
        frame = _decoded(ds, frame_number)
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[-1] != 3):
        raise UnsupportedImageError(f"instance {uid}: a frame must be grey or RGB, got shape {frame.shape}")
    return frame


def _aligned(ds: Dataset, cells: NDArray[Any]) -> NDArray[Any]:
    """The bits that are stored out of those that are allocated: an overlay or rubbish may fill the others."""
    allocated = 8 * cells.dtype.itemsize
    stored = int(number(ds, "BitsStored") or 0)
    if cells.dtype.kind not in "iu" or not 0 < stored < allocated:
        return cells
    high = number(ds, "HighBit")
    below = stored - 1 if high is None else int(high)
    shift = below + 1 - stored if stored <= below + 1 <= allocated else 0
    bits = cells.view(f"u{cells.dtype.itemsize}")
    if _has_codestream(ds) and (shift == 0 or cells.max() < 2**stored):
        return cells  # it says its depth itself
    sign = bits.dtype.type(2 ** (stored - 1) if cells.dtype.kind == "i" else 0)
    values = (bits >> shift) & bits.dtype.type(2**stored - 1)
    return np.asarray((values ^ sign) - sign).view(cells.dtype)


def _has_codestream(ds: Dataset) -> bool:
    """Whether pixels are compressed otherwise than by RLE, which takes whole words as they are."""
    syntax = UID(text(getattr(ds, "file_meta", Dataset()), "TransferSyntaxUID"))
    return syntax.is_transfer_syntax and syntax.is_encapsulated and syntax != RLELossless


def _decoded(ds: Dataset, frame_number: int) -> NDArray[Any]:
    """One frame through pydicom's decoders; a compressed one is looked at and mended first."""
    syntax = ds.file_meta.TransferSyntaxUID
    alone = ds.group_dataset(0x0028)
    alone.file_meta = ds.file_meta
    if not syntax.is_encapsulated:
        _require_size(ds, 0)
        alone.update({ds[keyword].tag: ds[keyword] for keyword in _PIXEL_ELEMENTS if keyword in ds})
        _keep_all_bits(alone)
        return pixel_array(alone, index=frame_number - 1)
    table = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths) if "ExtendedOffsetTable" in ds else None
    encoded = get_frame(ds.PixelData, frame_number - 1, number_of_frames=frame_count(ds), extended_offsets=table)
    _require_size(ds, 0 if syntax == RLELossless else claimed_samples(encoded))
    alone.add_new("NumberOfFrames", "IS", 1)  # a new element: those of `alone` are shared with `ds`
    alone.PixelData = encapsulate([sequential_scan_repaired(encoded)])
    if syntax == RLELossless:
        _keep_all_bits(alone)
        # The RLE plug-in of pylibjpeg, where it happens to be installed, ends the process on damaged data.
        return pixel_array(alone, index=0, decoding_plugin="pydicom")
    return pixel_array(alone, index=0)


def _keep_all_bits(alone: Dataset) -> None:
    """Keep pydicom from clearing bits above Bits Stored: the values may lie there."""
    if alone.BitsAllocated in (8, 16, 32):
        alone.add_new("BitsStored", "US", alone.BitsAllocated)
        alone.add_new("HighBit", "US", alone.BitsAllocated - 1)


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

    The first VOI LUT takes precedence over the first window; without either the full range of the frame is shown.
    Colour becomes luminance. What is no image is black.

    Raises
    ------
    UnsupportedImageError
        If the frame cannot be decoded or a look-up table that it needs is broken.
    """
    cells = _cells(ds, frame_number)
    stored = _aligned(ds, cells)
    is_image, is_shown = ~_padding(ds, cells, stored), _is_shown(ds, stored, frame_number)
    photometric = text(ds, "PhotometricInterpretation")
    if stored.ndim == 3 or photometric == "PALETTE COLOR":
        values = linear = _luminance(ds, stored)
    else:
        values, linear = _voi(ds, modality_values(ds, stored, frame_number), is_image & is_shown, frame_number)
    if photometric == "MONOCHROME1":
        values, linear = 1 - values, 1 - linear
    values, linear = (np.where(is_image & is_shown, one, np.float32(0)) for one in (values, linear))
    return Displayed(values, linear, is_image)


def hounsfield(ds: Dataset, frame_number: int) -> FloatArray:
    """One frame of a CT in Hounsfield units, air where it is no image.

    Raises
    ------
    UnsupportedImageError
        If the frame cannot be decoded, is coloured, or the header does not say how values become HU.
    """
    cells = _cells(ds, frame_number)
    if cells.ndim != 2:
        raise UnsupportedImageError(reason(ReasonCode.COLOURED, uid=text(ds, "SOPInstanceUID")))
    if rescale(ds, frame_number) is None and not items(ds, "ModalityLUTSequence"):
        raise UnsupportedImageError(reason(ReasonCode.NO_RESCALE, uid=text(ds, "SOPInstanceUID")))
    stored = _aligned(ds, cells)
    units = modality_values(ds, stored, frame_number)
    is_image = ~_padding(ds, cells, stored) & _is_shown(ds, stored, frame_number)
    return np.where(is_image, units, _AIR_HU)


def _is_shown(ds: Dataset, stored: NDArray[Any], frame_number: int) -> Mask:
    """(rows, columns), False under the display shutter."""
    return shown_by_shutter(ds, frame_number, stored.shape[:2], pixel_aspect(ds, frame_number))


def _padding(ds: Dataset, cells: NDArray[Any], stored: NDArray[Any]) -> Mask:
    """(rows, columns), True where a pixel is padding, whether its value is that of all bits or of those stored."""
    if stored.ndim != 2:
        return np.zeros(stored.shape[:2], dtype=np.bool_)
    return _from_rim(_is_padding(ds, cells) | _is_padding(ds, stored))


def _is_padding(ds: Dataset, stored: NDArray[Any]) -> Mask:
    """Where a value is Pixel Padding (PS3.3 C.7.5.1.1.2). Its VR is often that of the other sign."""
    first, last = number(ds, "PixelPaddingValue"), number(ds, "PixelPaddingRangeLimit")
    allocated = 2 ** (8 * stored.dtype.itemsize)
    written = [int(one) for one in (first, last) if one is not None and -allocated // 2 <= one < allocated]
    if first is None or not written or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, dtype=np.bool_)
    ends = np.array(written).astype(stored.dtype)
    return np.asarray((stored >= ends.min()) & (stored <= ends.max()))


def _from_rim(padding: Mask) -> Mask:
    """Padding that surrounds the image: an equal value with image on all four sides is image itself."""
    reached = np.zeros_like(padding)
    for axis in (0, 1):
        reached |= np.logical_and.accumulate(padding, axis=axis)
        reached |= np.flip(np.logical_and.accumulate(np.flip(padding, axis), axis=axis), axis)
    return reached


def _voi(ds: Dataset, values: FloatArray, is_image: Mask, frame_number: int) -> tuple[FloatArray, FloatArray]:
    """Modality values to [0, 1], and the same with a linear window."""
    lut = voi_table(ds, values[is_image], frame_number)
    if lut is not None:
        shown = (lut.applied(values) / np.float32(lut.largest)).clip(0, 1)
        return shown, shown
    first = window(ds, frame_number)
    if first is None:
        shown = _full_range(values, is_image)
        return shown, shown
    shown = windowed(values, first.center, first.width, first.function)
    if first.function != "SIGMOID" or first.width < 1:
        return shown, shown
    return shown, windowed(values, first.center, first.width)


def _full_range(values: FloatArray, is_image: Mask) -> FloatArray:
    shown = values[is_image]
    if shown.size == 0 or shown.max() <= shown.min():
        return np.zeros_like(values)
    return np.asarray((values - shown.min()) / (shown.max() - shown.min()), dtype=np.float32).clip(0, 1)


def _luminance(ds: Dataset, stored: NDArray[Any]) -> FloatArray:
    """Colour to grey in [0, 1]."""
    if stored.ndim == 2:
        colour, largest = _through_palette(ds, stored)
    else:
        colour, largest = stored[..., :3].astype(np.float32), 2.0 ** int(number(ds, "BitsStored") or 8) - 1
    grey: FloatArray = colour @ _LUMINANCE / np.float32(largest)
    return grey.clip(0, 1)


def _through_palette(ds: Dataset, stored: NDArray[Any]) -> tuple[FloatArray, float]:
    """(rows, columns, 3) of a PALETTE COLOR frame, and the value of full brightness (PS3.3 C.7.6.3.1.5)."""
    if value(ds, "RedPaletteColorLookupTableData") is None:  # segmented, or named by a UID
        with parsing(f"instance {text(ds, 'SOPInstanceUID')}: its palette cannot be read"):
            colour = apply_color_lut(stored, ds)
        return colour[..., :3].astype(np.float32), 2.0 ** (8 * colour.dtype.itemsize) - 1
    tables = [table(ds, ds, stored, *keywords) for keywords in _PALETTES]
    return np.stack([one.applied(stored) for one in tables], axis=-1), max(one.largest for one in tables)
