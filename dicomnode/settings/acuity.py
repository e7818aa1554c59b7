"""Table `[acuity]`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from dicomnode.records import Acuity
from dicomnode.settings.types import DueSeconds, Table


class AcuityLevel(Table):
    """Consequences of one acuity category."""

    due_s: DueSeconds
    """Time limit in seconds, counted from the completion of the study. Studies are read in the order of their
    deadlines."""
    c_store_priority: Annotated[int, Field(ge=0, le=2)]
    """Priority (0000,0700) of the C-STORE requests: 1 high, 0 medium, 2 low."""
    series_flag: str
    """Prefix of the Series Description of the results. Empty: none."""
    has_kos: bool
    """Whether a Key Object Selection is sent that marks the images with findings."""
    alerts: tuple[str, ...] = ()
    """Alert channels that are notified at once, by name; "*" means all of them."""


def default_levels() -> dict[Acuity, AcuityLevel]:
    """Defaults of every category."""
    return {
        Acuity.EMERGENT: AcuityLevel(
            due_s=0, c_store_priority=1, series_flag="!! EMERGENT", has_kos=True, alerts=("*",)
        ),
        Acuity.URGENT: AcuityLevel(due_s=900, c_store_priority=1, series_flag="! URGENT", has_kos=True),
        Acuity.NON_CRITICAL: AcuityLevel(due_s=14_400, c_store_priority=0, series_flag="", has_kos=True),
        Acuity.NON_ACTIONABLE: AcuityLevel(due_s=28_800, c_store_priority=2, series_flag="", has_kos=False),
    }


class AcuitySettings(Table):
    """Urgency of findings."""

    findings: dict[str, Acuity] = {}
    """Acuity category of a finding (emergent, urgent, non_critical or non_actionable) where it differs from that in the
    bundle, for example {pneumonia = "urgent"}."""
    alerts: dict[str, tuple[str, ...]] = {}
    """Alert channels of a finding where they differ from those of its category, for example {any_ich =
    ["stroke_team"]}. An empty list: no alerts for this finding."""
    levels: dict[Acuity, AcuityLevel] = Field(default_factory=default_levels)
    """Consequences of each acuity category. A category or key that is left out keeps its default."""

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
