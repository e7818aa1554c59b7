"""What each study of `sample_dicom/` stands for: one line for the demo, its page and the README of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NOTICE = "Synthetic sample, no patient"


@dataclass(frozen=True, slots=True)
class Story:
    """One sample study in words."""

    line: str
    """Why the study was made and what was drawn."""
    description: str
    """Begins its Study Description (0008,1030); at most 33 characters, so that the notice fits behind it."""

    @property
    def study_description(self) -> str:
        """Study Description (0008,1030)."""
        return f"{self.description}, {NOTICE.lower()}"


STORIES: Mapping[str, Story] = MappingProxyType(
    {
        "chest-normal": Story("Before an operation: a chest film without findings", "XR CHEST PA, PREOPERATIVE"),
        "chest-earlier": Story("Cough in July: a small opacity in the right lung", "XR CHEST PA, COUGH"),
        "chest-opacity": Story("The same patient in January: the opacity is larger", "XR CHEST PA, COUGH, FOLLOW-UP"),
        "chest-small": Story("A small chest in a large dark frame", "XR CHEST PA, SMALL CHEST"),
        "hard-header": Story("A plate reader with gaps in its headers, a Chinese name", "XR CHEST PA, PLATE READER"),
        "head-ct-bleed": Story("Sudden headache: a head CT with a fresh bleed", "CT HEAD WITHOUT CONTRAST"),
        "ctpa-embolus": Story("Short of breath: a CT angiogram with emboli", "CT PULMONARY ANGIOGRAM"),
    }
)
"""Folder to story, in the order in which the demo sends them."""
