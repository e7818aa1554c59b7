"""CT slices and volumes to prepared images, one for each slice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dicomnode.dicom.elements import text
from dicomnode.dicom.geometry import UPRIGHT_AXIAL, made_upright, pixel_aspect, turns_to_upright
from dicomnode.dicom.greyscale import windowed
from dicomnode.infer.files import Header
from dicomnode.infer.frames import Frame, FrameReader
from dicomnode.infer.grid import fitted, normalized, region_of
from dicomnode.infer.manifest import Accepts, PixelRecipe, Prefers
from dicomnode.infer.selection import choose_stack
from dicomnode.records import PreparedImage, Selection


def prepare_ct(
    headers: Sequence[Header], accepts: Accepts, prefers: Prefers, recipe: PixelRecipe
) -> tuple[tuple[PreparedImage, ...], Selection]:
    """The stack that `selection` chooses, sorted along its normal, and why the others are not read.

    Raises
    ------
    NotApplicableError, UnsupportedImageError, NotJudgedError
        As `choose_stack`; the second also if a slice cannot be decoded.
    """
    reader = FrameReader()
    chosen = choose_stack(headers, accepts, prefers, reader)
    kept = _spread(len(chosen.frames), recipe.slices)
    images = [
        _prepared(chosen.frames[place], recipe, reader, sum(chosen.missing[before + 1 : place + 1]))
        for before, place in pairwise([-1, *kept])
    ]
    return tuple(images), chosen.selection


def _spread(count: int, most: int | None) -> list[int]:
    """Places of the slices that are read, evenly spread over all."""
    if most is None or count <= most:
        return list(range(count))
    return [int(place) for place in np.rint(np.linspace(0, count - 1, most))]


def _prepared(frame: Frame, recipe: PixelRecipe, reader: FrameReader, missing: int) -> PreparedImage:
    units = reader.hounsfield(frame)  # (rows, columns)
    quarters, flip = turns_to_upright(frame.plane.letters, UPRIGHT_AXIAL)
    shown = [windowed(units, center, width) for center, width in recipe.windows]
    upright = [made_upright(one, quarters, flip) for one in shown]
    region = region_of(upright[0], recipe)
    aspect = pixel_aspect(frame.ds, frame.frame_number)
    grids = [fitted(one, recipe, quarters, flip, region, aspect) for one in upright]
    return PreparedImage(
        sop_instance_uid=text(frame.ds, "SOPInstanceUID"),
        sop_class_uid=text(frame.ds, "SOPClassUID"),
        frame_number=frame.frame_number,
        pixel_values=normalized([grid for grid, _ in grids], recipe),
        display=np.rint(shown[0] * 255).astype(np.uint8),
        placement=grids[0][1],
        missing_before=missing,
    )
