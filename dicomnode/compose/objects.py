"""All objects of one answer, in the order in which they are to be sent."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from dicomnode.compose.key_objects import key_objects
from dicomnode.compose.measurement_report import region_reports, study_reports
from dicomnode.compose.overlay import overlay
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.summary import further_pages, summary
from dicomnode.compose.text_report import text_report
from dicomnode.dicom.elements import parsing
from dicomnode.errors import ComposeError, UnsupportedImageError
from dicomnode.records import ResultKind

log = structlog.get_logger()


def compose(request: ComposeRequest) -> list[Composed]:
    """Build the objects of one answer; the same request gives the same objects.

    Images come first, because the documents behind them point at them.

    Raises
    ------
    ComposeError
        If a source lacks the UIDs that results are filed under, or its header cannot be built upon.
    """
    try:
        with parsing("no result could be built"):
            return _composed(request)
    except UnsupportedImageError as error:
        # What pydicom and highdicom raise for headers that break the standard.
        raise ComposeError(f"no result could be built from the headers of this study ({_where(error)})") from None


def _composed(request: ComposeRequest) -> list[Composed]:
    report = request.report
    overlays = {
        finding.spec.key: overlay(request, finding, finding.heatmap, number)
        for number, finding in enumerate((f for f in report.findings if f.heatmap is not None), start=1)
        if finding.heatmap is not None
    }
    results = list(overlays.values())
    if ResultKind.SUMMARY in request.kinds:
        results += summary(request)
    if ResultKind.PAGE in request.kinds:
        results += further_pages(request)
    if ResultKind.TEXT in request.kinds:
        results += [text_report(request, text, overlays) for text in report.texts]
    results += [*region_reports(request, overlays), *study_reports(request)]
    if ResultKind.KEY_OBJECTS in request.kinds and request.level.has_kos and report.is_actionable and overlays:
        results.append(key_objects(request, overlays))
    return [*results, *_by_profile(request)]


def _by_profile(request: ComposeRequest) -> Iterator[Composed]:
    """What only some profiles ask for; a header that one of these cannot be built from takes nothing else with it."""
    for kinds, makers in _BY_PROFILE:
        if not kinds & request.kinds:
            continue
        try:
            with parsing("left out"):
                yield from makers()(request)
        except UnsupportedImageError as error:
            log.warning("left out", kinds=sorted(kinds), why=_where(error))


def _presentation_states() -> Callable[[ComposeRequest], Iterable[Composed]]:
    from dicomnode.compose.presentation_state import presentation_states

    return presentation_states


def _segmentations() -> Callable[[ComposeRequest], Iterable[Composed]]:
    from dicomnode.compose.segmentation import segmentations

    return segmentations


def _pdf_reports() -> Callable[[ComposeRequest], Iterable[Composed]]:
    from dicomnode.compose.pdf_report import pdf_reports

    return pdf_reports


# Imported at the first request, as their libraries cost a worker memory.
_BY_PROFILE = (
    (frozenset([ResultKind.PRESENTATION]), _presentation_states),
    (frozenset([ResultKind.SEGMENTATION, ResultKind.FILM_SEGMENTATION]), _segmentations),
    (frozenset([ResultKind.PDF]), _pdf_reports),
)


def _where(error: BaseException) -> str:
    """What was raised and where; its message may quote patient data."""
    error = error.__cause__ or error
    own = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == Path(__file__).parent]
    return f"{type(error).__name__} in {Path(own[-1].filename).name}, line {own[-1].lineno}"
