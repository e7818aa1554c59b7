"""Parts of a received header, copied and repaired so that they can stand in an object of ours.

The received data set is never changed. What identifies patient and study is taken as it is, right or
wrong, because the archive files by it; only what is missing, or cannot be written at all, is repaired.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import DataElement, Dataset
from pydicom.charset import default_encoding
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

from dicomnode.dicom.elements import element, parsing, text, value
from dicomnode.errors import UnsupportedImageError

# PS3.3 C.7.1.1 and C.7.2.1, Type 2: there in every object, empty where unknown.
REQUIRED_OF_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)

# General Study and Patient Study (PS3.3 C.7.2.1, C.7.2.2) outside groups 0010 and 0012.
STUDY_ELEMENTS = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PhysiciansOfRecord",
    "PhysiciansOfRecordIdentificationSequence",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansReadingStudyIdentificationSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedStudySequence",
    "StudyID",
    "RequestingService",
    "RequestingServiceCodeSequence",
    "ReasonForPerformedProcedureCodeSequence",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "ServiceEpisodeID",
    "ServiceEpisodeDescription",
    "IssuerOfServiceEpisodeIDSequence",
    "PatientState",
    "TimezoneOffsetFromUTC",
)

_PATIENT_GROUPS = (0x0010, 0x0012)
# Clinical Trial Series (PS3.3 C.7.3.2) belongs to the source's series, not to ours.
_SERIES_OF_TRIAL = (Tag(0x0012, 0x0060), Tag(0x0012, 0x0071), Tag(0x0012, 0x0072), Tag(0x0012, 0x0073))
_CHARACTER_SET = Tag("SpecificCharacterSet")


def identity(source: Dataset) -> Dataset:
    """Patient and Study modules of `source`, whole, so that the result lands in the same study.

    Elements that are required but missing are there and empty; what cannot be encoded is treated as missing.
    """
    patient = [
        tag
        for tag in source.keys()  # noqa: SIM118 (iterating a Dataset converts every element)
        if tag.group in _PATIENT_GROUPS and tag not in _SERIES_OF_TRIAL
    ]
    ds = copied(source, [*patient, *(Tag(keyword) for keyword in STUDY_ELEMENTS)])
    for keyword in REQUIRED_OF_STUDY:
        if keyword not in ds:
            setattr(ds, keyword, "")
    if text(ds, "PatientIdentityRemoved") == "YES" and not (
        value(ds, "DeidentificationMethod") or value(ds, "DeidentificationMethodCodeSequence")
    ):
        # PS3.3 C.7.1.1 Type 1C: required as soon as the identity is said to be removed.
        ds.DeidentificationMethod = "Not stated by the source"
    return ds


def copied(source: Dataset, tags: Iterable[BaseTag]) -> Dataset:
    """Copy those of the named elements that `source` holds and that can be written in UTF-8."""
    ds = Dataset()
    for tag in tags:
        copy = _copy_of(source, tag)
        if copy is not None:
            ds.add(copy)
    return ds


def _copy_of(source: Dataset, tag: BaseTag) -> DataElement | None:
    if tag not in source or tag.is_private or tag == _CHARACTER_SET or tag.element == 0:
        return None
    read = element(source, tag)
    if read is None:
        return None
    try:
        with parsing("the element cannot be written"):
            copy = DataElement(tag, read.VR, _copy_of_value(read), already_converted=True)
            write_data_element(_little_endian(), copy, ["utf-8", default_encoding])
    except (UnsupportedImageError, OSError):  # OSError: how pydicom says that a value does not fit its VR
        return None
    return copy


def _copy_of_value(read: DataElement) -> object:
    if read.VR == "SQ":
        return Sequence(copied(item, item.keys()) for item in read.value)
    if read.VR == "PN" and read.value:
        # Names remember the character set they were read in; as text they take ours.
        names = [PersonName(str(name)) for name in (read.value if read.VM > 1 else [read.value])]
        return names if read.VM > 1 else names[0]
    return read.value


def _little_endian() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = False
    return buffer
