"""Codes are those of the standard."""

from __future__ import annotations

import pytest
from babel import Locale
from pydicom import Dataset
from pydicom.sr import Collection

from dicomnode.dicom import codes
from dicomnode.dicom.procedure import procedure_of
from dicomnode.records import Acuity, CodedConcept, Outcome, Presence

CONCEPTS = {
    (concept.value, concept.scheme)
    for value in vars(codes).values()
    for concept in (value.values() if isinstance(value, dict) else [value])
    if isinstance(concept, CodedConcept)
}
# Known to the standard, but not to pydicom's tables.
UNKNOWN_TO_PYDICOM = {
    ("%", "UCUM"),
    ("C0034375", "UMLS"),
    ("RID50261", "RADLEX"),
    ("30745-4", "LN"),  # chest films: LOINC's own codes of imaging, beside those that the standard repeats
    ("36572-6", "LN"),
    ("42272-5", "LN"),
}


def test_every_code_is_one_that_the_standard_lists():
    """No code is misremembered: value and scheme stand in PS3.16's tables."""
    listed = {
        (concept.value, scheme)
        for scheme in ("DCM", "SCT", "LN", "RADLEX", "UCUM")
        for concept in Collection(scheme).concepts.values()
    }

    languages = {(tag, "RFC5646") for tag in codes.LANGUAGES}
    assert set() == CONCEPTS - listed - UNKNOWN_TO_PYDICOM - languages


def test_languages_are_named_by_their_tags():
    """Tags are of RFC 5646 and mean what stands beside them."""
    for tag, concept in codes.LANGUAGES.items():
        named = Locale.parse(tag, sep="-")
        region = f" ({named.get_territory_name('en')})" if "-" in tag else ""
        assert f"{named.get_language_name('en')}{region}" == concept.meaning


@pytest.mark.parametrize(("table", "keys"), [(codes.ACUITIES, Acuity), (codes.PRESENCES, Presence)])
def test_every_category_has_a_code(table, keys):
    """No acuity and no presence can be without a code."""
    assert set(keys) == set(table)


def test_every_outcome_has_a_code():
    """Those of a reading can be told apart, and from a study that was not read."""
    assert set(Outcome) == set(codes.OUTCOMES)
    assert 4 == len(set(codes.OUTCOMES.values()))


@pytest.mark.parametrize(
    ("modality", "body_part", "views", "meaning"),
    [
        ("CT", "HEAD", (), "CT Head"),
        ("CT", "BRAIN", (), "CT Head"),
        ("CT", "CHEST", (), "CT Chest"),
        ("MR", "BRAIN", (), "MR Brain"),
        ("DX", "CHEST", ("PA",), "XR Chest Views"),
        ("CR", "THORAX", ("AP",), "XR Chest AP"),
        ("DX", "chest", ("PA", "LL"), "XR Chest PA and Lateral"),
        ("DX", "CHEST", (), "XR Chest Views"),
        ("DX", "HAND", (), "XR unspecified body region"),
        ("CT", "", (), "CT unspecified body region"),
        ("US", "ABDOMEN", (), "Imaging procedure"),
        ("", "", (), "Imaging procedure"),
    ],
)
def test_a_procedure_is_named_as_narrowly_as_is_known(modality, body_part, views, meaning):
    """Head CT and chest film have codes of their own; the general ones are for what is not known."""
    assert meaning == codes.procedure(modality, body_part, views).meaning


def _coded(value: str, meaning: str = "Thorax pa", scheme: str = "99HOSPITAL") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def test_the_house_s_own_code_of_a_procedure_is_found():
    """Procedure Code first, then what was requested, wherever it stands; a code without a meaning is none."""
    request = Dataset()
    request.RequestedProcedureCodeSequence = [_coded("R2")]
    ds = Dataset()
    assert procedure_of(ds) is None
    ds.RequestAttributesSequence = [request]
    assert CodedConcept("R2", "99HOSPITAL", "Thorax pa") == procedure_of(ds)
    ds.RequestedProcedureCodeSequence = [_coded("R1")]
    assert "R1" == procedure_of(ds).value
    ds.ProcedureCodeSequence = [_coded("P0", meaning=""), _coded("P1"), _coded("P2")]
    assert "P1" == procedure_of(ds).value
