"""Outlines and names over the original image: Grayscale Softcopy Presentation State (PS3.3 A.33.1).

The image itself stays as the modality made it, and a reader switches the drawing on and off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import DSfloat

from dicomnode.compose.common import Series, body_part, common_attributes, tracking_uid
from dicomnode.compose.measurement_report import has_place
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom.elements import items, number, text
from dicomnode.dicom.geometry import pixel_aspect
from dicomnode.dicom.greyscale import (
    modality_table,
    modality_values,
    rescale,
    stored_range,
    voi_table,
    window,
)
from dicomnode.dicom.header import copied
from dicomnode.dicom.shutter import SHUTTER_ELEMENTS, shown_by_shutter, shutter_of
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.dicom.words import PICTURE_WARNING, percent
from dicomnode.records import Finding, FloatArray, PreparedImage

_Shape = tuple[int, int]
"""(rows, columns)."""

LAYER = "AI"
_GREY = ("MONOCHROME1", "MONOCHROME2", "")
"""Photometric interpretations that a greyscale state can show."""
_YELLOW_CIELAB = (0xF75C, 0x6C42, 0xDE5F)


def presentation_states(request: ComposeRequest) -> Iterator[Composed]:
    """One state for each image that has outlines; none for colour, which a greyscale state cannot show."""
    by_image: dict[tuple[str, int], list[Finding]] = {}
    for finding in request.report.findings:
        if has_place(finding) and finding.heatmap is not None:
            image = finding.heatmap.image
            if text(request.source(image.sop_instance_uid), "PhotometricInterpretation").upper() in _GREY:
                by_image.setdefault((image.sop_instance_uid, image.frame_number), []).append(finding)
    for place, findings in enumerate(by_image.values(), start=1):
        yield _state(request, findings, place)


def _state(request: ComposeRequest, findings: Sequence[Finding], place: int) -> Composed:
    heatmap = findings[0].heatmap
    if heatmap is None:
        raise ValueError("a presentation state needs a finding with an image")
    source = request.source(heatmap.image.sop_instance_uid)
    role = f"gsps.{place}"
    ds = common_attributes(request, Series.PRESENTATION, role, place)
    ds.update(body_part(source))
    ds.PresentationCreationDate, ds.PresentationCreationTime = ds.ContentDate, ds.ContentTime
    ds.ContentLabel = "AI_OUTLINES"
    ds.ContentDescription = long_string(PICTURE_WARNING)
    ds.ContentCreatorName = f"{MANUFACTURER}^"
    image = _image_reference(source, heatmap.image)
    series = Dataset()
    series.SeriesInstanceUID = text(source, "SeriesInstanceUID")
    series.ReferencedImageSequence = [image]
    ds.ReferencedSeriesSequence = [series]
    rows, columns = heatmap.weights.shape
    ds.DisplayedAreaSelectionSequence = [_whole(rows, columns, heatmap.image.placement.pixel_aspect)]
    ds.GraphicLayerSequence = [_layer()]
    ds.GraphicAnnotationSequence = [_annotation(request, findings, image, (rows, columns))]
    ds.update(_shutter(source, heatmap.image.frame_number, (rows, columns)))
    _show_greyscale(ds, source, heatmap.image.frame_number)
    return Composed(role=role, dataset=ds)


def _show_greyscale(ds: Dataset, source: Dataset, frame_number: int) -> None:
    """Take the frame's own way from stored values to grey levels: the state replaces the image's (PS3.4 N.2.1).

    It is written anew from what was read, because viewers refuse what images get away with: a rescale without its
    type, several windows, a window beside a table, descriptors that lie.
    """
    stored = stored_range(source)
    lut = modality_table(source, stored)
    linear = rescale(source, frame_number)
    if lut is not None:
        item = _table(lut.entries, lut.first, stored)
        item.ModalityLUTType = text(items(source, "ModalityLUTSequence")[0], "ModalityLUTType") or "US"
        ds.ModalityLUTSequence = [item]
    elif linear is not None:
        ds.RescaleSlope, ds.RescaleIntercept = _decimal(linear.slope), _decimal(linear.intercept)
        ds.RescaleType = linear.kind or ("HU" if text(source, "Modality").upper() == "CT" else "US")
    voi = _voi(source, modality_values(source, stored, frame_number), frame_number)
    if voi is not None:
        ds.SoftcopyVOILUTSequence = [voi]
    is_inverted = text(source, "PhotometricInterpretation") == "MONOCHROME1"
    ds.PresentationLUTShape = "INVERSE" if is_inverted else "IDENTITY"


def _voi(source: Dataset, values: FloatArray, frame_number: int) -> Dataset | None:
    """Softcopy VOI LUT of a frame, a table or one window (PS3.3 C.11.8); None where the image has neither."""
    item = Dataset()
    lut = voi_table(source, values, frame_number)
    if lut is not None:
        white = np.rint(lut.entries * (65535 / lut.largest))  # depths between 8 and 16 bits are not allowed here
        item.VOILUTSequence = [_table(white, lut.first, values)]
        return item
    first = window(source, frame_number)
    if first is None:
        return None
    item.WindowCenter, item.WindowWidth = _decimal(first.center), _decimal(first.width)
    if first.function != "LINEAR":
        item.VOILUTFunction = first.function
    return item


def _table(entries: NDArray[Any], first: int, values: NDArray[Any]) -> Dataset:
    """Item of a look-up table of 16 bits, whose descriptor says what it is."""
    item = Dataset()
    vr = "SS" if values.min() < 0 else "US"
    item.add_new("LUTDescriptor", vr, [entries.size % 2**16, first if vr == "SS" else first % 2**16, 16])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item


def _decimal(written: float) -> DSfloat:
    return DSfloat(written, auto_format=True)


def _shutter(source: Dataset, frame_number: int, shape: _Shape) -> Dataset:
    """Display shutter of the frame, which the state replaces as well (PS3.3 A.33.1.3); nothing where it has none."""
    where = shutter_of(source, frame_number)
    if shown_by_shutter(source, frame_number, shape, pixel_aspect(source, frame_number)).all():
        return Dataset()
    ds = copied(where, [Tag(keyword) for keyword in SHUTTER_ELEMENTS])
    ds.ShutterPresentationValue = int(number(where, "ShutterPresentationValue") or 0)
    return ds


def _image_reference(source: Dataset, image: PreparedImage) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.sop_class_uid
    item.ReferencedSOPInstanceUID = image.sop_instance_uid
    if text(source, "NumberOfFrames") not in {"", "0", "1"}:
        item.ReferencedFrameNumber = image.frame_number
    return item


def _whole(rows: int, columns: int, aspect: float) -> Dataset:
    ratio = Fraction(aspect).limit_denominator(1000)
    item = Dataset()
    item.DisplayedAreaTopLeftHandCorner = [1, 1]
    item.DisplayedAreaBottomRightHandCorner = [columns, rows]
    item.PresentationSizeMode = "SCALE TO FIT"
    item.PresentationPixelAspectRatio = [ratio.numerator, ratio.denominator]  # height, width
    return item


def _layer() -> Dataset:
    item = Dataset()
    item.GraphicLayer = LAYER
    item.GraphicLayerOrder = 1
    item.GraphicLayerRecommendedDisplayCIELabValue = list(_YELLOW_CIELAB)
    item.GraphicLayerDescription = long_string(PICTURE_WARNING)
    return item


def _annotation(
    request: ComposeRequest, findings: Sequence[Finding], image: Dataset, shape: tuple[int, int]
) -> Dataset:
    item = Dataset()
    item.ReferencedImageSequence = [image]
    item.GraphicLayer = LAYER
    item.TextObjectSequence = [_note(), *(_name(request, finding, shape) for finding in findings)]
    item.GraphicObjectSequence = [_outline(request, finding) for finding in findings]
    return item


def _outline(request: ComposeRequest, finding: Finding) -> Dataset:
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(finding.region)
    # PS3.3 C.10.5.1.2: (column, row) from the top left corner of the first pixel, whose centre is at 0.5.
    item.GraphicData = list(chain.from_iterable((p.column + 0.5, p.row + 0.5) for p in finding.region))
    item.GraphicType = "POLYLINE"
    item.GraphicFilled = "N"
    item.TrackingID = long_string(f"AI {finding.spec.code.meaning}")
    item.TrackingUID = tracking_uid(request, finding)
    return item


def _name(request: ComposeRequest, finding: Finding, shape: _Shape) -> Dataset:
    """Name and probability, beside the lower right corner of the outline."""
    text, key = request.report.text, finding.spec.key
    name = text.names.get(key, finding.spec.code.meaning)
    item = Dataset()
    item.AnchorPointAnnotationUnits = "PIXEL"
    item.UnformattedTextValue = long_string(f"{name} {text.percents.get(key, percent(finding.estimate))}", 1024)
    corner = np.max(np.array(finding.region), axis=0) + 0.5  # (row, column)
    item.AnchorPoint = [float(min(corner[1], shape[1])), float(min(corner[0], shape[0]))]
    item.AnchorPointVisibility = "N"
    return item


def _note() -> Dataset:
    """What it is, in the lower left corner of the display."""
    item = Dataset()
    item.BoundingBoxAnnotationUnits = "DISPLAY"
    item.UnformattedTextValue = PICTURE_WARNING
    item.BoundingBoxTopLeftHandCorner = [0.01, 0.95]
    item.BoundingBoxBottomRightHandCorner = [0.6, 0.99]
    item.BoundingBoxTextHorizontalJustification = "LEFT"
    return item
