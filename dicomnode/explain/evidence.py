"""Evidence: the logit that each cell would give the finding if the model looked there alone.

Class activation divided by the attention, so that the extent of a finding shows, and not only where the attention has
its peak, which a softmax always has somewhere.
"""

from __future__ import annotations

import numpy as np

from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import logit_weights
from dicomnode.records import FloatArray


@explainer("evidence")
def evidence(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    places = case.gradients().places  # (h, w)
    contributions, seen = case.class_map, places > np.finfo(np.float32).tiny
    logits = np.divide(contributions, places, out=np.zeros_like(contributions), where=seen)
    return on_stored_frame(logit_weights(logits), case.image)
