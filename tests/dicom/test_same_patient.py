"""Whether the images of one study are of one patient."""

from __future__ import annotations

import itertools
import random

import pytest

from dicomnode.dicom.same_patient import contradiction, patient_groups
from dicomnode.records import Patient

FULL = {"patient_id": "00123", "issuer": "CITY", "birth_date": "19650101", "sex": "F", "name": "Alpha^Anna"}


def a_patient(**changes: str) -> Patient:
    """A patient whom all elements describe."""
    return Patient(**FULL | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"patient_id": " 00123 "},
        {"patient_id": "00123\0"},
        {"patient_id": "123"},
        {"patient_id": "00-123"},
        {"patient_id": ""},
        {"patient_id": "UNKNOWN"},
        {"patient_id": "0000"},
        {"issuer": ""},
        {"issuer": "city"},
        {"birth_date": ""},
        {"birth_date": "00000000"},
        {"birth_date": "19000101"},
        {"birth_date": "1965"},
        {"sex": "O"},
        {"sex": ""},
        {"name": ""},
        {"name": "Beta^Berta"},
        {"name": "ALPHA ANNA^^^Dr."},
    ],
)
def test_formatting_and_gaps_are_no_contradiction(changes):
    """Leading zeros, blanks, punctuation, placeholders, missing elements and another name under one number."""
    one, other = a_patient(), a_patient(**changes)

    assert "" == contradiction(one, other) == contradiction(other, one)


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"patient_id": "00124"}, "Patient ID"),
        ({"patient_id": "123", "birth_date": ""}, "Patient ID"),
        ({"patient_id": "123", "birth_date": "19660101"}, "Patient ID"),
        ({"issuer": "OTHER"}, "Issuer of Patient ID"),
        ({"birth_date": "19650102"}, "Patient's Birth Date"),
        ({"sex": "M"}, "Patient's Sex"),
        ({"patient_id": "", "birth_date": "19650102"}, "Patient's Birth Date"),
        ({"patient_id": "", "name": "Beta^Berta"}, "Patient's Name"),
    ],
)
def test_what_tells_two_patients_apart_is_named(changes, element):
    """In both directions, by the element and never by its value."""
    one, other = a_patient(), a_patient(**changes)

    assert element == contradiction(one, other) == contradiction(other, one)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Müller^Jürgen", "MUELLER^JUERGEN", True),
        ("O'Brien^Pat", "OBRIEN^PAT", True),
        ("Anna Alpha", "Alpha^Anna^Maria", True),
        ("Alpha^A", "Alpha^Anna", True),
        ("Zhang^XiaoDong=张^小东", "=张^小东", True),
        ("Unknown", "Alpha^Anna", True),
        ("Zhang^XiaoDong=张^小东", "张^小东", True),
        ("Konstantinopoulou^Maria", "KONSTANTINOP^M", True),
        ("Li^Wei", "Lin^Wei", False),
        ("Doe^Ann", "Doe^Anna", False),
        ("Alpha^Anna", "Beta^Anna", False),
        ("张^小东", "王^小东", False),
    ],
)
def test_names_decide_only_where_the_number_does_not(one, other, is_same):
    """One name is written in many ways; without a number two clearly different ones are two patients."""
    nameless = {"patient_id": "", "birth_date": "", "issuer": "", "sex": ""}

    found = contradiction(a_patient(**nameless, name=one), a_patient(**nameless, name=other))
    assert ("" if is_same else "Patient's Name") == found
    assert "" == contradiction(a_patient(name=one), a_patient(name=other))


def test_three_patients_make_three_groups():
    """Each group holds its own, in the order of arrival."""
    a, b, c = (a_patient(patient_id=number) for number in ("A1", "B1", "C1"))

    groups, elements = patient_groups([a, b, a, c, b])

    assert [(0, 2), (1, 4), (3,)] == [group.members for group in groups]
    assert all(group.is_certain for group in groups)
    assert ["Patient ID"] == elements


def test_what_may_be_of_either_is_of_neither():
    """An image without an identity joins a study of one patient, and stands alone in a study of two."""
    a, b, nobody = a_patient(), a_patient(patient_id="B1"), Patient()

    assert [(0, 1)] == [group.members for group in patient_groups([a, nobody])[0]]
    groups, _ = patient_groups([a, nobody, b])
    assert [((0,), True), ((1,), False), ((2,), True)] == [(group.members, group.is_certain) for group in groups]


def test_the_order_of_arrival_changes_no_group():
    """Two thousand studies of images with little and much identity: any order gives the same groups, none mixed."""
    rng = random.Random(7)
    choices = {"patient_id": ["", "A1", "a1", "B1", "UNKNOWN"], "birth_date": ["", "19650101", "19700101"],
               "issuer": ["", "X", "Y"], "sex": ["", "F", "M"], "name": ["", "Alpha^A", "Beta^B"]}  # fmt: skip
    for _ in range(2000):
        study = [Patient(**{k: rng.choice(v) for k, v in choices.items()}) for _ in range(rng.randint(1, 6))]
        groups, _ = patient_groups(study)
        order = rng.sample(range(len(study)), len(study))
        again, _ = patient_groups([study[i] for i in order])

        assert {frozenset(g.members) for g in groups} == {frozenset(order[k] for k in g.members) for g in again}
        assert sorted(k for g in groups for k in g.members) == list(range(len(study)))
        for group in groups:
            for i, j in itertools.combinations(group.members, 2):
                assert not contradiction(study[i], study[j])


def test_many_identities_are_grouped_in_time():
    """A study in which every image names another patient is still planned at once."""
    groups, _ = patient_groups([a_patient(patient_id=f"P{n}") for n in range(300)])

    assert 300 == len(groups)
