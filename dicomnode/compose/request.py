"""What is asked of this room, and what it gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from dicomnode.compose.profiles import PROFILES, Kind
from dicomnode.dicom.elements import text
from dicomnode.dicom.patient import is_identified, patient_of
from dicomnode.dicom.same_patient import patient_groups
from dicomnode.errors import ComposeError
from dicomnode.records import Report, ResultInstance, ViewerProfile
from dicomnode.settings import AcuityLevel, ComposeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """One answer to be made into DICOM objects.

    Raises
    ------
    ComposeError
        If the sources are of more than one patient or study.
    """

    job_key: str
    """Every UID of the results derives from it."""
    started_at: dt.datetime
    """UTC; start of the analysis, Content Date and Time of the results."""
    sources: tuple[Dataset, ...]
    """Headers, without pixels, of the instances that were read; any of the study where none could be."""
    report: Report
    level: AcuityLevel
    """What the report's acuity means in the house."""
    settings: ComposeSettings
    kinds: frozenset[Kind] = PROFILES[ViewerProfile.STANDARD]
    """What the destinations need together."""
    previous: tuple[ResultInstance, ...] = ()
    """Results of earlier revisions of the study: predecessors of the documents with the same role."""

    def __post_init__(self) -> None:
        _check_one_patient(self.sources)

    @property
    def study(self) -> Dataset:
        """The header that gives the results their patient and study: the first that identifies the patient.

        Raises
        ------
        ComposeError
            If none of the sources says which study it belongs to.
        """
        of_study = [source for source in self.sources if text(source, "StudyInstanceUID")]
        for source in [*(one for one in of_study if is_identified(patient_of(one))), *of_study]:
            return source
        raise ComposeError("no source has a Study Instance UID (0020,000D); results need one to be filed under")

    def source(self, sop_instance_uid: str) -> Dataset:
        """Header of one instance that was read.

        Raises
        ------
        ComposeError
            If it is not among the sources.
        """
        for source in self.sources:
            if text(source, "SOPInstanceUID") == sop_instance_uid:
                return source
        raise ComposeError(f"instance {sop_instance_uid} has a heat map, but is not among the sources of the request")


def _check_one_patient(sources: Sequence[Dataset]) -> None:
    """Refuse to file under one patient what was made from images of two, whoever asks for it."""
    groups, elements = patient_groups([patient_of(source) for source in sources])
    if len(groups) > 1:
        raise ComposeError(
            f"the sources are images of {len(groups)} patients: they contradict in {', '.join(elements)}"
        )
    if len({text(source, "StudyInstanceUID") for source in sources} - {""}) > 1:
        raise ComposeError("the sources are of different studies (0020,000D)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One object of ours, not yet on disk."""

    role: str
    """What it is among the job's results, for example `text-sr.en` or `overlay.pneumonia`."""
    dataset: Dataset
    """With file meta information; ready for `dcmwrite(..., enforce_file_format=True)`."""
