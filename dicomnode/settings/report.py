"""Table `[report]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import Table


class ReportSettings(Table):
    """Report text."""

    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    """Languages of the report as RFC 5646 tags, for example ["pt-BR", "en"]. There is one text per language; the first
    is the main one."""
    unsupported_sentences: Literal["rewrite", "withhold"] = "rewrite"
    """What happens to sentences drafted by the model that contradict a verdict. "rewrite": they are replaced by
    sentences made from the coded findings, with the drafted location and size. "withhold": they are dropped together
    with their location and size. The draft itself is never shown; the report says how many sentences were affected."""
    impression_first: bool = False
    """Whether the impression comes before the other sections."""
    recommendations: dict[str, dict[str, str]] = {}
    """Recommendations of your own, by finding or acuity category and language, for example {any_ich = {en = "Call the
    stroke team."}}."""
    translation_models: dict[str, Path] = {}
    """Folders of local translation models by language, used for drafted sentences that have no code (needs `pip install
    'dicomnode-ai[translate]'`)."""
