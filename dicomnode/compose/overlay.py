"""The heat map as a Secondary Capture image, which every PACS and viewer shows."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import DSfloat

from dicomnode.compose.common import Series, body_part, code_item, common_attributes, orientation
from dicomnode.compose.picture import Picture, drawn
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom import codes
from dicomnode.dicom.header import copied, text
from dicomnode.dicom.words import PICTURE_WARNING, percent
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
    picture = drawn(
        heatmap,
        _legend(request, finding, heatmap),
        request.settings.overlay_longest_side_px,
        banner=request.level.series_flag,
    )
    ds = common_attributes(request, Series.OVERLAY, role, number)
    ds.update(body_part(source))
    ds.update(copied(source, [Tag(keyword) for keyword in _COPIED]))
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ConversionType = "WSD"
    ds.PatientOrientation = orientation(source)
    ds.BurnedInAnnotation = "YES"
    ds.ImageComments = long_string(f"{finding.spec.code.meaning}: {PICTURE_WARNING}")
    _derive(ds, source, finding, heatmap, is_scaled=picture.pixels.shape[1] != heatmap.weights.shape[1])
    _place(ds, source, heatmap, picture)
    ds.set_pixel_data(picture.pixels, "RGB", 8, generate_instance_uid=False)
    return Composed(role=role, dataset=ds)


def _legend(request: ComposeRequest, finding: Finding, heatmap: Heatmap) -> tuple[str, ...]:
    bundle = request.report.bundle
    model = f"{bundle.name} {bundle.version}" if bundle else ""
    return (
        PICTURE_WARNING,
        f"{finding.spec.code.meaning}: probability {percent(finding.estimate)}",
        f"{heatmap.method.replace('_', ' ')}, {model}",
    )


def _derive(ds: Dataset, source: Dataset, finding: Finding, heatmap: Heatmap, *, is_scaled: bool) -> None:
    """Say what the picture was made from, and how (PS3.3 C.7.6.1, C.12.4)."""
    ds.DerivationDescription = (
        f"Heat map of {finding.spec.code.meaning} by {heatmap.method}, fixed colour scale 0 to 1, "
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
    """Put the picture where the source lies (Standard Extended: PS3.3 C.7.6.2), so that viewers sort it alike."""
    spacing = _numbers(source, "PixelSpacing", 2)
    if spacing is None or min(spacing) <= 0:
        return
    rows, columns = heatmap.weights.shape
    scaled = (spacing[0] * rows / picture.rows, spacing[1] * columns / picture.columns)
    ds.PixelSpacing = [DSfloat(value, auto_format=True) for value in scaled]
    position, orientation = (
        _numbers(source, k, n) for k, n in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6))
    )
    if position is None or orientation is None or "FrameOfReferenceUID" not in ds:
        return
    # Scaling keeps the edges of the image, so the centre of its first pixel moves.
    across = np.array(orientation[:3]) * (scaled[1] - spacing[1]) / 2
    down = np.array(orientation[3:]) * (scaled[0] - spacing[0]) / 2
    ds.ImagePositionPatient = [DSfloat(float(v), auto_format=True) for v in np.array(position) + across + down]
    ds.ImageOrientationPatient = [DSfloat(value, auto_format=True) for value in orientation]
    ds.update(copied(source, [Tag("SliceThickness")]))


def _numbers(source: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Values of a DS element where there are `count` of them and all are finite."""
    value = copied(source, [Tag(keyword)]).get(keyword)
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    numbers = tuple(float(v) for v in value)
    return numbers if np.isfinite(numbers).all() else None
