"""Whose the results of a request are."""

from __future__ import annotations

import copy

import pytest
from compose.conftest import a_report
from pydicom import Dataset

from dicomnode.compose import compose
from dicomnode.errors import ComposeError
from dicomnode.records import Outcome


def changed(source: Dataset, **elements: object) -> Dataset:
    """A copy of a header with other elements."""
    ds = copy.deepcopy(source)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("elements", "says"),
    [
        ({"PatientID": "SOMEBODY-ELSE"}, "images of 2 patients: they contradict in Patient ID"),
        ({"PatientBirthDate": "20010101"}, "images of 2 patients: they contradict in Patient's Birth Date"),
        ({"StudyInstanceUID": "1.2.3"}, "of different studies"),
    ],
)
def test_sources_of_two_patients_or_studies_are_refused(a_request, a_dx_film, elements, says):
    """Whoever asks for it: no result is made of them, and no value is named."""
    with pytest.raises(ComposeError, match=says) as told:
        a_request((a_dx_film, changed(a_dx_film, **elements)), a_report(Outcome.NOTHING_FOUND))

    assert "SOMEBODY" not in str(told.value)


def test_results_take_the_header_that_identifies_the_patient(a_request, a_dx_film):
    """A first header without a Patient ID does not take it from the results."""
    nobody = changed(a_dx_film, PatientID="UNKNOWN")

    found = compose(a_request((nobody, a_dx_film), a_report(Outcome.COULD_NOT_RUN)))

    assert found
    assert {a_dx_film.PatientID} == {one.dataset.PatientID for one in found}
