"""All objects of one answer, in the order in which they are to be sent."""

from __future__ import annotations

import traceback
from pathlib import Path

from dicomnode.compose.key_objects import key_objects
from dicomnode.compose.measurement_report import region_report, study_report
from dicomnode.compose.overlay import overlay
from dicomnode.compose.request import Composed, ComposeRequest
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
    documents = [text_report(request, overlays), region_report(request, overlays), study_report(request)]
    if request.level.has_kos and report.is_actionable and overlays:
        documents.append(key_objects(request, overlays))
    return [*overlays.values(), *(composed for composed in documents if composed is not None)]
