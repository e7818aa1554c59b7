"""The region of a heat map that a report points at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray, Heatmap, Point

LEAST_WEIGHT = 0.2
"""A map that nowhere reaches this weight has no region."""
SHARE_OF_PEAK = 0.7
"""The region reaches as far as this share of its strongest weight."""
GRID_PX = 128
"""The region is searched on a grid of at most so many cells a side; heat maps are far coarser than frames."""


def outline(heatmap: Heatmap) -> tuple[Point, ...]:
    """Closed convex outline of the area around the strongest weight.

    Returns
    -------
    tuple[Point, ...]
        In the frame as stored, first point repeated at the end; () where nothing reaches `LEAST_WEIGHT`.
    """
    step = -(-max(heatmap.weights.shape) // GRID_PX)
    cells = _block_means(heatmap.weights, step)
    peak = float(cells.max())
    if peak < LEAST_WEIGHT:
        return ()
    start = np.unravel_index(int(cells.argmax()), cells.shape)
    area = _connected(cells >= peak * SHARE_OF_PEAK, (int(start[0]), int(start[1])))
    corners = [(r + dr, c + dc) for r, c in zip(*np.nonzero(area), strict=True) for dr in (0, 1) for dc in (0, 1)]
    hull = _convex_hull({(int(r), int(c)) for r, c in corners})
    rows, columns = heatmap.weights.shape
    # A cell's corner lies half a pixel before the centre of its first pixel.
    points = [Point(min(r * step, rows) - 0.5, min(c * step, columns) - 0.5) for r, c in hull]
    return (*points, points[0])


def _block_means(weights: FloatArray, step: int) -> FloatArray:
    """Means over step x step blocks; the last ones may be smaller."""
    rows = np.arange(0, weights.shape[0], step)
    columns = np.arange(0, weights.shape[1], step)
    sums = np.add.reduceat(np.add.reduceat(weights, rows, axis=0), columns, axis=1)
    heights = np.diff(np.append(rows, weights.shape[0]))
    widths = np.diff(np.append(columns, weights.shape[1]))
    return np.asarray(sums / np.outer(heights, widths), dtype=np.float32)


def _connected(mask: NDArray[np.bool_], start: tuple[int, int]) -> NDArray[np.bool_]:
    """The part of `mask` that hangs together with `start` over sides."""
    area = np.zeros_like(mask)
    waiting = [start]
    while waiting:
        row, column = waiting.pop()
        inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
        if not inside or area[row, column] or not mask[row, column]:
            continue
        area[row, column] = True
        waiting += [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return area


def _convex_hull(points: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Corners of the smallest convex shape around `points`, in order (Andrew's monotone chain)."""
    ordered = sorted(points)
    lower = _chain(ordered)
    upper = _chain(ordered[::-1])
    return lower[:-1] + upper[:-1]


def _chain(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    chain: list[tuple[int, int]] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
