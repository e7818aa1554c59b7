"""An upright frame to the model's grid of pixels, and where that grid lies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dicomnode.errors import UnsupportedImageError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import FloatArray, Placement, ReasonCode, reason

_BODY_SIDE = 128
"""Pixels of the thumbnail in which the body is looked for."""
_BODY_GREY = 0.05
_TABLE = 5
"""Pixels of the thumbnail; what is thinner, such as the table, is no body."""
_MARGIN = 0.03
_LEAST_BODY = 0.4
"""Smallest region, as a fraction of the frame: the crown of a head is not blown up to a whole one."""


class Region(NamedTuple):
    """Part of a frame, in fractions of its rows and columns."""

    top: float = 0.0
    left: float = 0.0
    bottom: float = 1.0
    right: float = 1.0


def stretched(frame: FloatArray, is_image: NDArray[np.bool_], recipe: PixelRecipe) -> FloatArray:
    """Grey between two percentiles of the frame, padding left out, to [0, 1].

    Raises
    ------
    UnsupportedImageError
        If the frame is of one grey all over.
    """
    shown = frame[is_image]
    if shown.size == 0 or shown.max() <= shown.min():
        raise UnsupportedImageError(reason(ReasonCode.UNIFORM))
    low, high = np.percentile(shown, (recipe.low_percentile, recipe.high_percentile))
    if high <= low:  # a few bright pixels on an even ground
        low, high = shown.min(), shown.max()
    return np.asarray((frame - low) / (high - low), dtype=np.float32).clip(0, 1)


def body(frame: FloatArray) -> Region:
    """The part of a frame in [0, 1] that holds the patient, without air and table; all of it where nobody is seen."""
    small = Image.fromarray(frame).resize((_BODY_SIDE, _BODY_SIDE), Image.Resampling.BOX)
    solid = Image.fromarray(np.asarray(small) > _BODY_GREY).convert("L").filter(ImageFilter.MinFilter(_TABLE))
    thick = np.asarray(solid) > 0
    if not thick.any():
        return Region()
    (top, bottom), (left, right) = (_span(np.flatnonzero(thick.any(1 - axis))) for axis in (0, 1))
    return Region(top, left, bottom, right)


def _span(places: NDArray[np.intp]) -> tuple[float, float]:
    """First and last place with a margin, as fractions; moved inwards where they would leave the frame."""
    shrunk = _TABLE // 2
    first, last = (places[0] - shrunk) / _BODY_SIDE, (places[-1] + 1 + shrunk) / _BODY_SIDE
    length = min(1.0, max(last - first + 2 * _MARGIN, _LEAST_BODY))
    start = min(max((first + last - length) / 2, 0.0), 1.0 - length)
    return start, start + length


def region_of(frame: FloatArray, recipe: PixelRecipe) -> Region:
    """What of an upright frame the model is shown."""
    return body(frame) if recipe.fit == "body" else Region()


def fitted(
    frame: FloatArray,
    recipe: PixelRecipe,
    rotate_quarters: int,
    flip_columns: bool,
    region: Region | None = None,
    aspect: float = 1.0,
) -> tuple[FloatArray, Placement]:
    """Scale an upright frame to fit the model's grid, centred on black.

    Parameters
    ----------
    frame
        (rows, columns), upright.
    rotate_quarters, flip_columns
        How it was made upright; only noted in the placement.
    region
        What of it is shown; None: all.
    aspect
        Height of a pixel of the frame as stored, divided by its width.

    Returns
    -------
    The grid (recipe.rows, recipe.columns), whose pixels are square, and its placement. The scale is exact and, in
    millimetres, the same both ways: a rim of less than one model pixel is cut off instead of rounded.

    Raises
    ------
    UnsupportedImageError
        If the frame is so narrow that it would be less than one model pixel wide.
    """
    rows, columns = frame.shape
    region = region or Region()
    first = (round(region.top * rows), round(region.left * columns))
    frame = frame[first[0] : round(region.bottom * rows), first[1] : round(region.right * columns)]
    if min(frame.shape) < 1:
        raise UnsupportedImageError(reason(ReasonCode.NARROW, rows=rows, columns=columns))
    stretch = aspect if rotate_quarters % 2 else 1 / aspect
    scale = min(recipe.rows / frame.shape[0], recipe.columns / frame.shape[1] / stretch)
    scales = (scale, scale * stretch)
    sizes = [int(side * one + 1e-6) for side, one in zip(frame.shape, scales, strict=True)]  # model pixels
    if min(sizes) < 1:
        raise UnsupportedImageError(reason(ReasonCode.NARROW, rows=frame.shape[0], columns=frame.shape[1]))
    cut = [  # source pixels
        max(0.0, (side - size / one) / 2) for side, size, one in zip(frame.shape, sizes, scales, strict=True)
    ]
    box = (cut[1], cut[0], frame.shape[1] - cut[1], frame.shape[0] - cut[0])
    small = Image.fromarray(frame).resize((sizes[1], sizes[0]), Image.Resampling.BILINEAR, box=box)
    before = [(whole - size) // 2 for whole, size in zip((recipe.rows, recipe.columns), sizes, strict=True)]
    grid = np.zeros((recipe.rows, recipe.columns), dtype=np.float32)
    grid[before[0] : before[0] + sizes[0], before[1] : before[1] + sizes[1]] = np.asarray(small)
    # Pixel i covers [i, i + 1) for the resampling; records put its centre at i.
    top, left = (first[axis] + cut[axis] + (0.5 - before[axis]) / scales[axis] - 0.5 for axis in (0, 1))
    return grid, Placement(
        scale=scale,
        top=top,
        left=left,
        rotate_quarters=rotate_quarters,
        flip_columns=flip_columns,
        column_stretch=stretch,
    )


def normalized(channels: list[FloatArray], recipe: PixelRecipe) -> FloatArray:
    """Channels (rows, columns) in [0, 1] to `pixel_values` (channels, rows, columns)."""
    return ((np.stack(channels) - recipe.mean) / recipe.std).astype(np.float32)
