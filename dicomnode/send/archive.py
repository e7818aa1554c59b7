"""What the node asks of an archive that may hold earlier studies, in whichever protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dicomnode.records import Patient, SeriesSummary, StudySummary
from dicomnode.send.deadline import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One instance that the archive gave."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    encoded: bytes
    """A whole DICOM file."""


Keep = Callable[[Fetched], bool]
"""Called with each instance; whether it was kept."""


class Archive(Protocol):
    """An archive that can be searched and fetched from.

    Every method raises PeerUnreachableError if the archive does not answer in time, and PeerRefusedError if its
    answer is no.
    """

    def studies(self, patient: Patient, deadline: Deadline) -> list[StudySummary]:
        """All studies under a Patient ID."""
        ...

    def series(self, study_instance_uid: str, deadline: Deadline) -> list[SeriesSummary]:
        """All series of a study."""
        ...

    def fetch(self, study_instance_uid: str, series: Sequence[SeriesSummary], keep: Keep, deadline: Deadline) -> None:
        """Fetch whole series; returns once what came of them is kept."""
        ...
