"""Table `[acuity]`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from dicomnode.records import Acuity
from dicomnode.settings.types import DueSeconds, Table


class AcuityLevel(Table):
    """What one category of acuity means in the house."""

    due_s: DueSeconds
    """Queue: the study should be read so many seconds after it was complete."""
    c_store_priority: Annotated[int, Field(ge=0, le=2)]
    """Priority (0000,0700) of its results: 1 high, 0 medium, 2 low."""
    series_flag: str
    """Put in front of the Series Description of its results."""
    has_kos: bool
    """Whether a Key Object Selection calls attention to it."""
    alerts: tuple[str, ...] = ()
    """Names of the alert channels that are told at once; "*": all of them."""


def default_levels() -> dict[Acuity, AcuityLevel]:
    """Consequences of every category where the settings name none."""
    return {
        Acuity.EMERGENT: AcuityLevel(
            due_s=0, c_store_priority=1, series_flag="!! EMERGENT", has_kos=True, alerts=("*",)
        ),
        Acuity.URGENT: AcuityLevel(due_s=900, c_store_priority=1, series_flag="! URGENT", has_kos=True),
        Acuity.NON_CRITICAL: AcuityLevel(due_s=14_400, c_store_priority=0, series_flag="", has_kos=True),
        Acuity.NON_ACTIONABLE: AcuityLevel(due_s=28_800, c_store_priority=2, series_flag="", has_kos=False),
    }


class AcuitySettings(Table):
    """The one table from finding to urgency."""

    findings: dict[str, Acuity] = {}
    """Finding to category, above the bundle's own: emergent, urgent, non_critical or non_actionable."""
    alerts: dict[str, tuple[str, ...]] = {}
    """Finding to alert channels, above its category's; an empty list silences it."""
    levels: dict[Acuity, AcuityLevel] = Field(default_factory=default_levels)
    """Category to consequences; a category that is left out keeps its default."""

    @model_validator(mode="before")
    @classmethod
    def _keep_default_levels(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("levels"), dict):
            return data
        defaults = {str(name): level.model_dump() for name, level in default_levels().items()}
        given = {str(name): level for name, level in data["levels"].items()}
        merged = {
            name: {**defaults.get(name, {}), **level} if isinstance(level, dict) else level
            for name, level in {**defaults, **given}.items()
        }
        return {**data, "levels": merged}
