"""Heat maps, one file for each method, and the regions in them.

Does: turn the model's outputs, or its answers to altered images, into weights in [0, 1] on the frame as stored, on a
scale that is the same for every image.
Does not: load the model (the caller hands it over as functions, see `case`), decide what is present, draw.

To add a method: write `explain/<name>.py` with one function decorated by `@explainer("<name>")` and name
the module in the import below; the contract test runs every registered method.
"""

from dicomnode.explain import (
    class_activation,
    cross_modal_attention,
    evidence,
    grad_cam,
    hires_cam,
    integrated_gradients,
    occlusion,
    relevance,
    rise,
    spatial_attention,
    temporal_attention,
)
from dicomnode.explain.case import Case
from dicomnode.explain.regions import outline
from dicomnode.explain.registry import explain, explainer, is_slow, methods

__all__ = [
    "Case",
    "class_activation",
    "cross_modal_attention",
    "evidence",
    "explain",
    "explainer",
    "grad_cam",
    "hires_cam",
    "integrated_gradients",
    "is_slow",
    "methods",
    "occlusion",
    "outline",
    "relevance",
    "rise",
    "spatial_attention",
    "temporal_attention",
]
