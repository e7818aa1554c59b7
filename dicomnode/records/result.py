"""Records of result objects and their deliveries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class ViewerProfile(StrEnum):
    """What a destination's viewers can show; `compose/profiles.py` says what each gets."""

    STANDARD = "standard"
    OHIF = "ohif"
    WEASIS = "weasis"
    SLICER = "slicer"
    TEXT_ONLY = "text-only"
    AIR = "air"
    """IHE AI Results."""


class ResultKind(StrEnum):
    """Kind of result object; a role is a kind, or a kind, a dot and what tells it from others of its kind."""

    OVERLAY = "overlay"
    SUMMARY = "summary"
    PAGE = "page"
    """The summary in a further language."""
    TEXT = "text-sr"
    REGIONS = "regions-sr"
    STUDY = "study-sr"
    REGIONS_3D = "regions-sr-3d"
    """The same content as REGIONS under the SOP class Comprehensive 3D SR."""
    STUDY_3D = "study-sr-3d"
    REGIONS_ENHANCED = "regions-sr-enhanced"
    """The same content as REGIONS under the SOP class Enhanced SR."""
    STUDY_ENHANCED = "study-sr-enhanced"
    KEY_OBJECTS = "kos"
    PRESENTATION = "gsps"
    SEGMENTATION = "seg"
    FILM_SEGMENTATION = "seg-film"
    """Segments of an image without a frame of reference."""
    PDF = "pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInstance:
    """One object of ours, on disk."""

    role: str
    """What it is among the job's results, for example `text-sr.en` or `overlay.pneumonia`."""
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One result on its way to one destination."""

    id: int
    job_id: int
    destination: str
    result: ResultInstance
    attempts: int
    priority: int
    """C-STORE Priority (0000,0700): 0 medium, 1 high, 2 low."""
    created_at: dt.datetime
    """UTC; a destination that could not take it for too long since then loses it to quarantine."""


class SendVerdict(StrEnum):
    """What an answer means for a delivery."""

    HELD = "held"
    """The peer has it."""
    LATER = "later"
    """The peer may take it another time."""
    PERHAPS = "perhaps"
    """The standard says that it never will, yet peers answer so while something else fails: a few tries, no more."""
    NEVER = "never"
    """The peer does not take it."""


# PS3.4 Table B.2-1 and PS3.7 Annex C.
_VERDICTS = {
    0x0000: SendVerdict.HELD,
    0x0001: SendVerdict.HELD,  # Requested optional Attributes are not supported: a warning
    0x0107: SendVerdict.HELD,  # Attribute list error: a warning
    0x0116: SendVerdict.HELD,  # Attribute Value out of range: a warning
    0x0111: SendVerdict.HELD,  # Duplicate SOP Instance: it came before, and the answer was lost
    0x0110: SendVerdict.LATER,  # Processing failure
    0x0124: SendVerdict.LATER,  # Not authorized: the operator of the peer mends that, as with a rejected association
    0x0210: SendVerdict.LATER,  # Duplicate invocation
    0x0213: SendVerdict.LATER,  # Resource limitation
    0x0117: SendVerdict.NEVER,  # Invalid object instance
    0x0118: SendVerdict.NEVER,  # No such SOP class
    0x0122: SendVerdict.NEVER,  # SOP class not supported
}
_VERDICTS_OF_CLASSES = {
    0xA7: SendVerdict.LATER,  # Out of resources
    0xA9: SendVerdict.NEVER,  # Data set does not match SOP class
    **dict.fromkeys(range(0xB0, 0xC0), SendVerdict.HELD),  # Warnings: stored, with elements coerced or discarded
    0xFE: SendVerdict.LATER,  # Canceled
}


def verdict_of(status: int) -> SendVerdict:
    """What a C-STORE status (0000,0900) means; one that no table holds, or "cannot understand", may be a hiccup."""
    return _VERDICTS.get(status) or _VERDICTS_OF_CLASSES.get(status >> 8, SendVerdict.PERHAPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutcome:
    """What the peer said to one instance."""

    sop_instance_uid: str
    status: int | None
    """C-STORE status (0000,0900); None: no answer, because the association was lost."""
    error: str = field(default="")
    """Empty where the peer holds the instance."""

    @property
    def verdict(self) -> SendVerdict:
        """What it means for the delivery."""
        return SendVerdict.LATER if self.status is None else verdict_of(self.status)

    @property
    def is_held(self) -> bool:
        """The peer has the instance."""
        return self.verdict is SendVerdict.HELD
