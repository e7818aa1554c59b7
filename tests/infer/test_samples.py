"""The synthetic studies of sample_dicom are told apart by what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare

SAMPLES = Path(__file__).parents[2] / "sample_dicom"


@pytest.mark.parametrize(
    ("study", "is_positive"), [("chest-normal", False), ("chest-opacity", True), ("hard-header", False)]
)
def test_films_are_told_apart(a_film_bundle, study, is_positive):
    """Only the film with an opacity has one; MONOCHROME1 and compression do not look like one."""
    reading = Model(a_film_bundle).read(prepare(sorted((SAMPLES / study).glob("*.dcm")), a_film_bundle))

    assert is_positive == bool(reading.probabilities[0] > 0.5)
    assert ("There is an opacity." in reading.draft.sentences) == is_positive


def test_the_bleed_is_found_in_its_slices(a_ct_bundle):
    """The best slice lies in the middle of the head, where the blood is, not at its base or top."""
    images = prepare(sorted((SAMPLES / "head-ct-bleed").glob("*.dcm")), a_ct_bundle)
    reading = Model(a_ct_bundle).read(images)

    assert reading.probabilities[0] > 0.5
    assert len(images) / 4 < reading.best_images[0] < len(images) * 3 / 4
