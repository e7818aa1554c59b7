"""The heat map as a Secondary Capture image, which every PACS and viewer shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import DSfloat

from dicomnode.compose.caption import caption_of
from dicomnode.compose.common import Series, body_part, code_item, common_attributes, orientation
from dicomnode.compose.compression import set_pixels
from dicomnode.compose.picture import Picture, drawn
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom import codes
from dicomnode.dicom.elements import text
from dicomnode.dicom.geometry import Plane, calibrated_spacing_mm, plane
from dicomnode.dicom.header import copied
from dicomnode.dicom.words import PICTURE_WARNING
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import Finding, Heatmap

_COPIED = (
    "PatientPosition",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)


def overlay(request: ComposeRequest, finding: Finding, heatmap: Heatmap, number: int) -> Composed:
    """Compose the heat map of one finding, blended with the image it explains.

    Parameters
    ----------
    number
        Instance Number in the series of heat maps.

    Raises
    ------
    ComposeError
        If the explained image is not among the request's sources.
    """
    source = request.source(heatmap.image.sop_instance_uid)
    role = f"overlay.{finding.spec.key}"
    caption = caption_of(request, finding, heatmap)
    picture = drawn(heatmap, caption, request.settings.overlay_longest_side_px, finding.region)
    ds = common_attributes(request, Series.OVERLAY, role, number)
    ds.update(body_part(source))
    ds.update(copied(source, [Tag(keyword) for keyword in _COPIED]))
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ConversionType = "WSD"
    ds.PatientOrientation = orientation(source)
    ds.BurnedInAnnotation = "YES"
    ds.ImageComments = long_string(f"{finding.spec.code.meaning}: {PICTURE_WARNING}")
    is_scaled = (picture.rows, picture.columns) != heatmap.weights.shape
    _derive(ds, source, finding, heatmap, is_scaled=is_scaled)
    _place(ds, source, heatmap, picture)
    set_pixels(ds, picture.pixels, request.settings)
    return Composed(role=role, dataset=ds)


def _derive(ds: Dataset, source: Dataset, finding: Finding, heatmap: Heatmap, *, is_scaled: bool) -> None:
    """Say what the picture was made from, and how (PS3.3 C.7.6.1, C.12.4)."""
    ds.DerivationDescription = (
        f"Heat map of {finding.spec.code.meaning} by {heatmap.method}, relative scale (not a probability), "
        "added to the windowed source image; legend below the image"
    )
    concepts = [codes.PIXEL_ADDITION, *([codes.SPATIAL_RESAMPLING] if is_scaled else [])]
    ds.DerivationCodeSequence = [code_item(concept) for concept in concepts]
    item = Dataset()
    item.ReferencedSOPClassUID = heatmap.image.sop_class_uid
    item.ReferencedSOPInstanceUID = heatmap.image.sop_instance_uid
    if text(source, "NumberOfFrames") not in {"", "0", "1"}:
        item.ReferencedFrameNumber = heatmap.image.frame_number
    item.PurposeOfReferenceCodeSequence = [code_item(codes.SOURCE_FOR_PROCESSING)]
    ds.SourceImageSequence = [item]


def _place(ds: Dataset, source: Dataset, heatmap: Heatmap, picture: Picture) -> None:
    """Put the picture where the frame lies (Standard Extended: PS3.3 C.7.6.2), so that viewers sort it alike."""
    spacing = calibrated_spacing_mm(source, heatmap.image.frame_number)
    if spacing is None:
        return
    rows, columns = heatmap.weights.shape
    scaled = (spacing[0] * rows / picture.rows, spacing[1] * columns / picture.columns)
    ds.PixelSpacing = _decimals(scaled)
    where = _plane(source, heatmap.image.frame_number)
    if where is None or "FrameOfReferenceUID" not in ds:
        return
    # Scaling keeps the edges of the image, so the centre of its first pixel moves.
    across = np.array(where.row_direction) * (scaled[1] - spacing[1]) / 2
    down = np.array(where.column_direction) * (scaled[0] - spacing[0]) / 2
    ds.ImagePositionPatient = _decimals(np.array(where.position) + across + down)
    ds.ImageOrientationPatient = _decimals((*where.row_direction, *where.column_direction))
    if where.thickness_mm > 0:
        ds.SliceThickness = DSfloat(where.thickness_mm, auto_format=True)


def _plane(source: Dataset, frame_number: int) -> Plane | None:
    """Where the frame lies; None also where the header says it wrong: a film is read without."""
    try:
        return plane(source, frame_number)
    except UnsupportedImageError:
        return None


def _decimals(values: Iterable[float]) -> list[DSfloat]:
    return [DSfloat(float(value), auto_format=True) for value in values]
