"""Codes are those of the standard."""

from __future__ import annotations

import pytest
from babel import Locale
from pydicom.sr import Collection

from dicomnode.dicom import codes
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
