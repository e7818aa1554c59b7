"""What a report says, before it is said in any language."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Examination,
    Finding,
    ImageQuality,
    Outcome,
    PriorState,
    PriorStudy,
    ReviewReason,
    Revision,
    Selection,
)
from dicomnode.report.grounding import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """One sentence of the draft, held against the classifier."""

    text: str
    claims: tuple[Claim, ...]
    is_supported: bool
    finding: str | None
    """The finding it is filed under: one that it is wrong of, else the first it names."""
    qualifiers: tuple[str, ...]
    """Keys of places and sizes that it names."""
    is_coded: bool
    """It says nothing that its claims, places and sizes do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that the texts of one report are written from."""

    outcome: Outcome
    acuity: Acuity
    findings: tuple[Finding, ...] = ()
    drafted: tuple[Drafted, ...] = ()
    has_draft: bool = False
    draft_language: str = "en"
    left_out: tuple[Finding, ...] = ()
    """Suspected findings that the draft does not name."""
    withheld: int = 0
    is_truncated: bool = False
    review: tuple[ReviewReason, ...] = ()
    quality: ImageQuality | None = None
    images: int = 0
    not_judged: int = 0
    missing: int = 0
    examination: Examination | None = None
    selection: Selection | None = None
    """None: nothing was read."""
    prior: PriorStudy | None = None
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR
    bundle: BundleIdentity | None = None
    reason: str = ""
    """Technical, in English."""
    revision: Revision = Revision()
