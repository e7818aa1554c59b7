"""All objects of one answer, in the order in which they are to be sent."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from dicomnode.compose.key_objects import key_objects
from dicomnode.compose.measurement_report import region_reports, study_reports
from dicomnode.compose.overlay import overlay
from dicomnode.compose.profiles import Kind
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.summary import summary
from dicomnode.compose.text_report import text_report
from dicomnode.dicom.values import PARSER_ERRORS
from dicomnode.errors import ComposeError


def compose(request: ComposeRequest) -> list[Composed]:
    """Build the objects of one answer; the same request gives the same objects.

    Images come first, because the documents behind them point at them.

    Raises
    ------
    ComposeError
        If a source lacks the UIDs that results are filed under, or its header cannot be built upon.
    """
    try:
        return _composed(request)
    except PARSER_ERRORS as error:
        # What pydicom and highdicom raise for headers that break the standard; their messages may quote patient data.
        own = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == Path(__file__).parent]
        where = f"{type(error).__name__} in {Path(own[-1].filename).name}, line {own[-1].lineno}"
        raise ComposeError(f"no result could be built from the headers of this study ({where})") from None


def _composed(request: ComposeRequest) -> list[Composed]:
    report = request.report
    overlays = {
        finding.spec.key: overlay(request, finding, finding.heatmap, number)
        for number, finding in enumerate((f for f in report.findings if f.heatmap is not None), start=1)
        if finding.heatmap is not None
    }
    results = list(overlays.values())
    if Kind.SUMMARY in request.kinds:
        results.append(summary(request))
    results += [text_report(request, text, overlays) for text in report.texts]
    results += [*region_reports(request, overlays), *study_reports(request)]
    if Kind.KEY_OBJECTS in request.kinds and request.level.has_kos and report.is_actionable and overlays:
        results.append(key_objects(request, overlays))
    return [*results, *_by_profile(request)]


def _by_profile(request: ComposeRequest) -> Iterator[Composed]:
    """What only some profiles ask for, with libraries that are imported at the first such request."""
    if Kind.PRESENTATION in request.kinds:
        from dicomnode.compose.presentation_state import presentation_states

        yield from presentation_states(request)
    if Kind.SEGMENTATION in request.kinds:
        from dicomnode.compose.segmentation import segmentations

        yield from segmentations(request)
    if Kind.PDF in request.kinds:
        from dicomnode.compose.pdf_report import pdf_report

        yield pdf_report(request)
