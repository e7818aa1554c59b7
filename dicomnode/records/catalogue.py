"""Records of the catalogue: what an instance's header says of its study, its patient and its series."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StudyFacts:
    """Attributes of a study and its patient, as QIDO-RS and listings tell them; its repr shows nothing of them.

    Text is decoded and without padding; what is missing or unreadable is empty or None.
    """

    study_date: dt.date | None = None
    """Study Date (0008,0020)."""
    study_time: dt.time | None = None
    """Study Time (0008,0030), to the second."""
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    study_id: str = ""
    """Study ID (0020,0010)."""
    description: str = ""
    """Study Description (0008,1030)."""
    referring_physician: str = ""
    """Referring Physician's Name (0008,0090) as DICOM writes it."""
    patient_name: str = ""
    """Patient's Name (0010,0010) as DICOM writes it, with all its component groups."""
    patient_id: str = ""
    """Patient ID (0010,0020)."""
    issuer: str = ""
    """Issuer of Patient ID (0010,0021)."""
    birth_date: dt.date | None = None
    """Patient's Birth Date (0010,0030)."""
    sex: str = ""
    """Patient's Sex (0010,0040)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SeriesFacts:
    """Attributes of a series, as QIDO-RS and listings tell them; its repr shows nothing of them."""

    modality: str = ""
    """Modality (0008,0060)."""
    number: int | None = None
    """Series Number (0020,0011)."""
    description: str = ""
    """Series Description (0008,103E)."""
    body_part: str = ""
    """Body Part Examined (0018,0015)."""
    laterality: str = ""
    """Laterality (0020,0060), or Image Laterality (0020,0062) where the series has none."""
    manufacturer: str = ""
    """Manufacturer (0008,0070)."""
    station_name: str = ""
    """Station Name (0008,1010)."""
    protocol_name: str = ""
    """Protocol Name (0018,1030)."""
    performed_date: dt.date | None = None
    """Performed Procedure Step Start Date (0040,0244)."""
    performed_time: dt.time | None = None
    """Performed Procedure Step Start Time (0040,0245), to the second."""
