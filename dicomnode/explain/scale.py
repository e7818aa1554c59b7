"""The scales on which maps are drawn: fixed ones, so that a map with little evidence stays pale all over.

Evidence is counted as a density: what a cell adds to the finding's logit times the number of cells, which is the logit
that the image would have if it looked everywhere as it does there; it does not depend on how fine the grid is.
Attention is counted in multiples of an even spread. The weight is density / (density + half), never divided by the
image's own maximum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray

HALF_WEIGHT_LOGIT = 16.0
"""Density of evidence that is drawn with weight one half."""
HALF_WEIGHT_CELL_LOGIT = 2.0
"""Logit of a single cell that is drawn with weight one half."""
HALF_WEIGHT_ATTENTION = 16.0
"""Multiple of an even spread that is drawn with weight one half."""


def evidence_weights(contributions: NDArray[np.floating]) -> FloatArray:
    """Weights (h, w) in [0, 1] of cells' contributions (h, w) to a logit; what speaks against the finding has none."""
    return _weights(contributions * contributions.size, HALF_WEIGHT_LOGIT)


def logit_weights(logits: NDArray[np.floating]) -> FloatArray:
    """Weights (h, w) in [0, 1] of the logits (h, w) that cells would give if the model looked at each alone."""
    return _weights(logits, HALF_WEIGHT_CELL_LOGIT)


def attention_weights(attention: NDArray[np.floating]) -> FloatArray:
    """Weights (h, w) in [0, 1] of attention (h, w) that sums to 1 or less."""
    return _weights(attention * attention.size, HALF_WEIGHT_ATTENTION)


def _weights(density: NDArray[np.floating], half: float) -> FloatArray:
    kept = np.maximum(density, 0)
    return np.asarray(kept / (kept + half), dtype=np.float32)
