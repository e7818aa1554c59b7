"""Outlines and names over the original image: Grayscale Softcopy Presentation State (PS3.3 A.33.1).

The image itself stays as the modality made it, and a reader switches the drawing on and off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from pydicom import Dataset
from pydicom.tag import Tag

from dicomnode.compose.common import Series, body_part, common_attributes, tracking_uid
from dicomnode.compose.measurement_report import has_place
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom.header import copied, text
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.dicom.words import PICTURE_WARNING, percent
from dicomnode.records import Finding, PreparedImage

_Shape = tuple[int, int]
"""(rows, columns)."""

LAYER = "AI"
# Without these the state would show raw values: it replaces the image's own (PS3.4 N.2.1).
_MODALITY_LUT = ("RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence")
_VOI_LUT = ("WindowCenter", "WindowWidth", "VOILUTSequence", "VOILUTFunction")
_YELLOW_CIELAB = (0xF75C, 0x6C42, 0xDE5F)


def presentation_states(request: ComposeRequest) -> Iterator[Composed]:
    """One state for each image that has outlines."""
    by_image: dict[tuple[str, int], list[Finding]] = {}
    for finding in request.report.findings:
        if has_place(finding) and finding.heatmap is not None:
            image = finding.heatmap.image
            by_image.setdefault((image.sop_instance_uid, image.frame_number), []).append(finding)
    for number, findings in enumerate(by_image.values(), start=1):
        yield _state(request, findings, number)


def _state(request: ComposeRequest, findings: Sequence[Finding], number: int) -> Composed:
    heatmap = findings[0].heatmap
    if heatmap is None:
        raise ValueError("a presentation state needs a finding with an image")
    source = request.source(heatmap.image.sop_instance_uid)
    role = f"gsps.{number}"
    ds = common_attributes(request, Series.PRESENTATION, role, number)
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
    ds.DisplayedAreaSelectionSequence = [_whole(rows, columns)]
    ds.GraphicLayerSequence = [_layer()]
    ds.GraphicAnnotationSequence = [_annotation(request, findings, image, (rows, columns))]
    _copy_greyscale(ds, source)
    return Composed(role=role, dataset=ds)


def _copy_greyscale(ds: Dataset, source: Dataset) -> None:
    """Take the source's own way from stored values to grey levels."""
    ds.update(copied(source, [Tag(keyword) for keyword in _MODALITY_LUT]))
    voi = copied(source, [Tag(keyword) for keyword in _VOI_LUT])
    if "WindowCenter" in voi or "VOILUTSequence" in voi:
        ds.SoftcopyVOILUTSequence = [voi]
    is_inverted = text(source, "PhotometricInterpretation") == "MONOCHROME1"
    ds.PresentationLUTShape = "INVERSE" if is_inverted else "IDENTITY"


def _image_reference(source: Dataset, image: PreparedImage) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.sop_class_uid
    item.ReferencedSOPInstanceUID = image.sop_instance_uid
    if text(source, "NumberOfFrames") not in {"", "0", "1"}:
        item.ReferencedFrameNumber = image.frame_number
    return item


def _whole(rows: int, columns: int) -> Dataset:
    item = Dataset()
    item.DisplayedAreaTopLeftHandCorner = [1, 1]
    item.DisplayedAreaBottomRightHandCorner = [columns, rows]
    item.PresentationSizeMode = "SCALE TO FIT"
    item.PresentationPixelAspectRatio = [1, 1]
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
