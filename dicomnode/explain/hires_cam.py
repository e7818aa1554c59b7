"""HiResCAM: the classifier's map times its gradient, cell by cell (Draelos and Carin, arXiv 2011.08891).

Unlike Grad-CAM it keeps to the cells that the model used.
"""

from __future__ import annotations

from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray


@explainer("hires_cam")
def hires_cam(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    found = case.gradients()
    cells = (found.activation_gradients * found.activations).sum(axis=0)  # (h, w)
    return on_stored_frame(evidence_weights(cells), case.image)
