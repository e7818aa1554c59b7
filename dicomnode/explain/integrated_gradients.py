"""Integrated gradients: gradients on the way from the blurred image to the image (Sundararajan et al., ICML 2017).

The attributions of all pixels add up to the difference of the two logits, but for the error of the steps.
"""

from __future__ import annotations

import numpy as np

from dicomnode.explain.case import Case
from dicomnode.explain.pixels import blurred, cell_sums
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray

STEPS = 16


def attributions(case: Case) -> FloatArray:
    """What each pixel (C, rows, columns) added to the logit of the blurred image; midpoint rule."""
    image = case.image.pixel_values
    baseline = blurred(image)
    along = [(step + 0.5) / STEPS for step in range(STEPS)]
    gradients = [case.gradients(baseline + share * (image - baseline)).pixel_gradients for share in along]
    return np.asarray(np.mean(gradients, axis=0) * (image - baseline), dtype=np.float32)


@explainer("integrated_gradients", is_slow=True)
def integrated_gradients(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    return on_stored_frame(evidence_weights(cell_sums(attributions(case))), case.image)
