"""Spatial attention: where the encoder looked for the finding, whether or not it found it there."""

from __future__ import annotations

from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import attention_weights
from dicomnode.records import FloatArray


@explainer("spatial_attention")
def spatial_attention(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    return on_stored_frame(attention_weights(case.gradients().places), case.image)
