"""A model that never saw a patient says so in its reports."""

from __future__ import annotations

import dataclasses

import pytest
from report.conftest import BUNDLE

from dicomnode.bundles import shipped_bundle
from dicomnode.infer.bundle import load_bundle
from dicomnode.records import Section
from dicomnode.report.languages import Language, known_languages


@pytest.mark.parametrize("language", known_languages())
def test_the_limits_of_the_report_say_it_in_every_language(a_report, language):
    """As a sentence of the limits, only where it is so."""
    said = Language(language).sentence("synthetic-model")
    synthetic = dataclasses.replace(BUNDLE, is_synthetic=True)

    told = a_report((0.9, 0.1, 0.1), languages=[language], more={"bundle": synthetic})
    other = a_report((0.9, 0.1, 0.1), languages=[language])
    assert said in told.text.lines(Section.LIMITS)
    assert said not in other.text.lines(Section.LIMITS)


@pytest.mark.parametrize(("name", "expected"), [("ctpa", True), ("cxr", False), ("head_ct", False)])
def test_the_card_of_a_bundle_says_what_it_was_trained_on(name, expected):
    """Of the bundles that ship, only the angiography model was trained on computed volumes alone."""
    assert expected == load_bundle(shipped_bundle(name)).identity.is_synthetic
