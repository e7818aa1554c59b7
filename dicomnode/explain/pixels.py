"""Altered images, and pixels gathered to cells: what methods that ask the model again have in common."""

from __future__ import annotations

import numpy as np

from dicomnode.records import FloatArray

# C channels, h, w cells

CELL_PX = 8
"""Pixels along one side of a cell: finer maps of single pixels are noise to the eye."""
_REACH = 8
"""The blurred image's box reaches over one such part of the image to each side."""


def blurred(pixel_values: FloatArray) -> FloatArray:
    """An image (C, rows, columns) without its details: what stands for "nothing to see here".

    Three moving averages along each axis, near enough a Gaussian. Black would be a finding of its own in most images,
    and a flat grey would have an edge.
    """
    smooth = pixel_values.astype(np.float64)
    for _ in range(3):
        smooth = _averaged(_averaged(smooth, 1), 2)
    return smooth.astype(np.float32)


def _averaged(values: np.ndarray, axis: int) -> np.ndarray:
    """Moving average along an axis; the ends are held."""
    reach = max(1, values.shape[axis] // _REACH)
    around = [(0, 0)] * values.ndim
    around[axis] = (reach + 1, reach)
    sums = np.cumsum(np.pad(values, around, mode="edge"), axis=axis)
    upper, lower = (np.take(sums, range(*ends), axis=axis) for ends in _ends(sums.shape[axis], 2 * reach + 1))
    return np.asarray((upper - lower) / (2 * reach + 1))


def _ends(length: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (width, length), (0, length - width)


def cell_sums(attributions: FloatArray) -> FloatArray:
    """Attributions of pixels (C, rows, columns) summed over channels and cells to (h, w)."""
    plane = attributions.sum(axis=0)
    rows, columns = (range(0, size, CELL_PX) for size in plane.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1), dtype=np.float32)
