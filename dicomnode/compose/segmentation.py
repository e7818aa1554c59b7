"""Regions as pixels: binary Segmentation (PS3.3 A.51), a segment for each finding that has a place.

Films have no frame of reference; the standard lets their segments lie on the image that they were derived from.
Frames of a multi-frame image are left out: their regions stand in the regions document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import highdicom as hd
import numpy as np
from PIL import Image, ImageDraw
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode import __version__
from dicomnode.compose.common import Series, common_attributes, orientation, tracking_uid
from dicomnode.compose.measurement_report import has_place
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.dicom.elements import text
from dicomnode.dicom.header import copied, identity
from dicomnode.dicom.uids import MANUFACTURER, derived_uid
from dicomnode.dicom.words import PICTURE_WARNING, percent
from dicomnode.records import BundleIdentity, ByteArray, Finding, Heatmap, ResultKind

_SOURCE = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "InstanceNumber",
    "ImageType",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
)


def segmentations(request: ComposeRequest) -> Iterator[Composed]:
    """One object for each series, as the images of one segmentation share their size and frame of reference."""
    groups: dict[tuple[object, ...], list[tuple[Finding, Heatmap]]] = {}
    for finding in request.report.findings:
        heatmap = finding.heatmap
        if not has_place(finding) or heatmap is None:
            continue
        source = request.source(heatmap.image.sop_instance_uid)
        if _kind(source) in request.kinds and text(source, "NumberOfFrames") in {"", "0", "1"}:
            # Without a frame of reference every image stands for itself.
            frame = text(source, "FrameOfReferenceUID") or heatmap.image.sop_instance_uid
            key = (text(source, "SeriesInstanceUID"), frame, heatmap.weights.shape)
            groups.setdefault(key, []).append((finding, heatmap))
    for number, found in enumerate(groups.values(), start=1):
        yield _segmentation(request, found, number)


def _kind(source: Dataset) -> ResultKind:
    return ResultKind.SEGMENTATION if text(source, "FrameOfReferenceUID") else ResultKind.FILM_SEGMENTATION


def _segmentation(request: ComposeRequest, found: Sequence[tuple[Finding, Heatmap]], number: int) -> Composed:
    source = request.source(found[0][1].image.sop_instance_uid)
    kind = _kind(source)
    role = f"{kind}.{number}"
    ds = common_attributes(request, Series.SEGMENTATION, role, number)
    if kind is ResultKind.FILM_SEGMENTATION:
        ds.PatientOrientation = orientation(source)
    by_uid = {heatmap.image.sop_instance_uid: heatmap for _, heatmap in found}
    uids = list(by_uid)
    images = [_source(request, heatmap) for heatmap in by_uid.values()]
    rows, columns = found[0][1].weights.shape
    pixels = np.zeros((len(images), rows, columns, len(found)), np.uint8)
    for segment, (finding, heatmap) in enumerate(found):
        pixels[uids.index(heatmap.image.sop_instance_uid), :, :, segment] = mask(finding, (rows, columns))
    built = hd.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(request, finding, segment) for segment, (finding, _) in enumerate(found, start=1)
        ],
        series_instance_uid=ds.SeriesInstanceUID,
        series_number=ds.SeriesNumber,
        sop_instance_uid=ds.SOPInstanceUID,
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MANUFACTURER,
        software_versions=__version__,
        device_serial_number=MANUFACTURER,
        content_label="AI_SEGMENTS",
        content_description=PICTURE_WARNING,
        content_creator_name=f"{MANUFACTURER}^",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    # What all our objects have in common stands above what the library says of the moment and the machine.
    built.update(ds)
    built.file_meta = ds.file_meta
    _name_dimensions(built, derived_uid(request.answer_key, role, "dimensions"))
    return Composed(role=role, dataset=built)


def _name_dimensions(ds: Dataset, uid: str) -> None:
    """Put a UID that follows from the job in the place of the library's random one."""
    for item in (*ds.DimensionOrganizationSequence, *ds.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def mask(finding: Finding, shape: tuple[int, int]) -> ByteArray:
    """(rows, columns) 1 inside the finding's outline, 0 outside."""
    image = Image.new("L", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon([(point.column, point.row) for point in finding.region], fill=1, outline=1)
    return np.asarray(image)


def _source(request: ComposeRequest, heatmap: Heatmap) -> Dataset:
    """Copy of what the library needs of a source, repaired where it is incomplete."""
    source = request.source(heatmap.image.sop_instance_uid)
    ds = identity(request.study)
    ds.update(copied(source, [Tag(keyword) for keyword in _SOURCE]))
    ds.Rows, ds.Columns = heatmap.weights.shape
    if _kind(source) is ResultKind.FILM_SEGMENTATION and "PixelSpacing" in ds:
        # Spacing without slices makes Pixel Measures that highdicom itself cannot read back; it is the image's anyway.
        del ds.PixelSpacing
    return ds


def _segment(request: ComposeRequest, finding: Finding, number: int) -> hd.seg.SegmentDescription:
    bundle = request.report.bundle
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=long_string(f"AI {finding.spec.code.meaning} {percent(finding.estimate)}"),
        segmented_property_category=code(codes.MORPHOLOGICALLY_ABNORMAL),
        segmented_property_type=code(finding.spec.code),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=_algorithm(bundle) if bundle else _algorithm(_NOBODY),
        tracking_uid=tracking_uid(request, finding),
        tracking_id=f"AI {finding.spec.code.meaning}",
        anatomic_regions=[code(finding.spec.site)],
    )


_NOBODY = BundleIdentity(name=MANUFACTURER, version=__version__, manufacturer=MANUFACTURER, digest="")


def _algorithm(bundle: BundleIdentity) -> hd.AlgorithmIdentificationSequence:
    return hd.AlgorithmIdentificationSequence(
        name=long_string(bundle.name), family=code(codes.ARTIFICIAL_INTELLIGENCE), version=long_string(bundle.version)
    )
