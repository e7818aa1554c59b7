"""Whether a map follows the model: when its places are hidden, when the model is another, when the image moves.

"Hidden" is as the methods of explanation have it: blurred.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy.stats import rankdata

from dicomnode.explain.pixels import blurred
from dicomnode.records import FloatArray
from dicomnode.train.bundle import renew_digests

# C channels, S side

Judge = Callable[[FloatArray], FloatArray]
"""Pixel values (N, C, S, S) to the finding's probabilities (N,)."""
STEPS = 16
SHIFT_PX = (3, 5)
"""Rows and columns by which an image is moved."""
_FEWEST = 256
"""Smaller tensors of a graph are no weights that tell one finding from another."""


def hiding_curves(
    pixel_values: FloatArray, weights: FloatArray, judge: Judge, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Probability as ever more of the strongest pixels are hidden, and as they are shown on the hidden image.

    Parameters
    ----------
    pixel_values
        (C, S, S).
    weights
        (S, S); among equal ones chance decides.
    seed
        Of this chance.

    Returns
    -------
    tuple[FloatArray, FloatArray]
        Deletion and insertion, (STEPS + 1,) each, at equal steps from none to all of the pixels.
    """
    chance = np.random.default_rng(seed).permutation(weights.size)
    order = np.lexsort((chance, -weights.ravel()))
    rank = np.empty(weights.size, np.intp)
    rank[order] = np.arange(weights.size)
    taken = rank.reshape(weights.shape) < (np.arange(STEPS + 1) / STEPS * weights.size)[:, None, None]  # (n, S, S)
    hidden = blurred(pixel_values)
    deleted = np.where(taken[:, None], hidden, pixel_values)
    inserted = np.where(taken[:, None], pixel_values, hidden)
    return judge(deleted.astype(np.float32)), judge(inserted.astype(np.float32))


def area(curve: FloatArray) -> float:
    """Area under a curve over equal steps of [0, 1]; trapezia."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's; 0 where one of the maps is level, which agrees with nothing."""
    return correlation(rankdata(one), rankdata(other))


def correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Pearson's; 0 where one of the maps is level."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def shifted(planes: FloatArray) -> FloatArray:
    """(C, S, S) moved by `SHIFT_PX`; the edge is held where nothing was."""
    down, across = SHIFT_PX
    return np.pad(planes, ((0, 0), (down, 0), (across, 0)), mode="edge")[:, :-down, :-across]


def shift_correlation(before: FloatArray, after: FloatArray) -> float:
    """Pearson's between a map (S, S) and that of the moved image, over what both show."""
    down, across = SHIFT_PX
    return correlation(before[:-down, :-across], after[down:, across:])


def randomised_bundle(bundle: Path, folder: Path, seed: int) -> Path:
    """A copy of a bundle whose encoder has the same weights in another order: it has learned nothing.

    Each tensor of weights is permuted, in the encoder and in its gradients, so their sizes and ranges stay.
    """
    copy = folder / bundle.name
    shutil.copytree(bundle, copy)
    rng = np.random.default_rng(seed)
    for path in (copy / "encoder.onnx", copy / "gradients.onnx"):
        if path.is_file():
            model = onnx.load(path)
            for tensor in model.graph.initializer:
                if len(tensor.dims) > 1 and np.prod(tensor.dims) >= _FEWEST:
                    values = numpy_helper.to_array(tensor)
                    mixed = rng.permutation(values.ravel()).reshape(values.shape)
                    tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
            onnx.save(model, path)
    renew_digests(copy)
    return copy
