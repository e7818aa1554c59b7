"""The text report: Basic Text SR after TID 2000, which every viewer of reports can show."""

from __future__ import annotations

from collections.abc import Mapping

import highdicom as hd
from pydicom import Dataset

from dicomnode.compose.common import WARNING, Series, author
from dicomnode.compose.document import (
    HAS_CONCEPT_MOD,
    INFERRED_FROM,
    image_item,
    language,
    observation_context,
    procedure,
    root,
    section,
    sr_document,
    text_item,
)
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.records import Section, Sentence


def text_report(request: ComposeRequest, overlays: Mapping[str, Composed]) -> Composed:
    """Compose the report's sentences; supported ones lead to the heat map of their finding.

    Parameters
    ----------
    overlays
        By finding.
    """
    report = request.report
    sections = (
        (codes.PROCEDURE_DESCRIPTIONS, codes.PROCEDURE_DESCRIPTION, (WARNING, author(report.bundle))),
        (codes.IMPRESSIONS, codes.IMPRESSION, report.text.lines(Section.IMPRESSION)),
        (codes.RECOMMENDATIONS, codes.RECOMMENDATION, report.text.lines(Section.RECOMMENDATION)),
    )
    description, *conclusions = [
        section(heading, [text_item(name, line) for line in lines]) for heading, name, lines in sections if lines
    ]
    findings = [_finding(sentence, overlays) for sentence in report.text.sections.get(Section.FINDINGS, ())]
    items = [
        *language(request),
        *observation_context(request),
        hd.sr.CodeContentItem(
            name=code(codes.PROCEDURE_REPORTED), value=code(procedure(request)), relationship_type=HAS_CONCEPT_MOD
        ),
        description,
        *([section(codes.FINDINGS, findings)] if findings else []),
        *conclusions,
    ]
    role = f"text-sr.{report.text.language}"
    return sr_document(
        request, Series.TEXT, role, root(codes.DIAGNOSTIC_IMAGING_REPORT, "2000", items), tuple(overlays.values())
    )


def _finding(sentence: Sentence, overlays: Mapping[str, Composed]) -> Dataset:
    item = text_item(codes.FINDING, sentence.text)
    overlay = overlays.get(sentence.finding or "")
    if overlay is not None and sentence.is_supported:
        # Named, although PS3.16 lets an image go unnamed: OHIF shows nothing at all where a name is missing.
        item.ContentSequence = hd.sr.ContentSequence(
            [image_item(codes.BEST_ILLUSTRATION, overlay.dataset, INFERRED_FROM)]
        )
    return item
