"""Class activation: the parts of the map that raised the finding's logit.

The encoder's class map adds up (with a bias) to the logit, so each cell says exactly how much it gave.
Only what speaks for the finding is drawn. A cell's contribution times the number of cells is the logit
that the image would have if it looked everywhere as it does there; this density does not depend on how
fine the grid is. The weight is density / (density + HALF_WEIGHT_LOGIT): the same scale for every image,
without a maximum of the image's own, so that a map with little evidence stays pale all over.
"""

from __future__ import annotations

import numpy as np

from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.records import FloatArray, Reading

HALF_WEIGHT_LOGIT = 16.0
"""Density of evidence that is drawn with weight one half."""


@explainer("class_activation")
def class_activation(reading: Reading, finding_index: int) -> FloatArray:
    """Weights (rows, columns) on the finding's best image, [0, 1]."""
    best = reading.best_images[finding_index]
    contributions = reading.encodings[best].class_maps[finding_index]  # (h, w)
    density = np.maximum(contributions, 0) * contributions.size
    return on_stored_frame(density / (density + HALF_WEIGHT_LOGIT), reading.images[best])
