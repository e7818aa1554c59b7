"""What a report says, before it is said in any language."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Claim,
    Examination,
    Finding,
    ImageQuality,
    Outcome,
    PriorState,
    PriorStudy,
    Reason,
    ReviewReason,
    Revision,
    Selection,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """One sentence of the draft, held against the verdicts."""

    text: str
    claims: tuple[Claim, ...]
    is_supported: bool
    """It says of every finding what the verdict says, with the same certainty, and nothing of an earlier study."""
    is_overstated: bool
    """It is supported and put plainly, and codes can say all of it with the certainty of a model: they do."""
    opposes: bool
    """It says the opposite of a verdict."""
    qualifiers: tuple[str, ...]
    """Keys of places and sizes that it names."""
    is_coded: bool
    """It says nothing that its claims, places and sizes do not say."""
    is_clear: bool
    """Its places and sizes, if there are any, can only be of the one finding that it claims."""

    @property
    def is_shown(self) -> bool:
        """Whether the report shows its words."""
        return self.is_supported and not self.is_overstated


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence on findings."""

    claims: tuple[Claim, ...]
    qualifiers: tuple[str, ...] = ()
    """Keys of places and sizes."""
    drafted: Drafted | None = None
    """The sentence of the draft that says it; None: it is said from its codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that the texts of one report are written from."""

    outcome: Outcome
    acuity: Acuity
    findings: tuple[Finding, ...] = ()
    described: tuple[Statement, ...] = ()
    """What is said of the findings, in order; each finding is in it."""
    draft_language: str = "en"
    reworded: int = 0
    """Sentences of the draft that did not agree with a verdict and are said anew from the codes."""
    withheld: int = 0
    """Sentences of the draft that did not agree with a verdict and are left out."""
    is_truncated: bool = False
    review: tuple[ReviewReason, ...] = ()
    cannot_exclude: tuple[ReviewReason, ...] = ()
    """Why nothing may be called absent."""
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
    why: tuple[Reason | str, ...] = ()
    """Why nothing was read; a sentence is technical and in English."""
    revision: Revision = Revision()

    @property
    def is_read(self) -> bool:
        """Whether there was a reading."""
        return self.outcome in (Outcome.FINDINGS, Outcome.NOTHING_FOUND, Outcome.UNDETERMINED)
