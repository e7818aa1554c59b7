"""Records of DICOM instances, patients and studies."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple

from dicomnode.records.catalogue import SeriesFacts, StudyFacts

BODY_REGIONS = {
    **dict.fromkeys(("CHEST", "THORAX"), "chest"),
    **dict.fromkeys(("HEAD", "BRAIN", "SKULL"), "head"),
}
"""Region of a Body Part Examined (0018,0015): scanners and archives name one region in several ways."""


class StoreStatus(IntEnum):
    """What the Storage SCP may answer (PS3.4 Table B.2-1, PS3.7 9.1.1.1.9); nothing else leaves it."""

    SUCCESS = 0x0000
    INVALID_SOP_INSTANCE = 0x0117
    """The SOP Instance UID breaks the rules for UIDs (PS3.7 Annex C)."""
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    UNRECOGNIZED_OPERATION = 0x0211
    """The request is of a service that we do not offer."""
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


class CodedConcept(NamedTuple):
    """A code of a public coding scheme (PS3.3 8.8)."""

    value: str
    """Code Value (0008,0100)."""
    scheme: str
    """Coding Scheme Designator (0008,0102)."""
    meaning: str
    """Code Meaning (0008,0104)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Patient:
    """Who the patient is, so far as two studies can be held against each other; it never shows what it holds."""

    patient_id: str = ""
    """Patient ID (0010,0020)."""
    issuer: str = ""
    """Issuer of Patient ID (0010,0021)."""
    birth_date: str = ""
    """Patient's Birth Date (0010,0030)."""
    sex: str = ""
    """Patient's Sex (0010,0040)."""
    name: str = ""
    """Patient's Name (0010,0010) as DICOM writes it; it says little, as one name is written in many ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceKey:
    """Who an instance is, read from its header and the command that brought it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    """Modality (0008,0060), empty where the header has none."""
    is_own: bool
    """Made by a dicomnode: kept, but never read again."""
    is_prior: bool = False
    """Fetched by the node itself as part of an earlier study: kept, but it starts no job."""
    patient: Patient | None = None
    """None where the key comes from the index."""
    study: StudyFacts | None = None
    """What the header says of the study; None where the key comes from the index."""
    series: SeriesFacts | None = None
    """What the header says of the series; None where the key comes from the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One instance as a door hands it over."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    encoded: bytes
    """A whole DICOM file around the data set bytes as received."""
    move_originator_ae_title: str = ""
    """Move Originator AE Title (0000,1030) of the request: who had it sent to us by C-MOVE; empty: nobody."""
    is_fetched: bool = False
    """We asked for it ourselves by C-GET or WADO-RS."""


class ContentState(StrEnum):
    """What one content is among those that were received under the same SOP Instance UID."""

    CURRENT = ""
    """It is the instance: the one that is read and that the others are held against."""
    NEW = "new"
    """It came after another; what it is has not been looked at yet."""
    CONFLICT = "conflict"
    """Another image, or the same with nothing of its identity changed: kept beside, not read."""
    HELD = "held"
    """It corrects the identity, and waits for the operator's word."""
    SUPERSEDED = "superseded"
    """A correction took its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInstance:
    """One instance on disk and in the index."""

    id: int
    """Number of this content in the index."""
    key: InstanceKey
    path: Path
    """Absolute path of the DICOM file, bytes as received behind our own file meta."""
    digest: str
    """SHA-256 over SOP Instance UID, transfer syntax and data set bytes, hexadecimal."""
    size_bytes: int
    calling_ae_title: str
    received_at: dt.datetime
    """UTC."""
    patient_digest: str = ""
    """Keyed digest of the Patient ID, see `store.patients`; empty where there is none."""
    content_state: ContentState = ContentState.CURRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReference:
    """One instance of any study."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study as an index or an archive tells of it."""

    study_instance_uid: str
    patient: Patient
    study_date: dt.date | None
    study_time: dt.time | None
    modalities: tuple[str, ...]
    """Modalities in Study (0008,0061); empty: not told."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined (0018,0015) of its images; empty: not told."""
    accession_number: str = ""
    """Accession Number (0008,0050); empty: not told."""
    description: str = ""
    """Study Description (0008,1030); empty: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """A series as an archive tells of it."""

    series_instance_uid: str
    modality: str
    body_part: str
    """Empty: not told."""
    instances: int | None
    """Number of Series Related Instances (0020,1209); None: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPatient:
    """Who the patient is, as the study's header says; only for channels that may know."""

    name: str
    """Person Name (0010,0010) as DICOM writes it."""
    id: str
    issuer: str
    """Issuer of Patient ID (0010,0021)."""
    birth_date: str
    """VR DA."""
    sex: str
    accession_number: str
