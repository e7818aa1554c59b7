"""Measurement reports: Comprehensive SR after TID 1500.

Two documents, never one: viewers that draw regions show nothing of a report in which some findings have
a region (TID 1410) and others have none (TID 1501).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from dicomnode.compose.common import Series, tracking_uid
from dicomnode.compose.document import (
    CONTAINS,
    HAS_CONCEPT_MOD,
    image_item,
    language,
    observation_context,
    procedure,
    root,
    section,
    sr_document,
)
from dicomnode.compose.evaluations import study_evaluations
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import unlimited_text
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.dicom.elements import text
from dicomnode.records import BundleIdentity, CodedConcept, Finding, FloatArray, Heatmap, Presence


def has_place(finding: Finding) -> bool:
    """Whether the finding is there, or may be, and can be pointed at in an image of a class that the standard knows."""
    if not finding.is_suspected or finding.heatmap is None or not finding.region:
        return False
    sop_class = UID(finding.heatmap.image.sop_class_uid)
    return sop_class.type == "SOP Class" and not sop_class.is_retired


def region_reports(request: ComposeRequest, overlays: Mapping[str, Composed]) -> list[Composed]:
    """Compose the findings that have a place, each with its outline; nothing where there are none.

    The same content under each SOP class that is asked for.
    """
    asked = [series for series in _REGIONS if series.kind in request.kinds]
    placed = [finding for finding in request.report.findings if has_place(finding)]
    if not asked or not placed:
        return []
    groups = [
        _region_group(request, finding, finding.heatmap, overlays[finding.spec.key])
        for finding in placed
        if finding.heatmap is not None
    ]
    tree = _tree(request, groups, codes.IMAGING_MEASUREMENT_REPORT)
    return [sr_document(request, series, series.kind.value, tree, tuple(overlays.values())) for series in asked]


def study_reports(request: ComposeRequest) -> list[Composed]:
    """Compose what concerns the study as a whole: how the reading ended, and the findings that have no place.

    The same content under each SOP class that is asked for.
    """
    asked = [series for series in _STUDY if series.kind in request.kinds]
    if not asked:
        return []
    groups = [_study_group(request, finding) for finding in request.report.findings if not has_place(finding)]
    # OHIF takes the title "Imaging Measurement Report" for a promise of regions and would show an empty page.
    tree = _tree(request, groups, codes.DIAGNOSTIC_IMAGING_REPORT)
    return [sr_document(request, series, series.kind.value, tree) for series in asked]


_REGIONS = (Series.REGIONS, Series.REGIONS_3D, Series.REGIONS_ENHANCED)
_STUDY = (Series.STUDY, Series.STUDY_3D, Series.STUDY_ENHANCED)


def _tree(
    request: ComposeRequest,
    groups: Sequence[
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations | hd.sr.MeasurementsAndQualitativeEvaluations
    ],
    title: CodedConcept,
) -> Dataset:
    evaluations = section(codes.QUALITATIVE_EVALUATIONS, study_evaluations(request.report))
    if not groups:
        # highdicom cannot build a report that measures nothing; TID 1500 asks for measurements or evaluations.
        head = [*language("en"), *observation_context(request), _procedure_reported(request)]
        return root(title, "1500", [*head, evaluations])
    report = hd.sr.MeasurementReport(
        observation_context=observation_context(request),
        procedure_reported=code(procedure(request)),
        imaging_measurements=groups,
        title=code(title),
        language_of_content_item_and_descendants=language("en"),
    )
    tree: Dataset = report[0]
    tree.ContentSequence.append(evaluations)
    return tree


def _procedure_reported(request: ComposeRequest) -> Dataset:
    item: Dataset = hd.sr.CodeContentItem(
        name=code(codes.PROCEDURE_REPORTED), value=code(procedure(request)), relationship_type=HAS_CONCEPT_MOD
    )
    return item


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
        finding_type=_finding_type(finding),
        measurements=_percentages(codes.CERTAINTY_OF_FINDING, finding),
        **_shared(request, finding),
    )
    group[0].ContentSequence.append(_visual_explanation(heatmap, overlay))
    return group


def _visual_explanation(heatmap: Heatmap, overlay: Composed) -> Dataset:
    """The heat map, with its kind out of CID 217 and the method's own name."""
    item = image_item(codes.VISUAL_EXPLANATION, overlay.dataset, CONTAINS)
    item.ContentSequence = hd.sr.ContentSequence(
        [
            hd.sr.CodeContentItem(
                name=code(codes.MEASUREMENT_METHOD),
                value=code(codes.explanation(heatmap.method)),
                relationship_type=HAS_CONCEPT_MOD,
            ),
            hd.sr.TextContentItem(
                name=code(codes.ALGORITHM_NAME),
                value=unlimited_text(heatmap.method.replace("_", " ")),
                relationship_type=HAS_CONCEPT_MOD,
            ),
        ]
    )
    return item


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
    """TID 1501."""
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        finding_type=_finding_type(finding),
        measurements=_percentages(codes.PROBABILITY, finding),
        **_shared(request, finding),
    )


def _finding_type(finding: Finding) -> Code | None:
    """None unless the finding is there, lest a reader that skips the evaluation take it as there."""
    return code(finding.spec.code) if finding.presence is Presence.PRESENT else None


def _shared(request: ComposeRequest, finding: Finding) -> dict[str, object]:
    """What both kinds of group say."""
    bundle = request.report.bundle
    evaluations = [(finding.spec.code, codes.PRESENCES[finding.presence])]
    if finding.is_suspected:
        evaluations.append((codes.LEVEL_OF_SIGNIFICANCE, codes.ACUITIES[finding.acuity]))
    if finding.change is not None:
        evaluations.append((codes.QUALITATIVE_DIFFERENCE, codes.CHANGES[finding.change]))
    return {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=tracking_uid(request, finding), identifier=unlimited_text(f"AI {finding.spec.code.meaning}")
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


def _percentages(name: CodedConcept, finding: Finding) -> list[hd.sr.Measurement]:
    """The probability as the text has it, and where its interval is known the distances to its limits (CID 225).

    The distances stand beside the probability: below it, as its properties (TID 310), template validators take them
    for numbers that it was inferred from.
    """
    return [
        hd.sr.Measurement(name=code(concept), value=float(value), unit=code(codes.PERCENT))
        for concept, value in codes.percentages(name, finding.estimate)
    ]
