"""Measurement reports: Comprehensive SR after TID 1500.

Two documents, never one: viewers that draw regions show nothing of a report in which some findings have
a region (TID 1410) and others have none (TID 1501).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from dicomnode.compose.common import Series
from dicomnode.compose.document import (
    CONTAINS,
    image_item,
    language,
    observation_context,
    procedure,
    section,
    sr_document,
)
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import unlimited_text
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.dicom.header import text
from dicomnode.dicom.uids import tracking_uid
from dicomnode.records import BundleIdentity, CodedConcept, Finding, FloatArray, Heatmap, Presence, Report


def has_place(finding: Finding) -> bool:
    """Whether the finding is there and can be pointed at, in an image of a class that the standard knows."""
    if finding.presence is not Presence.PRESENT or finding.heatmap is None or not finding.region:
        return False
    sop_class = UID(finding.heatmap.image.sop_class_uid)
    return sop_class.type == "SOP Class" and not sop_class.is_retired


def region_report(request: ComposeRequest, overlays: Mapping[str, Composed]) -> Composed | None:
    """Compose the findings that have a place, each with its outline; None where there are none."""
    groups = [
        _region_group(request, finding, finding.heatmap, overlays[finding.spec.key])
        for finding in request.report.findings
        if has_place(finding) and finding.heatmap is not None
    ]
    if not groups:
        return None
    tree = _tree(request, groups, codes.IMAGING_MEASUREMENT_REPORT)
    return sr_document(request, Series.REGIONS, "regions-sr", tree, tuple(overlays.values()))


def study_report(request: ComposeRequest) -> Composed | None:
    """Compose what concerns the study as a whole, absent findings among it; None where nothing was judged."""
    groups = [_study_group(request, finding) for finding in request.report.findings if not has_place(finding)]
    if not groups:
        return None
    # OHIF takes the title "Imaging Measurement Report" for a promise of regions and would show an empty page.
    tree = _tree(request, groups, codes.DIAGNOSTIC_IMAGING_REPORT)
    return sr_document(request, Series.STUDY, "study-sr", tree)


def _tree(
    request: ComposeRequest,
    groups: Sequence[
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations | hd.sr.MeasurementsAndQualitativeEvaluations
    ],
    title: CodedConcept,
) -> Dataset:
    report = hd.sr.MeasurementReport(
        observation_context=observation_context(request),
        procedure_reported=code(procedure(request)),
        imaging_measurements=groups,
        title=code(title),
        language_of_content_item_and_descendants=language(request),
    )
    tree: Dataset = report[0]
    tree.ContentSequence.append(section(codes.QUALITATIVE_EVALUATIONS, _study_evaluations(request.report)))
    return tree


def _study_evaluations(report: Report) -> list[Dataset]:
    """How the reading ended and how soon somebody should know, for the study as a whole."""
    evaluations = (
        (codes.SUMMARY_OF_DETECTIONS, codes.OUTCOMES[report.outcome]),
        (codes.LEVEL_OF_SIGNIFICANCE, codes.ACUITIES[report.acuity]),
    )
    return [
        hd.sr.CodeContentItem(name=code(name), value=code(value), relationship_type=CONTAINS)
        for name, value in evaluations
    ]


def _region_group(
    request: ComposeRequest, finding: Finding, heatmap: Heatmap, overlay: Composed
) -> hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """TID 1410 with the heat map as its visual explanation."""
    image = heatmap.image
    is_multi_frame = text(request.source(image.sop_instance_uid), "NumberOfFrames") not in {"", "0", "1"}
    # PS3.3 C.18.6.1.1: (column, row) from the top left corner of the first pixel, whose centre is at 0.5.
    graphic_data = np.array([(point.column + 0.5, point.row + 0.5) for point in finding.region])
    source = hd.sr.SourceImageForRegion(
        referenced_sop_class_uid=image.sop_class_uid,
        referenced_sop_instance_uid=image.sop_instance_uid,
        referenced_frame_numbers=[image.frame_number] if is_multi_frame else None,
    )
    region = _image_region(graphic_data, source)
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=region,
        finding_type=code(finding.spec.code),
        measurements=[_percentage(codes.CERTAINTY_OF_FINDING, finding)],
        **_shared(request, finding),
    )
    group[0].ContentSequence.append(image_item(codes.VISUAL_EXPLANATION, overlay.dataset, CONTAINS))
    return group


def _image_region(graphic_data: FloatArray, source: hd.sr.SourceImageForRegion) -> hd.sr.ImageRegion:
    """A polyline of (column, row) points on its image.

    Not by highdicom's constructor: to ask whether the image could be tiled, it reads the tables of the whole standard,
    which costs more than a second and 80 MB.
    """
    region = hd.sr.ScoordContentItem(
        name=code(codes.IMAGE_REGION),
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=graphic_data,
        relationship_type=CONTAINS,
    )
    region.ContentSequence = [source]
    return hd.sr.ImageRegion.from_dataset(region, copy=False)


def _study_group(request: ComposeRequest, finding: Finding) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """TID 1501. An absent finding is not its Finding type, lest a reader that skips the evaluation take it as there."""
    is_present = finding.presence is Presence.PRESENT
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        finding_type=code(finding.spec.code) if is_present else None,
        measurements=[_percentage(codes.PROBABILITY, finding)],
        **_shared(request, finding),
    )


def _shared(request: ComposeRequest, finding: Finding) -> dict[str, object]:
    """What both kinds of group say."""
    bundle = request.report.bundle
    study = text(request.study, "StudyInstanceUID")
    evaluations = [(finding.spec.code, codes.PRESENCES[finding.presence])]
    if finding.presence is Presence.PRESENT:
        evaluations.append((codes.LEVEL_OF_SIGNIFICANCE, codes.ACUITIES[finding.acuity]))
    return {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=finding.tracking_uid or tracking_uid(study, bundle.name if bundle else "", finding.spec.key),
            identifier=unlimited_text(f"AI {finding.spec.code.meaning}"),
        ),
        "finding_sites": [hd.sr.FindingSite(anatomic_location=code(finding.spec.site))],
        "algorithm_id": None if bundle is None else _algorithm(bundle, finding),
        "qualitative_evaluations": [
            hd.sr.QualitativeEvaluation(name=code(name), value=code(value)) for name, value in evaluations
        ],
    }


def _algorithm(bundle: BundleIdentity, finding: Finding) -> hd.sr.AlgorithmIdentification:
    """TID 4019."""
    parameters = [f"threshold {finding.spec.threshold:g}", f"bundle SHA-256 {bundle.digest}"]
    if finding.heatmap is not None:
        parameters.append(f"heat map {finding.heatmap.method}")
    return hd.sr.AlgorithmIdentification(
        name=unlimited_text(bundle.name),
        version=unlimited_text(bundle.version),
        parameters=parameters,
        family=code(codes.ARTIFICIAL_INTELLIGENCE),
    )


def _percentage(name: CodedConcept, finding: Finding) -> hd.sr.Measurement:
    return hd.sr.Measurement(name=code(name), value=finding.percent, unit=code(codes.PERCENT))
