"""Short words that pages and pictures show beside a value, and the names of heat-map methods."""

from __future__ import annotations

from dicomnode.records import Label
from dicomnode.report.languages import Language

METHODS = (
    "class_activation",
    "cross_modal_attention",
    "evidence",
    "grad_cam",
    "hires_cam",
    "integrated_gradients",
    "occlusion",
    "relevance",
    "rise",
    "spatial_attention",
    "temporal_attention",
)
"""Methods of `explain` by their registered names; a test compares the two lists, as neither room imports the other."""


def labels_in(language: Language) -> dict[Label, str]:
    """Every label in one language."""
    level = language.percent(95)
    return {label: language.say(f"label-{label}", level=level) for label in Label}


def methods_in(language: Language) -> dict[str, str]:
    """Name of every heat-map method in one language, by the name it is registered under."""
    return {method: language.say(f"method-{method}") for method in METHODS}
