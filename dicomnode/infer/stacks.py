"""The frames of a CT study parted into stacks: slices that make up one volume, whatever series they came in.

One series may hold several volumes (soft and bone kernel, phases, two thicknesses), and one volume may be spread over
acquisitions (each slice of a sequential scan is one) or change its thickness half-way. So frames are parted twice:
always by what no volume mixes, and further only where two of them lie at the same place, by whatever gives the fewest
stacks without such a pair.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from dicomnode.dicom.elements import functional_group, number, texts
from dicomnode.dicom.geometry import Plane, has_repeated_positions
from dicomnode.infer.accept import image_type, is_reformatted, rescale_type
from dicomnode.infer.frames import Frame

_SAME_DIRECTION = 0.02
"""Largest difference of a direction cosine: about one degree."""
_LEAST_SHARE = 0.5
"""Runs of instance numbers are phases where the shortest is at least this part of the longest."""


Key = Callable[[Frame], Hashable]


def orientation(plane: Plane) -> str:
    """Name of the plane that a slice lies in; what leans by more than 45 degrees to all is oblique."""
    across = np.abs(plane.normal)
    axis = int(np.argmax(across))
    return ("sagittal", "coronal", "axial")[axis] if across[axis] > np.sqrt(0.5) else "oblique"


def stacks_of(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Part frames into stacks; in a stack that cannot be parted further slices may still lie at the same place.

    The parts do not depend on the order of the frames, nor on their UIDs but for what is one series.
    """
    return [
        part
        for group in _grouped(frames, _of_one_volume)
        for turned in _turned_alike(group)
        for part in _without_repeats(turned)
    ]


def _of_one_volume(frame: Frame) -> Hashable:
    ds = frame.ds
    kind = image_type(ds, frame.frame_number)
    return (
        frame.series,
        kind[:1],
        is_reformatted(kind),
        rescale_type(ds, frame.frame_number),
        frame.kernel_class,
        number(ds, "Rows"),
        number(ds, "Columns"),
    )


def _turned_alike(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Frames of one orientation together, whichever comes first."""
    groups: list[tuple[np.ndarray, list[Frame]]] = []
    for frame in sorted(frames, key=_cosines):
        cosines = np.array(_cosines(frame))
        known = next((group for first, group in groups if np.abs(first - cosines).max() <= _SAME_DIRECTION), None)
        if known is None:
            groups.append((cosines, [frame]))
        else:
            known.append(frame)
    return [group for _, group in groups]


def _cosines(frame: Frame) -> tuple[float, ...]:
    return (*frame.plane.row_direction, *frame.plane.column_direction)


def _element(*keywords: str) -> Key:
    return lambda frame: tuple(texts(frame.ds, keyword) for keyword in keywords)


def _frame_content(*keywords: str) -> Key:
    def find(frame: Frame) -> Hashable:
        group = functional_group(frame.ds, frame.frame_number, "FrameContentSequence")
        return () if group is None else tuple(texts(group, keyword) for keyword in keywords)

    return find


_KEYS: tuple[Key, ...] = (
    lambda frame: frame.acquisition,
    lambda frame: frame.plane.thickness_mm,
    lambda frame: frame.kernel,
    _element("ContrastBolusAgent", "ContrastBolusStartTime"),
    _element("KVP"),
    _element("TemporalPositionIdentifier", "TemporalPositionIndex"),
    _frame_content("TemporalPositionIndex", "StackID"),
    _element("TriggerTime", "NominalPercentageOfCardiacPhase"),
    _element("EchoNumbers"),
    _element("PixelSpacing", "ReconstructionDiameter"),
    _element("ImageType"),
    _element("SeriesTime"),
    _element("SeriesDescription"),
    _element("ImageComments"),
)
"""What tells two slices at the same place apart; the earlier ones are tried first."""


def _without_repeats(frames: list[Frame]) -> list[list[Frame]]:
    if not _has_repeats(frames):
        return [frames]
    telling = [key for key in _KEYS if len({key(frame) for frame in frames}) > 1]
    tried = [_grouped(frames, key) for key in telling]
    if not any(_is_parted(parts) for parts in tried):
        tried = [_grouped(frames, _both(one, two)) for one, two in itertools.combinations(telling, 2)]
    whole = [parts for parts in tried if _is_parted(parts)]
    return min(whole, key=len) if whole else _runs(frames)


def _both(one: Key, two: Key) -> Key:
    return lambda frame: (one(frame), two(frame))


def _is_parted(parts: Sequence[Sequence[Frame]]) -> bool:
    return not any(_has_repeats(part) for part in parts)


def _has_repeats(frames: Sequence[Frame]) -> bool:
    return has_repeated_positions([frame.plane for frame in frames])


def _grouped(frames: Iterable[Frame], key: Key) -> list[list[Frame]]:
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return list(groups.values())


def _runs(frames: list[Frame]) -> list[list[Frame]]:
    """Phases that follow each other by instance number, where nothing else tells them apart; else all in one."""
    numbers = [(number(frame.ds, "InstanceNumber"), frame.frame_number) for frame in frames]
    if any(one is None for one, _ in numbers) or len(set(numbers)) < len(frames):
        return [frames]
    places = [round(frame.place, 2) for frame in frames]
    runs: list[list[Frame]] = [[]]
    seen: set[float] = set()
    for index in sorted(range(len(frames)), key=lambda index: (numbers[index][0] or 0, numbers[index][1])):
        if places[index] in seen:
            runs.append([])
            seen = set()
        runs[-1].append(frames[index])
        seen.add(places[index])
    lengths = [len(run) for run in runs]
    is_phases = len(runs) == max(Counter(places).values()) and min(lengths) >= _LEAST_SHARE * max(lengths)
    return runs if is_phases and _is_parted(runs) else [frames]
