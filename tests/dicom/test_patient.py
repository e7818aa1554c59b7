"""Whether two headers speak of the same patient."""

from __future__ import annotations

import datetime as dt

import pytest
from helpers import a_data_set

from dicomnode.dicom.patient import difference, is_identified, patient_of, summary_of
from dicomnode.records import Patient


def a_patient(**changes: str) -> Patient:
    """A patient whom all elements describe."""
    values = {"patient_id": "P-1", "issuer": "CITY", "birth_date": "19650101", "sex": "F"}
    return Patient(**values | changes)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({}, ""),
        ({"patient_id": "P-2"}, "Patient ID"),
        ({"patient_id": ""}, "Patient ID"),
        ({"issuer": "OTHER"}, "Issuer of Patient ID"),
        ({"issuer": ""}, ""),
        ({"issuer": "", "birth_date": ""}, "Issuer of Patient ID"),
        ({"birth_date": "19650102"}, "Patient's Birth Date"),
        ({"birth_date": ""}, ""),
        ({"sex": "M"}, "Patient's Sex"),
        ({"sex": "O"}, ""),
        ({"sex": ""}, ""),
    ],
)
def test_patients_are_the_same_unless_something_says_otherwise(changes, differs):
    """The first element that contradicts is named, in both directions; what is missing contradicts nothing."""
    one, other = a_patient(), a_patient(**changes)

    assert differs == difference(one, other) == difference(other, one)


SHARED = [
    *(
        "",
        "0",
        "0000",
        "UNKNOWN",
        "anonymous",
        "N/A",
        "---",
        "XXXX",
        "no id",
        "UNKNOWN^UNKNOWN",
        "N.N.",
        "TEST PATIENT",
    ),
    *("UNBEKANNT", "Inconnu", "desconocida", "DESCONHECIDO", "未知", "无名氏", "مجهول", "अज्ञात"),
]


@pytest.mark.parametrize("number", SHARED)
def test_a_number_that_many_share_identifies_nobody(number):
    """Two studies of patient UNKNOWN are not of the same patient."""
    patient = a_patient(patient_id=number)

    assert not is_identified(patient)
    assert "Patient ID" == difference(patient, patient)


@pytest.mark.parametrize("number", ["1", "0010", "SYN-1", "TESTER-7", "A", "ANONYM0001", "TRAUMA-12", "NN4"])
def test_an_ordinary_number_identifies(number):
    """Short numbers and those with leading zeros are real ones."""
    assert is_identified(a_patient(patient_id=number))


def test_a_patient_never_shows_who_it_is():
    """Neither repr nor text of the record holds a value: it may end up in a log."""
    patient = a_patient(patient_id="SECRET-77", birth_date="19121212")

    assert "SECRET-77" not in f"{patient} {patient!r}"
    assert "19121212" not in f"{patient} {patient!r}"


def test_identity_is_read_from_a_header():
    """Blanks around values, ACR-NEMA dates and lower case do not make another patient."""
    ds = a_data_set(PatientID=" P-1 ", IssuerOfPatientID="CITY", PatientSex="f")
    ds.PatientBirthDate = "1965.01.01"

    assert a_patient(name="Synthetic^Patient") == patient_of(ds)


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20260105", "101500.123", (dt.date(2026, 1, 5), dt.time(10, 15))),
        ("20260105", "10", (dt.date(2026, 1, 5), dt.time(10))),
        ("20260105", "99", (dt.date(2026, 1, 5), None)),
        ("", "", (None, None)),
        ("20261340", "1015", (None, dt.time(10, 15))),
    ],
)
def test_a_study_tells_when_it_was(date, time, expected):
    """What is no date or time is told as unknown."""
    summary = summary_of([a_data_set(StudyDate=date, StudyTime=time)])

    assert expected == (summary.study_date, summary.study_time)


def test_a_study_tells_all_its_modalities_and_body_parts():
    """Every data set adds its own, once, in upper case."""
    summary = summary_of([a_data_set(), a_data_set(Modality="dx"), a_data_set(BodyPartExamined=None)])

    assert (("CR", "DX"), ("CHEST",)) == (summary.modalities, summary.body_parts)
