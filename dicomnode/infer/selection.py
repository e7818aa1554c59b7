"""Which stack of a CT study a bundle reads, and why not the others; of films see `infer/films.py`.

The rule, in this order; it asks for contents only, never for UIDs or the order of arrival:

1. A frame is left out where the header says that it is nothing for the model (`infer/accept.py`): another modality or
   body part, a localizer, a rendering, values that are no Hounsfield units, not axial.
2. What is left is parted into stacks (`infer/stacks.py`), and each is held against `[prefers]` of the bundle.
3. A stack that may be judged comes before one that may not; then one whose description does not say that it may be a
   rendering or a map; then the one with the contrast that the model was made for; then its kernel, the bundle's first
   kind first; then one that covers the whole organ without gaps; then slices of a thickness that was measured; then
   original slices before derived ones, and these before reformatted ones; then the one that covers more, whose
   thickness is nearer to the middle of what was measured, and which has more slices.
4. Of equals the one that was acquired first is read: by time, Acquisition Number, Series Number, lowest
   Instance Number, and last of all by a digest of the pixels. Stacks with the same pixels are the same stack.

What is read though it is unlike what the model was measured on excludes no finding (`Selection.doubts`).
Pixels are looked at only where the header leaves a question open: noise where a kernel is unknown, air where no Rescale
Type is given, a digest where stacks are equal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from dicomnode.dicom.elements import number, text
from dicomnode.infer.accept import Misfit, error_of, misfit
from dicomnode.infer.files import Header
from dicomnode.infer.frames import Frame, FrameReader, frames_of
from dicomnode.infer.grade import POINTS, Grade, grade
from dicomnode.infer.manifest import Accepts, Prefers
from dicomnode.infer.stacks import orientation, stacks_of
from dicomnode.records import LeftOut, Omission, ReasonCode, Selection, StackFacts, reason

_FEW = 0.25
"""So many slices of another orientation, as a share of the axial ones of their series, are its localizer."""
_NOT_AXIAL = Misfit(Omission.NOT_AXIAL, reason(ReasonCode.NOT_AXIAL))
_SCOUT = Misfit(Omission.LOCALIZER, "a few slices of another orientation in an axial series are its localizer")
_COPY = "the same pixels are read already"


class Chosen(NamedTuple):
    """The stack that is read."""

    frames: tuple[Frame, ...]
    """In order along their normal."""
    missing: tuple[int, ...]
    """Slices that must lie before each frame."""
    selection: Selection


class _Left(NamedTuple):
    """A frame that is not read."""

    header: Header
    frame: Frame | None
    """None: it is not known where it lies."""
    misfit: Misfit


def choose_stack(headers: Sequence[Header], accepts: Accepts, prefers: Prefers, reader: FrameReader) -> Chosen:
    """Choose the stack that a bundle reads.

    Raises
    ------
    NotApplicableError
        If there is nothing of the kind that the bundle reads; the message says what would be right.
    UnsupportedImageError
        If there is, but it has no usable geometry.
    NotJudgedError
        If there is, but the bundle refuses it, or too little of the organ is covered.
    """
    frames, left = _fitting(headers, accepts)
    if not frames:
        raise error_of([one.misfit for one in left])
    grades = sorted((grade(stack, prefers, reader) for stack in stacks_of(frames)), key=lambda one: one.order)
    best = _first(grades, reader)
    if best.refusal is not None:
        raise best.refusal.error
    others = [one for one in grades if one is not best]
    copies = [_Left(one.header, one, Misfit(Omission.DUPLICATE, _COPY)) for one in best.copies]
    return Chosen(
        frames=best.frames,
        missing=best.missing,
        selection=Selection(
            read=(best.facts,),
            left_out=(*(_left_out(one, best, reader) for one in others), *_by_series([*copies, *left])),
            doubts={one.review: one.sentence for one in reversed(best.verdicts) if one.review is not None},
        ),
    )


def _fitting(headers: Sequence[Header], accepts: Accepts) -> tuple[list[Frame], list[_Left]]:
    """Axial frames that nothing speaks against, and all others."""
    frames: list[Frame] = []
    left: list[_Left] = []
    for header in headers:
        for frame_number, found in frames_of(header):
            wrong = misfit(header.ds, frame_number, accepts)
            if not isinstance(found, Frame):
                left.append(_Left(header, None, wrong or found))
            elif wrong is not None or not found.plane.is_axial:
                left.append(_Left(header, found, wrong or _NOT_AXIAL))
            else:
                frames.append(found)
    return frames, _scouts_named(frames, left)


def _scouts_named(frames: Sequence[Frame], left: Sequence[_Left]) -> list[_Left]:
    """The same, but a few turned slices beside many axial ones are called what they are, whatever their label."""
    axial = Counter(frame.series for frame in frames)
    turned = Counter(one.frame.series for one in left if one.frame and one.misfit is _NOT_AXIAL)
    scouts = {series for series, count in turned.items() if axial[series] and count <= max(1, _FEW * axial[series])}
    return [
        one._replace(misfit=_SCOUT) if one.misfit is _NOT_AXIAL and one.frame and one.frame.series in scouts else one
        for one in left
    ]


def _first(grades: Sequence[Grade], reader: FrameReader) -> Grade:
    """The best of grades in their order; pixels are read only for stacks that are equal in all else."""
    equals = [one for one in grades if one.order == grades[0].order]
    if len(equals) == 1:
        return equals[0]
    return min(equals, key=lambda one: (reader.digest(one.frames), one.facts.series_instance_uid))


def _left_out(other: Grade, best: Grade, reader: FrameReader) -> LeftOut:
    """Why a stack is not read: the first point in which it is worse."""
    if other.refusal is not None:
        return LeftOut(facts=other.facts, reason=other.refusal.omission, sentence=other.refusal.sentence)
    for point, ours, theirs in zip(POINTS, best.order, other.order, strict=True):
        if ours != theirs:
            own = next((one.sentence for one in other.verdicts if one.omission is point[0]), point[1])
            return LeftOut(facts=other.facts, reason=point[0], sentence=own)
    if reader.digest(other.frames) == reader.digest(best.frames):
        return LeftOut(facts=other.facts, reason=Omission.DUPLICATE, sentence=_COPY)
    return LeftOut(facts=other.facts, reason=Omission.OTHER_PHASE, sentence="it differs only in its pixels")


def _by_series(left: Sequence[_Left]) -> list[LeftOut]:
    """Frames of one series that are left out for one reason make one row."""
    groups: dict[tuple[str, Omission], list[_Left]] = defaultdict(list)
    for one in left:
        groups[text(one.header.ds, "SeriesInstanceUID"), one.misfit.reason].append(one)
    rows = [_row(omission, members) for (_, omission), members in groups.items()]
    return sorted(rows, key=lambda one: (one.facts.series_number or 0, one.reason, one.facts.series_instance_uid))


def _row(omission: Omission, members: Sequence[_Left]) -> LeftOut:
    ds = members[0].header.ds
    planes = {"" if one.frame is None else orientation(one.frame.plane) for one in members}
    turned = planes.pop() if len(planes) == 1 else ""
    series_number = number(ds, "SeriesNumber")
    facts = StackFacts(
        series_instance_uid=text(ds, "SeriesInstanceUID"),
        series_number=None if series_number is None else int(series_number),
        images=len(members),
        orientation=turned,
    )
    sentence = min(one.misfit.sentence for one in members)
    if omission is Omission.NOT_AXIAL:
        sentence = f"the slices are {turned or 'not axial'}; the model reads axial slices"
    return LeftOut(facts=facts, reason=omission, sentence=sentence)
