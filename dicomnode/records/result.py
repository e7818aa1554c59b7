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


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutcome:
    """What the peer said to one instance."""

    sop_instance_uid: str
    status: int | None
    """C-STORE status (0000,0900); None: no answer."""
    error: str = field(default="")
    """Empty where the peer holds the instance."""

    @property
    def is_held(self) -> bool:
        """Success or a warning: the peer stored it (PS3.4 B.2.3)."""
        return self.status is not None and not self.error

    @property
    def may_succeed_later(self) -> bool:
        """No answer, out of resources (A7xx) or a processing failure (0110): it may be taken another time."""
        return self.status in (None, 0x0110) or self.status & 0xFF00 == 0xA700
