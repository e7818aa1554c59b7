"""What results take over from the headers of their sources."""

from __future__ import annotations

import struct
from copy import deepcopy
from io import BytesIO

import pytest
from pydicom import DataElement, Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from dicomnode.dicom.elements import text
from dicomnode.dicom.header import REQUIRED_OF_STUDY, copied, identity


def a_raw(keyword: str, vr: str, value: bytes) -> RawDataElement:
    """Element as it comes from a file, its value not looked at yet."""
    return RawDataElement(Tag(keyword), vr, len(value), value, 0, False, True)


def a_source() -> Dataset:
    """Header with what belongs to the patient, the study and the series."""
    ds = Dataset()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.PatientID, ds.PatientName, ds.PatientComments = "P1", "Doe^Jane", "left-handed"
    ds.StudyDescription, ds.SeriesDescription, ds.Modality = "Thorax", "PA", "CR"
    ds.ClinicalTrialSubjectID, ds.ClinicalTrialSeriesID = "T1", "S1"
    ds.add_new(0x00110010, "LO", "PRIVATE")
    return ds


def test_patient_and_study_are_taken_whole_and_nothing_of_the_series():
    """A result lands in its study without a trace of the series it was read from."""
    ds = identity(a_source())

    assert ("P1", "left-handed", "Thorax", "T1") == (
        ds.PatientID,
        ds.PatientComments,
        ds.StudyDescription,
        ds.ClinicalTrialSubjectID,
    )
    for keyword in ("SeriesInstanceUID", "SeriesDescription", "Modality", "ClinicalTrialSeriesID"):
        assert keyword not in ds
    assert not any(element.tag.is_private for element in ds)


def test_required_elements_that_are_missing_are_there_and_empty():
    """Real studies lack Type 2 elements; results do not."""
    ds = identity(Dataset())

    assert [""] * len(REQUIRED_OF_STUDY) == [str(ds[keyword].value or "") for keyword in REQUIRED_OF_STUDY]


def test_the_source_is_never_changed():
    """Repair happens on the copy."""
    source = a_source()
    before = deepcopy(source)

    identity(source).PatientID = "changed"

    assert before == source


@pytest.mark.parametrize(
    ("character_set", "stored", "expected"),
    [
        ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        ("ISO_IR 144", "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг"),
        ("ISO_IR 100", "Äneas^Rüdiger".encode("latin-1"), "Äneas^Rüdiger"),
    ],
)
def test_names_survive_the_change_to_utf_8(character_set, stored, expected):
    """A name in any character set is the same name in ours."""
    source = dcmread(_as_file(character_set, stored), force=True)

    ds = identity(source)
    ds.SpecificCharacterSet = "ISO_IR 192"
    again = dcmread(_as_explicit_file(ds), force=True)

    assert expected == str(again.PatientName)


def test_what_cannot_be_read_or_written_counts_as_missing():
    """A broken element costs itself, not the result."""
    source = a_source()
    source[Tag("PatientBirthDate")] = a_raw("PatientBirthDate", "DA", b"1950")
    source[Tag("PatientWeight")] = a_raw("PatientWeight", "FD", b"\x00\x01\x02")
    source[Tag("PatientSize")] = DataElement(Tag("PatientSize"), "FD", [object()], already_converted=True)

    ds = identity(source)

    assert "P1" == ds.PatientID
    assert "PatientSize" not in ds
    assert "PatientWeight" not in ds
    write_dataset(_buffer(), ds)


def test_items_of_sequences_lose_private_elements_and_character_sets():
    """What is inside a copied sequence follows the same rules."""
    source = a_source()
    item = Dataset()
    item.SpecificCharacterSet, item.PatientID = "ISO_IR 100", "other"
    item.add_new(0x00111001, "LO", "private")
    source.OtherPatientIDsSequence = [item]

    copy = identity(source).OtherPatientIDsSequence[0]

    assert ["PatientID"] == [element.keyword for element in copy]


def test_text_of_an_element_is_one_string():
    """Callers compare words without asking for VR or multiplicity."""
    ds = Dataset()
    ds.Modality, ds.ImageType, ds.NumberOfFrames = " CT ", ["ORIGINAL", "PRIMARY"], 3

    assert ("CT", "ORIGINAL", "3", "") == tuple(
        text(ds, keyword) for keyword in ("Modality", "ImageType", "NumberOfFrames", "BodyPartExamined")
    )


def test_only_the_named_elements_are_copied():
    """Nothing comes along unasked."""
    assert ["PatientID"] == [element.keyword for element in copied(a_source(), [Tag("PatientID"), Tag("Rows")])]


def _buffer() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    return buffer


def _as_explicit_file(ds: Dataset) -> BytesIO:
    buffer = _buffer()
    write_dataset(buffer, ds)
    return BytesIO(buffer.getvalue())


def _as_file(character_set: str | list[str], name: bytes) -> BytesIO:
    """Implicit VR data set with this character set and these bytes as the name."""
    sets = "\\".join([character_set] if isinstance(character_set, str) else character_set).encode()
    elements = ((0x0008, 0x0005, sets), (0x0010, 0x0010, name))
    return BytesIO(
        b"".join(
            struct.pack("<HHI", group, element, len(value) + len(value) % 2) + value + b" " * (len(value) % 2)
            for group, element, value in elements
        )
    )
