"""Table `[explain]`."""

from __future__ import annotations

from dicomnode.settings.types import Table


class ExplainSettings(Table):
    """Heat maps."""

    method: str = "class_activation"
    """Method drawn for every finding that is suspected; one that its bundle's card does not show to be better than
    chance is refused."""
    findings: dict[str, str] = {}
    """Finding to method, above `method`, for example {pneumonia = "integrated_gradients"}; some take seconds."""
