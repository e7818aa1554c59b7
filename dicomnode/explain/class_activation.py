"""Class activation: the parts of the map that raised the finding's logit.

The encoder's class map adds up (with a bias) to the logit, so each cell shows exactly its contribution. It costs
nothing: the forward pass computes it anyway.
"""

from __future__ import annotations

from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray


@explainer("class_activation")
def class_activation(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    return on_stored_frame(evidence_weights(case.class_map), case.image)
