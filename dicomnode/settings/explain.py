"""Table `[explain]`."""

from __future__ import annotations

from dicomnode.settings.types import Table


class ExplainSettings(Table):
    """Heat maps."""

    method: str = "class_activation"
    """Method used for the heat map of each suspected finding. A method that, according to the bundle's model card, does
    no better than chance is refused. docs/explanations.md describes the methods."""
    findings: dict[str, str] = {}
    """Per-finding overrides of `method`, for example {pneumonia = "integrated_gradients"}. Slow methods add seconds to
    each study."""
