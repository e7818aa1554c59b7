"""Records of answers: which of a study's answers stand, and why one was withdrawn."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from dicomnode.records.report import Outcome
from dicomnode.records.result import ResultInstance

SILENT = frozenset({Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN})
"""Outcomes that say nothing about the patient."""


class WithdrawalReason(StrEnum):
    """Why an answer no longer stands."""

    REPLACED = "replaced"
    """A later answer to the same study took its place."""
    CORRECTED = "corrected"
    """The images were another patient's, or have been corrected otherwise since they were read."""
    BY_OPERATOR = "by_operator"

    @property
    def words(self) -> str:
        """The reason in one English sentence."""
        return _WORDS[self]


_WORDS = {
    WithdrawalReason.REPLACED: "A later AI result of the same study replaces it.",
    WithdrawalReason.CORRECTED: "The images that it was made from, or whose they are, have been corrected.",
    WithdrawalReason.BY_OPERATOR: "An operator of the AI system withdrew it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a job, as the index knows it."""

    job_id: int
    key: str
    """SHA-256 that every UID of its results derives from."""
    number: int
    """1 for a study's first answer; the next answer about the same patient has the next number."""
    outcome: Outcome | None
    answered_at: dt.datetime
    """UTC; Content Date and Time of its results."""
    withdrawn_at: dt.datetime | None = None
    withdrawal: WithdrawalReason | None = None
    replaced_by: int | None = None
    """Job whose answer took its place."""

    @property
    def stands(self) -> bool:
        """Whether it still counts."""
        return self.withdrawn_at is None

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing about the patient."""
        return self.outcome in SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Results of one answer that some destinations hold alike."""

    destinations: tuple[str, ...]
    instances: tuple[ResultInstance, ...]
    is_certain: bool
    """The peers acknowledged them; otherwise they were on their way and may have arrived."""
