"""What is asked of this room, and what it gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from dicomnode.compose.answer_key import answer_key, file_digest
from dicomnode.compose.profiles import PROFILES
from dicomnode.compose.typeface import font_path
from dicomnode.dicom.elements import text
from dicomnode.dicom.header import identity
from dicomnode.dicom.patient import is_identified, patient_of
from dicomnode.dicom.same_patient import patient_groups
from dicomnode.errors import ComposeError
from dicomnode.records import Report, ResultInstance, ResultKind, ViewerProfile
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
    """SHA-256 over what is read and what reads it."""
    node_id: str = ""
    """Which node answers; two nodes never share UIDs."""
    inputs: tuple[str, ...] = ()
    """Digests of the instances that `sources` are the headers of."""
    started_at: dt.datetime
    """UTC; start of the analysis, Content Date and Time of the results."""
    sources: tuple[Dataset, ...]
    """Headers, without pixels, of the instances that were read; any of the study where none could be."""
    beside: tuple[Dataset, ...] = ()
    """Headers of the patient's other images in the study: they say who the patient is where no source does."""
    report: Report
    level: AcuityLevel
    """What the report's acuity means in the house."""
    settings: ComposeSettings
    kinds: frozenset[ResultKind] = PROFILES[ViewerProfile.STANDARD]
    """What the destinations need together."""
    previous: tuple[ResultInstance, ...] = ()
    """Results of earlier revisions of the study: predecessors of the documents with the same role."""
    answer_key: str = field(init=False, default="")
    """Every UID of the results derives from it; see `compose.answer_key`."""

    def __post_init__(self) -> None:
        _check_one_patient((*self.sources, *self.beside))
        # Not from the headers themselves: there may be hundreds, and their bytes are in `inputs` already.
        headers = ("sources", "beside", "answer_key")
        words = [getattr(self, name) for name in self.__dataclass_fields__ if name not in headers]
        font = Path(self.settings.font) if self.settings.font else None
        who = self._first_of_study()
        words += [None if who is None else identity(who), file_digest(font_path(font))]
        object.__setattr__(self, "answer_key", answer_key(words))

    @property
    def study(self) -> Dataset:
        """The header that gives the results their patient and study: the first that identifies the patient.

        One of the sources, where any of them does.

        Raises
        ------
        ComposeError
            If none of the sources says which study it belongs to.
        """
        first = self._first_of_study()
        if first is None:
            raise ComposeError("no source has a Study Instance UID (0020,000D); results need one to be filed under")
        return first

    def _first_of_study(self) -> Dataset | None:
        of_study = [source for source in (*self.sources, *self.beside) if text(source, "StudyInstanceUID")]
        return next((one for one in of_study if is_identified(patient_of(one))), next(iter(of_study), None))

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
