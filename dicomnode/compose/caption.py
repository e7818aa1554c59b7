"""What the legend of a heat map says, in the house's language where its font has the letters."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom import Dataset

from dicomnode.compose import written
from dicomnode.compose.legend import Caption
from dicomnode.compose.page import name_of, percent_of
from dicomnode.compose.readable import drawable, readable_text
from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.typeface import SHIPPED, can_be_shaped
from dicomnode.dicom.elements import number, text
from dicomnode.dicom.geometry import plane
from dicomnode.dicom.words import LABELS, percent
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import BundleIdentity, Estimate, Finding, FindingSpec, Heatmap, Label


def caption_of(request: ComposeRequest, finding: Finding, heatmap: Heatmap) -> Caption:
    """Words for the heat map of one finding."""
    said, font, _ = readable_text(request, can_be_shaped)
    labels = {label: drawable(word, font) for label, word in (LABELS | dict(said.labels)).items()}
    figures = f"{labels[Label.PROBABILITY]} {percent_of(finding, said)}"
    limits = written.interval(said.language, finding.estimate)
    if limits:
        figures = f"{figures} ({labels[Label.INTERVAL]} {limits})"
    method = said.methods.get(heatmap.method, method_name(heatmap.method))
    return Caption(
        font=font,
        is_right_to_left=said.is_right_to_left,
        finding=drawable(name_of(finding, said), font),
        figures=drawable(figures, font),
        acuity=finding.acuity,
        place=drawable(place, font) if (place := _place(request, heatmap, labels, said.language)) else "",
        maker=drawable(_maker(method, request.report.bundle, labels), font),
        labels=labels,
        has_region=bool(finding.region),
    )


def plain_caption(spec: FindingSpec, estimate: Estimate, method: str, bundle: BundleIdentity) -> Caption:
    """English words for a map that is drawn on request, outside of any report."""
    limits = written.interval("en", estimate)
    figures = f"{LABELS[Label.PROBABILITY]} {percent(estimate)}"
    return Caption(
        font=SHIPPED,
        is_right_to_left=False,
        finding=spec.code.meaning,
        figures=f"{figures} ({LABELS[Label.INTERVAL]} {limits})" if limits else figures,
        acuity=None,
        place="",
        maker=drawable(_maker(method_name(method), bundle, LABELS), SHIPPED),
        labels=LABELS,
    )


def method_name(method: str) -> str:
    """English name of a method of heat maps, from the one that it is registered under."""
    return method.replace("_", " ").capitalize()


def _maker(method: str, bundle: BundleIdentity | None, labels: Mapping[Label, str]) -> str:
    words = f"{labels[Label.METHOD]}: {method}"
    return words if bundle is None else f"{words} \u00b7 {labels[Label.MODEL]}: {bundle.name} {bundle.version}"


def _place(request: ComposeRequest, heatmap: Heatmap, labels: Mapping[Label, str], language: str) -> str:
    """Which slice of how many and where it lies, in mm; of a film the view; empty where the headers do not say."""
    source, frame = request.source(heatmap.image.sop_instance_uid), heatmap.image.frame_number
    of_series = _slice(request, source, frame)
    if of_series is None:
        view = text(source, "ViewPosition")
        return f"{labels[Label.VIEW]} {view}" if view else ""
    words = f"{labels[Label.SLICE]} {of_series[0]}/{of_series[1]}"
    position = _position_mm(source, frame)
    return words if position is None else f"{words} \u00b7 {written.millimetres(language, position)}"


def _slice(request: ComposeRequest, source: Dataset, frame: int) -> tuple[int, int] | None:
    """Number of a slice and of the last one, as viewers count them; None for a single image.

    That is the frame, or the Instance Number: of a thick stack only some slices are read, so they are not counted.
    """
    frames = number(source, "NumberOfFrames") or 1
    if frames > 1:
        return frame, int(frames)
    series = text(source, "SeriesInstanceUID")
    stack = [one for one in request.sources if text(one, "SeriesInstanceUID") == series]
    numbers = [number(one, "InstanceNumber") for one in stack]
    own = number(source, "InstanceNumber")
    if len(stack) == 1 or "ImagePositionPatient" not in source:
        return None
    if own is None or None in numbers or len(set(numbers)) < len(numbers):
        return stack.index(source) + 1, len(stack)
    return int(own), int(max(one for one in numbers if one is not None))


def _position_mm(source: Dataset, frame: int) -> float | None:
    """Where a slice lies along its normal, as Slice Location has it; None where the header does not say."""
    stated = number(source, "SliceLocation")
    if stated is not None:
        return stated
    try:
        where = plane(source, frame)
    except UnsupportedImageError:
        return None
    return None if where is None or not where.is_axial else where.position[2]
