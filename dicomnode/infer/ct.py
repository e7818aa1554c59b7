"""CT slices and volumes to prepared images, one for each slice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom import Dataset

from dicomnode.dicom.elements import functional_group, items, number, text
from dicomnode.dicom.geometry import (
    UPRIGHT_AXIAL,
    Plane,
    has_repeated_positions,
    made_upright,
    missing_before,
    pixel_aspect,
    plane,
    require_one_orientation,
    stack_order,
    turns_to_upright,
)
from dicomnode.dicom.greyscale import windowed
from dicomnode.dicom.pixels import frame_count, hounsfield
from dicomnode.errors import NotApplicableError, NotJudgedError, UnsupportedImageError
from dicomnode.infer.accept import Header
from dicomnode.infer.files import read_instance
from dicomnode.infer.grid import fitted, normalized, region_of
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import PreparedImage, ReviewReason

_MOST_MISSING = 0.1
"""With a larger share of its slices missing a volume is not judged."""


class _Slice(NamedTuple):
    path: Path
    frame_number: int
    plane: Plane
    acquisition: float
    """Acquisition Number (0020,0012); -1 where there is none."""


def prepare_ct(headers: Sequence[Header], recipe: PixelRecipe) -> tuple[PreparedImage, ...]:
    """The largest axial series, sorted along its normal.

    Raises
    ------
    NotApplicableError
        If no series is axial.
    UnsupportedImageError
        If slices have no position, or the stack has repeated positions, mixed orientations or gantry tilt, or a slice
        cannot be decoded.
    NotJudgedError
        If more than a tenth of the slices is missing.
    """
    series, slices = _largest_axial_series(headers)
    slices = _one_acquisition(slices)
    ordered = [slices[index] for index in stack_order([one.plane for one in slices], series)]
    missing = missing_before([one.plane for one in ordered])
    if sum(missing) > _MOST_MISSING * (len(ordered) + sum(missing)):
        raise NotJudgedError(
            f"the volume is incomplete: {sum(missing)} slices are missing between the {len(ordered)} that came",
            review=ReviewReason.INCOMPLETE,
        )
    images: list[PreparedImage] = []
    path, ds = Path(), Dataset()
    kept = _spread(len(ordered), recipe.slices)
    for before, place in pairwise([-1, *kept]):
        one = ordered[place]
        if one.path != path:  # the frames of one instance follow each other: decode from one reading
            path, ds = one.path, read_instance(one.path)
        images.append(_prepared(ds, one, recipe, sum(missing[before + 1 : place + 1])))
    return tuple(images)


def _largest_axial_series(headers: Sequence[Header]) -> tuple[str, list[_Slice]]:
    """Series Instance UID and slices; of several equally large series the first by UID."""
    by_series: dict[str, list[_Slice]] = defaultdict(list)
    for header in headers:
        by_series[text(header.ds, "SeriesInstanceUID")] += _slices(header)
    largest_first = sorted(by_series.items(), key=lambda item: (-len(item[1]), item[0]))
    if not largest_first or not largest_first[0][1]:
        raise UnsupportedImageError(
            "no slice has Image Position (Patient) and Image Orientation (Patient): a CT cannot be stacked without"
        )
    for series, slices in largest_first:
        if slices and slices[0].plane.is_axial:
            require_one_orientation([one.plane for one in slices], series)
            return series, slices
    raise NotApplicableError("no series of the study is axial; the model reads axial slices")


def _slices(header: Header) -> list[_Slice]:
    """Every frame of an instance that says where it lies; several frames say so in functional groups."""
    found = []
    frames = frame_count(header.ds)
    if frames > 1 and frames != len(items(header.ds, "PerFrameFunctionalGroupsSequence")):
        return []
    for frame_number in range(1, frames + 1):
        where = plane(header.ds, frame_number)
        if where is not None:
            found.append(_Slice(header.path, frame_number, where, _acquisition(header.ds, frame_number)))
    return found


def _acquisition(ds: Dataset, frame_number: int) -> float:
    content = functional_group(ds, frame_number, "FrameContentSequence")
    acquired = None if content is None else number(content, "FrameAcquisitionNumber")
    if acquired is None:
        acquired = number(ds, "AcquisitionNumber")
    return -1.0 if acquired is None else acquired


def _one_acquisition(slices: list[_Slice]) -> list[_Slice]:
    """A series that covers the same place twice holds several phases: keep the largest, the earliest of equals."""
    if not has_repeated_positions([one.plane for one in slices]):
        return slices
    acquisitions: dict[float, list[_Slice]] = defaultdict(list)
    for one in slices:
        acquisitions[one.acquisition].append(one)
    return min(acquisitions.items(), key=lambda item: (-len(item[1]), item[0]))[1]


def _spread(count: int, most: int | None) -> list[int]:
    """Places of the slices that are read, evenly spread over all."""
    if most is None or count <= most:
        return list(range(count))
    return [int(place) for place in np.rint(np.linspace(0, count - 1, most))]


def _prepared(ds: Dataset, one: _Slice, recipe: PixelRecipe, missing: int) -> PreparedImage:
    units = hounsfield(ds, one.frame_number)  # (rows, columns)
    quarters, flip = turns_to_upright(one.plane.letters, UPRIGHT_AXIAL)
    shown = [windowed(units, center, width) for center, width in recipe.windows]
    upright = [made_upright(frame, quarters, flip) for frame in shown]
    region = region_of(upright[0], recipe)
    aspect = pixel_aspect(ds, one.frame_number)
    grids = [fitted(frame, recipe, quarters, flip, region, aspect) for frame in upright]
    return PreparedImage(
        sop_instance_uid=text(ds, "SOPInstanceUID"),
        sop_class_uid=text(ds, "SOPClassUID"),
        frame_number=one.frame_number,
        pixel_values=normalized([grid for grid, _ in grids], recipe),
        display=np.rint(shown[0] * 255).astype(np.uint8),
        placement=grids[0][1],
        missing_before=missing,
    )
