"""The one reader of values: what is there, what is meant, and what is unknown."""

from __future__ import annotations

import datetime as dt
import errno
import struct

import pytest
from dicom.raw_headers import header_of
from pydicom import DataElement, Dataset

from dicomnode.dicom.elements import (
    Person,
    date,
    element_tag,
    faults,
    functional_group,
    items,
    needed_number,
    needed_numbers,
    number,
    numbers,
    parsing,
    person,
    text,
    texts,
    time,
    value,
)
from dicomnode.dicom.header import copied
from dicomnode.dicom.patient import patient_of, summary_of
from dicomnode.errors import UnsupportedImageError


def test_values_of_absent_elements_are_empty():
    """Absent and empty elements read as nothing."""
    ds = Dataset()
    ds.BodyPartExamined, ds.PixelSpacing = " CHEST ", None

    assert ("CHEST", ("CHEST",), "") == (
        text(ds, "BodyPartExamined"), texts(ds, "BodyPartExamined"), text(ds, "Modality")
    )  # fmt: skip
    assert ((), None, []) == (numbers(ds, "PixelSpacing"), number(ds, "Rows"), items(ds, "VOILUTSequence"))
    assert (None, None, Person("", "", "")) == (date(ds, "StudyDate"), time(ds, "StudyTime"), person(ds, "PatientName"))


@pytest.mark.parametrize(
    ("keyword", "vr", "encoded", "expected"),
    [
        ("PixelSpacing", "DS", b"0.4\\0.4", (0.4, 0.4)),
        ("PixelSpacing", "DS", b"0,4\\0,4", (0.4, 0.4)),
        ("PixelSpacing", "UT", b"0.4\\0.4", (0.4, 0.4)),
        ("PixelSpacing", "LO", b" 0.4 \\ 0.4 ", (0.4, 0.4)),
        ("PixelSpacing", "UN", b"0.4\\0.4", (0.4, 0.4)),
        ("PixelSpacing", "OB", b"0.4\\0.4\0", (0.4, 0.4)),
        ("PixelSpacing", "FD", struct.pack("<2d", 0.4, 0.4), (0.4, 0.4)),
        ("PixelSpacing", "DS", b"0.4,0.4", (0.4, 0.4)),
        ("PixelSpacing", "DS", b"0.4\\0.4\\", (0.4, 0.4)),
        ("PixelSpacing", "DS", b"0.40000000000000000000\\0.4", (0.4, 0.4)),
        ("WindowCenter", "DS", b"2047,5", (2047.5,)),
        ("WindowCenter", "DS", b"-0,500", (-0.5,)),
        ("WindowCenter", "DS", b"+40", (40,)),
        ("WindowCenter", "DS", b"4E1", (40,)),
        ("Exposure", "IS", b"14.5", (14.5,)),
        ("Exposure", "IS", b"14\0", (14,)),
        ("Rows", "IS", b"512", (512,)),
        ("Rows", "OW", b"\x00\x02", (512,)),
        ("SliceThickness", "DS", b"5mm", ()),
        ("SliceThickness", "DS", b"1,024", ()),  # a thousand, or one and a bit
        ("SliceThickness", "DS", b"NaN", ()),
        ("SliceThickness", "DS", b"inf", ()),
        ("SliceThickness", "DS", b"1e999", ()),
        ("SliceThickness", "DS", b"1_0", ()),
        ("SliceThickness", "DS", b"1,000,000", ()),
        ("SliceThickness", "DS", b"\xff\xfe", ()),
        ("SliceThickness", "FD", b"\0\0\0", ()),
        ("PixelSpacing", "DS", b"0.4\\broad", ()),
        ("Rows", "SQ", b"", ()),
    ],
)
def test_numbers_are_read_or_unknown(keyword, vr, encoded, expected):
    """A number is read where its bytes can mean only one, whatever the VR; everything else is unknown."""
    ds = header_of((keyword, vr, encoded))

    assert expected == numbers(ds, keyword)
    if encoded.strip(b"\0 "):
        assert bool(faults(ds, [keyword])) == (expected == ())


def test_a_bad_number_stops_only_who_needs_it():
    """What needs a value names the element; the value itself is never quoted."""
    ds = header_of(
        ("SOPInstanceUID", "UI", b"1.2.3"), ("RescaleSlope", "DS", b"secret"), ("RescaleIntercept", "DS", b"")
    )

    assert (None, None) == (number(ds, "RescaleSlope"), needed_number(ds, "RescaleIntercept"))
    with pytest.raises(UnsupportedImageError, match=r"^instance 1.2.3: Rescale Slope \(0028,1053\) must be a finite"):
        needed_number(ds, "RescaleSlope")
    with pytest.raises(UnsupportedImageError, match="must be 2 finite numbers"):
        needed_numbers(ds, "RescaleSlope", 2)


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"20260105", dt.date(2026, 1, 5)),
        (b"2026.01.05", dt.date(2026, 1, 5)),
        (b"2026-01-05", dt.date(2026, 1, 5)),
        (b"20260105101500", dt.date(2026, 1, 5)),
        (b"2026-01-05T10:15", dt.date(2026, 1, 5)),
        (b"20260230", None),
        (b"00010101", None),
        (b"99991231", None),
        (b"29991231", dt.date(2999, 12, 31)),
        (b"2026", None),
        (b"05.01.2026", None),
        (b"yesterday", None),
        (b"\xff\xff", None),
    ],
)
def test_dates_are_read_or_unknown(encoded, expected):
    """A date is one of a patient's life, in the three ways that senders write it."""
    assert expected == date(header_of(("StudyDate", "DA", encoded)), "StudyDate")


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"101530.123", dt.time(10, 15, 30)),
        (b"10:15:30", dt.time(10, 15, 30)),
        (b"1015", dt.time(10, 15)),
        (b"10", dt.time(10)),
        (b"235960", dt.time(23, 59, 59)),
        (b"240000", None),
        (b"noon", None),
        (b"1", None),
    ],
)
def test_times_are_read_or_unknown(encoded, expected):
    """A time of day is read to the second, with what may be left out."""
    assert expected == time(header_of(("StudyTime", "TM", encoded)), "StudyTime")


def test_persons_have_three_component_groups():
    """A name is parted into its groups, of several names the first counts."""
    ds = header_of(
        ("SpecificCharacterSet", "CS", b"ISO_IR 192"), ("PatientName", "PN", "Wang^X^^^=王^小東\\B".encode())
    )

    assert Person("Wang^X", "王^小東", "") == person(ds, "PatientName")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Modality", "CT"),
        ("0008,0060", "CT"),
        ("(0008,0060)", "CT"),
        (0x00080060, "CT"),
        ("0019,1001", "A5"),
        ("0019,1002", ""),  # bytes, and no text
        ("Modalty", ""),
        ("0019", ""),
        ("", ""),
        ("PixelData", ""),
        ("VOILUTSequence", ""),
    ],
)
def test_elements_go_by_keyword_number_or_tag(name, expected):
    """A name that means no element is an absent element, and no reader raises on it."""
    ds = header_of(
        ("Modality", "CS", b"CT"), (0x00190010, "LO", b"ACME"),
        (0x00191001, "UN", b"A5"), (0x00191002, "UN", b"\x01\x02"),
        ("VOILUTSequence", "SQ", b""), ("PixelData", "OW", b"AAAA"),
    )  # fmt: skip

    assert expected == text(ds, name)
    assert ((expected,) if expected else ()) == texts(ds, name)
    assert ((), None, None, []) == (numbers(ds, name), date(ds, name), time(ds, name), items(ds, name))


def test_a_name_of_no_element_has_no_tag():
    """Rules and settings can ask whether a name means an element."""
    assert [0x00080060, 0x00191001, None, None] == [
        element_tag(name) for name in ("Modality", "0019,1001", "Modalty", "19,zz")
    ]


def test_elements_of_the_wrong_kind_are_absent():
    """A word in place of a sequence and a sequence in place of a word read as nothing, and are told."""
    ds = Dataset()
    ds.add(DataElement("WindowCenter", "LO", "bright"))
    ds.add(DataElement("VOILUTSequence", "LO", "none"))
    ds.add(DataElement("Modality", "SQ", [Dataset()]))

    assert (None, [], "") == (number(ds, "WindowCenter"), items(ds, "VOILUTSequence"), text(ds, "Modality"))
    assert (
        "Window Center (0028,1050) holds no finite number",
        "VOI LUT Sequence (0028,3010) is no sequence",
    ) == faults(ds, ["WindowCenter", "VOILUTSequence", "Modality", "Rows"])


def test_a_spacing_with_decimal_commas_is_passed_on_right():
    """What is copied into an object of ours is written as the standard wants it."""
    ds = header_of(("PixelSpacing", "DS", b"0,4\\0,4"), ("SliceThickness", "DS", b"5mm"))

    assert [0.4, 0.4] == copied(ds, list(ds.keys())).PixelSpacing  # noqa: SIM118
    assert [0.4, 0.4] == value(ds, "PixelSpacing")
    assert value(ds, "SliceThickness") is None


def test_the_study_summary_is_read_from_malformed_headers():
    """Dates with dots, times with colons and values of the wrong kind do not keep a study from being found."""
    ds = header_of(
        ("StudyDate", "DA", b"2026.01.05"), ("StudyTime", "TM", b"10:15"), ("PatientBirthDate", "DA", b"1965.01.01"),
        ("ModalitiesInStudy", "CS", b"ct\\ \\SR"), ("PatientSex", "US", b"\1\0"),
    )  # fmt: skip
    found = summary_of([ds])

    assert (dt.date(2026, 1, 5), dt.time(10, 15)) == (found.study_date, found.study_time)
    assert ("CT", "SR") == found.modalities
    assert "19650101" == patient_of(ds).birth_date


def test_a_frames_own_group_stands_above_the_shared_one():
    """Functional groups are looked up in the frame first."""
    ds, shared, own, unspecific = Dataset(), Dataset(), Dataset(), Dataset()
    shared.PixelMeasuresSequence, own.PixelMeasuresSequence = [Dataset()], [Dataset()]
    shared.PixelMeasuresSequence[0].SliceThickness = 1
    own.PixelMeasuresSequence[0].SliceThickness = 2
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [own, unspecific]

    found = [number(functional_group(ds, frame, "PixelMeasuresSequence"), "SliceThickness") for frame in (1, 2)]
    assert [2, 1] == found
    assert functional_group(ds, 1, "FrameVOILUTSequence") is None


@pytest.mark.parametrize("error", [OSError(errno.EIO, "disk"), MemoryError(), FileNotFoundError(errno.ENOENT, "gone")])
def test_a_failing_disk_is_no_malformed_file(error):
    """What the machine does wrong keeps its name; only what the bytes do wrong becomes an unsupported image."""
    with pytest.raises(type(error)), parsing("the file cannot be read"):
        raise error
    with (
        pytest.raises(UnsupportedImageError, match=r"^the file cannot be read \(EOFError\)$"),
        parsing("the file cannot be read"),
    ):
        raise EOFError


def test_what_a_library_says_of_the_content_is_malformed():
    """Pydicom raises OSError for a sequence that is cut off; only the system's errors have a number."""
    with pytest.raises(UnsupportedImageError), parsing("the file cannot be read"):
        raise OSError("No tag to read at file position 1A2")
