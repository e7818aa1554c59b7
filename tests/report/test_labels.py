"""Labels of pages and pictures, and names of heat-map methods, in every language."""

from __future__ import annotations

import pytest

from dicomnode.explain import methods
from dicomnode.records import Label, Outcome
from dicomnode.report import report_without_reading
from dicomnode.report.labels import METHODS, labels_in, methods_in
from dicomnode.report.languages import known_languages, language_of
from dicomnode.settings import ReportSettings

LANGUAGES = (*known_languages(), "en-GB", "pt-PT", "de-CH", "fr-CA")
SAME_AS_ENGLISH = {
    "fr": {Label.PATIENT, Label.IMAGE, Label.PAGE, Label.URGENT},
    "*": {"grad_cam", "hires_cam", "rise"},
}
"""Words that a language shares with English, and names of methods that are translated nowhere."""


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_label_and_method_has_words(tag):
    """None is missing or empty, and none is as long as a sentence: a label stands beside a value."""
    said = {**labels_in(language_of(tag)), **methods_in(language_of(tag))}

    assert {*Label, *METHODS} == set(said)
    assert all(text.strip() and not text.endswith(".") for text in said.values())
    assert all(len(text) <= 40 for label, text in said.items() if label not in (Label.SCALE, Label.NOT_FOR_DIAGNOSIS))


@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if not tag.startswith("en")])
def test_no_label_or_method_is_left_in_english(tag):
    """A word is the same as the English one only where it is listed as such."""
    known, english = language_of(tag), language_of("en")
    own, theirs = ({**labels_in(one), **methods_in(one)} for one in (known, english))

    same = {key for key in own if own[key].casefold() == theirs[key].casefold()}

    assert same <= SAME_AS_ENGLISH["*"] | SAME_AS_ENGLISH.get(known.base, set())


def test_labels_name_every_method_that_there_is():
    """A method that is added to `explain` needs its name in every language."""
    assert methods() == METHODS


def test_labels_of_one_language_differ():
    """Emergent and urgent, low and high, image and slice are never the same word."""
    for tag in LANGUAGES:
        said = [text.casefold() for text in labels_in(language_of(tag)).values()]
        assert len(set(said)) == len(said), tag


def test_a_report_carries_its_labels_in_each_of_its_languages():
    """Whoever draws a page of one language finds its words in that language's text, whatever the outcome."""
    settings = ReportSettings(languages=("de", "fr-CA"))
    german, french = report_without_reading(Outcome.NOT_APPLICABLE, "no model", None, settings).texts

    assert ("Notfall", "Seuil") == (german.labels[Label.EMERGENT], french.labels[Label.THRESHOLD])
    assert "Intervalle à 95\xa0%" == french.labels[Label.INTERVAL]
    assert "Verdeckungsanalyse" == german.methods["occlusion"]
