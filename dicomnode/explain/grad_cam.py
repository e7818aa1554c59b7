"""Grad-CAM: the classifier's map, each feature weighed by the mean of its gradient (Selvaraju et al., ICCV 2017)."""

from __future__ import annotations

import numpy as np

from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray


@explainer("grad_cam")
def grad_cam(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    found = case.gradients()
    of_feature = found.activation_gradients.mean(axis=(1, 2))  # (D,)
    cells = np.tensordot(of_feature, found.activations, axes=1)  # (h, w)
    return on_stored_frame(evidence_weights(cells), case.image)
