"""Relevance: the logit propagated back to the pixels, layer by layer (LRP, Bach et al., PLoS ONE 2015).

The epsilon rule, with attention weights held constant; it is computed by the graph of the bundle, see
`train/compress/gradients.py`. Biases keep their share, so the relevance does not add up to the logit.
"""

from __future__ import annotations

from dicomnode.explain.case import Case
from dicomnode.explain.pixels import cell_sums
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray


@explainer("relevance")
def relevance(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    return on_stored_frame(evidence_weights(cell_sums(case.gradients().relevance)), case.image)
