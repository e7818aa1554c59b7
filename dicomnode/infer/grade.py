"""How similar a stack of slices is to what a bundle was measured on."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dicomnode.dicom.elements import number, text
from dicomnode.dicom.geometry import missing_before, stack_order
from dicomnode.errors import NotJudgedError, PermanentError, UnsupportedImageError
from dicomnode.infer.accept import UNSPECIFIED, first_of, hinted_kind, image_type, is_reformatted, rescale_type
from dicomnode.infer.contrast import contrast_of
from dicomnode.infer.frames import Frame, FrameReader
from dicomnode.infer.kernels import words_class
from dicomnode.infer.manifest import Prefers
from dicomnode.infer.noise import is_hounsfield_like, measured_class
from dicomnode.infer.stacks import orientation
from dicomnode.records import Contrast, KernelClass, Omission, Reason, ReasonCode, ReviewReason, StackFacts, reason

_MOST_MISSING = 0.1
"""With a larger share of its slices missing a volume is not judged."""
_CONTRAST_RANKS = {
    "native": {Contrast.SUSPECTED: 1, Contrast.GIVEN: 2},
    "contrast": {Contrast.SUSPECTED: 1, Contrast.UNKNOWN: 2, Contrast.NATIVE: 3},
    "either": {},
}
"""By what a bundle wants, how far a stack is from it; what is not named is right."""
_OF_CONTRAST = {
    Contrast.GIVEN: ReasonCode.CONTRAST_GIVEN,
    Contrast.SUSPECTED: ReasonCode.CONTRAST_SUSPECTED,
    Contrast.UNKNOWN: ReasonCode.CONTRAST_UNKNOWN,
    Contrast.NATIVE: ReasonCode.CONTRAST_NATIVE,
}
"""The first two are wrong for a bundle that wants none, the others for one that wants it."""
_COVERAGE_STEP_MM = 10.0
"""Stacks whose coverage differs by less cover as much."""


class Verdict(NamedTuple):
    """In what a stack is unlike what the bundle was measured on."""

    omission: Omission
    review: ReviewReason | None
    """None: it has no usable geometry."""
    why: Reason | str
    is_refused: bool
    """It is not judged for that; otherwise it is, and excludes nothing."""

    @property
    def sentence(self) -> str:
        """Why, in English, without patient data."""
        return str(self.why)

    @property
    def error(self) -> PermanentError:
        """What is raised where nothing better is to be had."""
        if self.review is None:
            return UnsupportedImageError(self.why)
        return NotJudgedError(self.why, review=self.review)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One stack held against a bundle."""

    frames: tuple[Frame, ...]
    """In order along their normal, where they have one."""
    copies: tuple[Frame, ...]
    """The same slices once more."""
    missing: tuple[int, ...]
    """Slices that must lie before each frame."""
    facts: StackFacts
    verdicts: tuple[Verdict, ...]
    order: tuple[float | str, ...]
    """The smaller, the better; see `POINTS`."""

    @property
    def refusal(self) -> Verdict | None:
        """Why it is not judged."""
        return next((one for one in self.verdicts if one.is_refused), None)


POINTS: tuple[tuple[Omission, str], ...] = (
    (Omission.INCOMPLETE, "it cannot be judged"),
    (Omission.RENDERED, "according to its description it may be a rendering or a map"),
    (Omission.CONTRAST, "its contrast is not what the model was trained on"),
    (Omission.KERNEL, "its kernel is farther from what the model was trained on"),
    (Omission.INCOMPLETE, "it covers only a part of the organ, or has gaps"),
    (Omission.THICKNESS, "its slices are thicker or thinner than those the model was measured on"),
    (Omission.DERIVED, "its slices were computed from other slices"),
    (Omission.INCOMPLETE, "it covers less"),
    (Omission.THICKNESS, "its slice thickness is farther from what the model was measured on"),
    (Omission.INCOMPLETE, "it has fewer slices"),
    (Omission.INCOMPLETE, "more of its slices are missing"),
    (Omission.OTHER_PHASE, "it was acquired later"),
    (Omission.OTHER_PHASE, "its Acquisition Number is higher"),
    (Omission.OTHER_PHASE, "its Series Number is higher"),
    (Omission.OTHER_PHASE, "its Instance Numbers are higher"),
)
"""What the places of `Grade.order` stand for, and why a stack that is worse there is not read."""


def grade(stack: Sequence[Frame], prefers: Prefers, reader: FrameReader) -> Grade:
    """Hold a stack against what a bundle was measured on."""
    by_content = sorted(stack, key=_by_content)
    frames, copies = _without_copies(by_content, reader)
    series = frames[0].series
    try:
        ordered = [frames[index] for index in stack_order([one.plane for one in frames], series)]
    except UnsupportedImageError as error:
        broken, ordered = [Verdict(Omission.GEOMETRY, None, first_of(error), is_refused=True)], frames
    else:
        broken = []
    missing = [0] * len(ordered) if broken else missing_before([one.plane for one in ordered])
    facts = _facts(ordered, prefers, reader)
    verdicts = [
        *broken,
        *_values(ordered, reader),
        *_hints(ordered),
        *_wholeness(facts, sum(missing), prefers),
        *_contrast(facts, prefers),
        *_kernel(facts, prefers),
        *_thickness(facts, prefers),
        *_reformatted(ordered),
    ]
    return Grade(
        frames=tuple(ordered),
        copies=tuple(copies),
        missing=tuple(missing),
        facts=facts,
        verdicts=tuple(verdicts),
        order=_order(ordered, facts, verdicts, sum(missing), prefers),
    )


def _by_content(frame: Frame) -> tuple[float, float, int]:
    return (frame.place, number(frame.ds, "InstanceNumber") or 0, frame.frame_number)


def _without_copies(frames: Sequence[Frame], reader: FrameReader) -> tuple[list[Frame], list[Frame]]:
    """Slices at one place with the same pixels are one slice; only such copies are told apart by UID."""
    at_place = Counter(round(frame.place, 2) for frame in frames)
    kept: dict[tuple[float, str], Frame] = {}
    for frame in frames:
        place = round(frame.place, 2)
        content = "" if at_place[place] == 1 else reader.digest([frame]) or f"{text(frame.ds, 'SOPInstanceUID')}"
        known = kept.get((place, content))
        if known is None or _identity(frame) < _identity(known):
            kept[place, content] = frame
    chosen = {id(frame) for frame in kept.values()}
    return [f for f in frames if id(f) in chosen], [f for f in frames if id(f) not in chosen]


def _identity(frame: Frame) -> tuple[float, str]:
    return (number(frame.ds, "InstanceNumber") or 0, text(frame.ds, "SOPInstanceUID"))


def _facts(frames: Sequence[Frame], prefers: Prefers, reader: FrameReader) -> StackFacts:
    first = frames[0]
    steps = np.diff([frame.place for frame in frames])
    thick = [frame.plane.thickness_mm for frame in frames if frame.plane.thickness_mm > 0]
    thickness = float(np.median(thick)) if thick else (float(np.median(steps)) if steps.size else 0.0)
    acquisitions = {frame.acquisition for frame in frames}
    acquisition = acquisitions.pop() if len(acquisitions) == 1 else None
    series_number = number(first.ds, "SeriesNumber")
    return StackFacts(
        series_instance_uid=first.series,
        series_number=None if series_number is None else int(series_number),
        images=len(frames),
        orientation=orientation(first.plane),
        kernel=first.kernel if re.fullmatch(r"[\w+./() -]{1,16}", first.kernel) else "",
        kernel_class=_kernel_class(frames, prefers, reader),
        slice_thickness_mm=thickness or None,
        coverage_mm=float(frames[-1].place - frames[0].place) + thickness,
        acquisition=None if acquisition is None else int(acquisition),
        contrast=_most_contrast(frames),
    )


def _kernel_class(frames: Sequence[Frame], prefers: Prefers, reader: FrameReader) -> KernelClass:
    """By the kernel's name; where that says nothing and it matters, by the noise, and last by the description."""
    named = frames[0].kernel_class
    if named is not KernelClass.UNKNOWN or not prefers.kernels:
        return named
    measured = measured_class(reader.middle(frames))
    return words_class(text(frames[0].ds, "SeriesDescription")) if measured is KernelClass.UNKNOWN else measured


def _most_contrast(frames: Sequence[Frame]) -> Contrast:
    """Of all slices: agents are sometimes named from the second slice on."""
    found = {contrast_of(frame.ds, frame.frame_number) for frame in frames}
    ranked = (Contrast.GIVEN, Contrast.NATIVE, Contrast.SUSPECTED, Contrast.UNKNOWN)
    return next(one for one in ranked if one in found)


def _values(frames: Sequence[Frame], reader: FrameReader) -> list[Verdict]:
    """Where no Rescale Type says that values are HU, they must at least look like it."""
    if rescale_type(frames[0].ds, frames[0].frame_number) not in UNSPECIFIED:
        return []
    middle = reader.middle(frames)
    if not middle or is_hounsfield_like(middle):
        return []
    why = reason(ReasonCode.NOT_HU)
    return [Verdict(Omission.NOT_HU, ReviewReason.OUT_OF_DISTRIBUTION, why, is_refused=True)]


def _hints(frames: Sequence[Frame]) -> list[Verdict]:
    """A description is weak evidence: what it hints at is read where there is nothing better, and excludes nothing."""
    hint = hinted_kind(frames[0].ds)
    if not hint:
        return []
    sentence = f"the description says {hint}, so the slices may be a rendering or a map"
    return [Verdict(Omission.RENDERED, ReviewReason.OUT_OF_DISTRIBUTION, sentence, is_refused=False)]


def _wholeness(facts: StackFacts, missing: int, prefers: Prefers) -> list[Verdict]:
    found = []
    if missing:
        is_refused = missing > _MOST_MISSING * (facts.images + missing)
        gaps = reason(ReasonCode.GAPS, missing=missing, images=facts.images)
        why = reason(ReasonCode.GAP, images=facts.images) if missing == 1 else gaps
        found.append(Verdict(Omission.INCOMPLETE, ReviewReason.INCOMPLETE, why, is_refused=is_refused))
    whole, least, covered = prefers.coverage_mm, prefers.least_coverage_mm, facts.coverage_mm or 0.0
    if covered < (whole or 0.0) or covered < (least or 0.0):
        needed = whole or least or 0.0
        why = reason(ReasonCode.COVERAGE, covered=round(covered), needed=round(needed))
        is_refused = covered < (least or 0.0)
        found.append(Verdict(Omission.INCOMPLETE, ReviewReason.INCOMPLETE, why, is_refused=is_refused))
    return found


def _contrast(facts: StackFacts, prefers: Prefers) -> list[Verdict]:
    rank = _CONTRAST_RANKS[prefers.contrast].get(facts.contrast, 0)
    if not rank or (prefers.contrast == "contrast" and facts.contrast is Contrast.SUSPECTED):
        return []
    is_refused = "contrast" in prefers.refuses and facts.contrast in (Contrast.GIVEN, Contrast.NATIVE)
    why = reason(_OF_CONTRAST[facts.contrast])
    return [Verdict(Omission.CONTRAST, ReviewReason.OUT_OF_DISTRIBUTION, why, is_refused=is_refused)]


def _kernel(facts: StackFacts, prefers: Prefers) -> list[Verdict]:
    if not prefers.kernels or facts.kernel_class in (*prefers.kernels, KernelClass.UNKNOWN):
        return []
    why = reason(ReasonCode.KERNEL, found=(facts.kernel_class,), wanted=tuple(prefers.kernels))
    is_refused = "kernels" in prefers.refuses
    return [Verdict(Omission.KERNEL, ReviewReason.OUT_OF_DISTRIBUTION, why, is_refused=is_refused)]


def _thickness(facts: StackFacts, prefers: Prefers) -> list[Verdict]:
    thickness, wanted = facts.slice_thickness_mm, prefers.thickness_mm
    if thickness is None or wanted is None or wanted[0] <= thickness <= wanted[1]:
        return []
    why = reason(ReasonCode.THICKNESS, thickness=thickness, low=wanted[0], high=wanted[1])
    is_refused = "thickness_mm" in prefers.refuses
    return [Verdict(Omission.THICKNESS, ReviewReason.OUT_OF_DISTRIBUTION, why, is_refused=is_refused)]


def _reformatted(frames: Sequence[Frame]) -> list[Verdict]:
    if not is_reformatted(image_type(frames[0].ds, frames[0].frame_number)):
        return []
    sentence = "the slices are reformatted or averaged; the model was measured on slices as reconstructed"
    return [Verdict(Omission.DERIVED, ReviewReason.OUT_OF_DISTRIBUTION, sentence, is_refused=False)]


def _order(
    frames: Sequence[Frame], facts: StackFacts, verdicts: Sequence[Verdict], missing: int, prefers: Prefers
) -> tuple[float | str, ...]:
    refusals = [2.0 if one.review is None else 1.0 for one in verdicts if one.is_refused]
    unlike = {one.omission for one in verdicts}
    thickness, wanted = facts.slice_thickness_mm, prefers.thickness_mm
    middle = None if wanted is None else sum(wanted) / 2
    covered = min(facts.coverage_mm or 0.0, prefers.coverage_mm or math.inf)
    return (
        max(refusals, default=0.0),
        float(Omission.RENDERED in unlike),
        float(_CONTRAST_RANKS[prefers.contrast].get(facts.contrast, 0)),
        _kernel_rank(facts.kernel_class, prefers),
        float(Omission.INCOMPLETE in unlike),
        float(Omission.THICKNESS in unlike),
        _derived_rank(frames[0]),
        -float(covered // _COVERAGE_STEP_MM),
        0.0 if thickness is None or middle is None else round(abs(thickness - middle), 1),
        -float(facts.images),
        float(missing),
        min(_acquired(frame) for frame in frames),
        math.inf if facts.acquisition is None else float(facts.acquisition),
        math.inf if facts.series_number is None else float(facts.series_number),
        min(number(frame.ds, "InstanceNumber") or math.inf for frame in frames),
    )


def _kernel_rank(found: KernelClass, prefers: Prefers) -> float:
    if not prefers.kernels:
        return 0.0
    if found in prefers.kernels:
        return float(prefers.kernels.index(found))
    return len(prefers.kernels) + (0.0 if found is KernelClass.UNKNOWN else 1.0)


def _derived_rank(frame: Frame) -> float:
    """0 original, 1 derived, 2 reformatted (PS3.3 C.7.6.1.1.2, C.8.2.1.1.1)."""
    kind = image_type(frame.ds, frame.frame_number)
    if is_reformatted(kind):
        return 2.0
    return float(kind[:1] == ("DERIVED",) or kind[1:2] == ("SECONDARY",))


def _acquired(frame: Frame) -> str:
    """When a slice was acquired, as text that sorts; unknown comes last."""
    ds = frame.ds
    whole = text(ds, "AcquisitionDateTime")
    parts = text(ds, "AcquisitionDate") + text(ds, "AcquisitionTime") or text(ds, "SeriesDate") + text(ds, "SeriesTime")
    return whole or parts or "9"
