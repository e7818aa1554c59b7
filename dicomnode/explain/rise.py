"""RISE: how the logit depends on what random masks leave visible (Petsiuk et al., BMVC 2018).

The weight of a place is the slope of the logit over the mask's value there, over all masks, instead of the mean of the
masks weighted by the score: the part that does not depend on the place cancels out. Hidden means blurred. Masks are
the same for every image, so the same image gives the same map.
"""

from __future__ import annotations

import numpy as np

from dicomnode.explain.case import Case
from dicomnode.explain.pixels import blurred, cell_sums
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray

MASKS = 256
GRID = 7
"""Cells of a mask along one side."""
_AT_ONCE = 16
_SEED = 1


@explainer("rise", is_slow=True)
def rise(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    image = case.image.pixel_values
    hidden = blurred(image)
    rng = np.random.default_rng(_SEED)
    shown, said = [], []
    for first in range(0, MASKS, _AT_ONCE):
        count = min(_AT_ONCE, MASKS - first)
        masks = np.stack([_mask(rng, (image.shape[1], image.shape[2])) for _ in range(count)])  # (n, rows, columns)
        said.append(case.logits(hidden + masks[:, np.newaxis] * (image - hidden)))
        shown += [cell_sums(mask[np.newaxis]) for mask in masks]
    slope = _slope(np.stack(shown), np.concatenate(said))
    # The slope over a cell stands for its neighbourhood of one cell of the mask.
    return on_stored_frame(evidence_weights(slope * GRID**2 / slope.size), case.image)


def _mask(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """(rows, columns) in [0, 1]: half of a coarse grid shown, smooth, and shifted at random."""
    coarse = (rng.random((GRID + 1, GRID + 1)) < 0.5).astype(np.float32)
    down, across = (_line(side, shift) for side, shift in zip(size, rng.random(2), strict=True))
    return np.asarray(down @ coarse @ across.T, dtype=np.float32)


def _line(side: int, shift: float) -> FloatArray:
    """(side, GRID + 1) weights of linear interpolation between the grid's points, shifted by a part of a cell."""
    place = (np.arange(side) + 0.5) / side * (GRID - 1) + shift
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, np.newaxis] - np.arange(GRID + 1))), dtype=np.float32)


def _slope(shown: FloatArray, said: FloatArray) -> FloatArray:
    """(h, w) slope of the logits (N,) over the masks' cells (N, h, w), scaled to a cell that is wholly shown."""
    seen = shown / np.maximum(shown.max(axis=0), 1e-6)
    apart = seen - seen.mean(axis=0)
    change = np.tensordot(said - said.mean(), apart, axes=1)
    return np.asarray(change / np.maximum((apart**2).sum(axis=0), 1e-6), dtype=np.float32)
