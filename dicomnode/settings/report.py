"""Table `[report]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from dicomnode.settings.types import Table


class ReportSettings(Table):
    """The report's words."""

    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    """Languages of the report (RFC 5646, for example "pt-BR"), the house's own first; one text each."""
    unsupported_sentences: Annotated[str, Field(pattern="^(rewrite|withhold)$")] = "rewrite"
    """What becomes of drafted sentences that do not agree with a verdict: `rewrite` them from the codes, places and
    sizes kept, or `withhold` them with their places and sizes. They are never shown; the report says how many."""
    impression_first: bool = False
    """Put the impression before everything else."""
    recommendations: dict[str, dict[str, str]] = {}
    """Finding or category to the house's words by language, for example {any_ich = {en = "Call the stroke team."}}."""
    translation_models: dict[str, Path] = {}
    """Language to the folder of a local translation model for drafted sentences without a code (extra `translate`)."""
