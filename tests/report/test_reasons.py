"""Why a study was not read, in every language."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from report.conftest import english_in
from report.test_languages import _asked, _messages

from dicomnode.records import (
    MISSING,
    UNKNOWN,
    KernelClass,
    Outcome,
    Reason,
    ReasonCode,
    ReviewReason,
    reason,
    reason_of,
)
from dicomnode.records.reasons import TEMPLATES
from dicomnode.report import report_without_reading
from dicomnode.report.languages import known_languages, language_of
from dicomnode.report.reasons import said
from dicomnode.settings import ReportSettings

LANGUAGES = (*known_languages(), "en-GB", "pt-PT")
VALUES = {
    "found": "PA",
    "allowed": "CR, DX",
    "wanted": (KernelClass.SOFT, KernelClass.LUNG),
    "thickness": 7.5,
    "low": 2.0,
    "high": 5.0,
    "count": 3,
    "missing": 2,
    "images": 1204,
    "patients": 2,
    "rows": 2048,
    "columns": 1,
    "least_rows": 256,
    "least_columns": 256,
    "covered": 40,
    "needed": 120,
    "degrees": 12,
    "frame": 1,
    "most": 16,
    "uid": "1.2.3",
    "series": "1.2.4",
    "modality": "CT",
    "rule": "night",
    "syntax": "JPEG 2000",
    "element": "Pixel Spacing (0028,0030)",
    "elements": "Patient ID (0010,0020)",
    "name": "ab12.dcm",
}


def an_example(code: ReasonCode, **other: object) -> Reason:
    """Return a reason of this code with all its values."""
    names = [name for _, name, _, _ in Formatter().parse(TEMPLATES[code]) if name]
    known = VALUES | ({"found": (KernelClass.BONE,)} if code is ReasonCode.KERNEL else {}) | other
    return Reason(code, {name: known[name] for name in names})


@pytest.mark.parametrize("tag", [*known_languages()])
@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_is_said_in_every_language(code, tag):
    """With the values of the English sentence of the log, as a sentence, and without a word of English."""
    asked = {name for _, name, _, _ in Formatter().parse(TEMPLATES[code]) if name}
    text = re.sub("[\u2068\u2069]", "", said(an_example(code), language_of(tag)))

    assert asked == _asked(_messages(tag)[f"reason-{code}"])
    assert re.search(r"[.。।]$", text)
    assert tag == "en" or not english_in(text)
    assert "1.2.3" in text or "uid" not in asked


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("value", [MISSING, UNKNOWN])
def test_a_value_that_is_missing_is_said_in_the_language(tag, value):
    """The two words that stand in for a code of a header are no English in another language."""
    text = said(an_example(ReasonCode.VIEW, found=value), language_of(tag))

    assert tag.startswith("en") or not english_in(text)
    assert value == MISSING or value not in text


@pytest.mark.parametrize("code", ReasonCode)
def test_a_reason_is_found_again_by_its_sentence(code):
    """The index keeps a refusal as the sentence that listings show, and its report is written from the code."""
    sentence = str(an_example(code))

    found = reason_of(sentence)

    assert found is not None
    assert code is found.code
    assert found.code in (ReasonCode.THICKNESS,) or sentence == str(found)
    assert None is reason_of("the disk is on fire")


@pytest.mark.parametrize("outcome", [Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN])
@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if not tag.startswith("en")])
def test_an_unread_study_is_answered_without_a_word_of_english(outcome, tag):
    """Whatever the outcome and the reason: no sentence of the whole text is left in English."""
    for code in ReasonCode:
        review = (ReviewReason.QUALITY,) if outcome is Outcome.NOT_JUDGED else ()
        settings = ReportSettings(languages=(tag,))
        report = report_without_reading(outcome, (an_example(code),), None, settings, review=review)
        sentences = [one for section in report.text.sections.values() for one in section]

        assert str(an_example(code)) == report.reason
        assert {None} == {one.language for one in sentences}
        assert not [one.text for one in sentences if english_in(one.text)]


def test_what_has_no_code_is_shown_in_english_and_marked_as_such():
    """A detail of the program is better than none, but nobody takes it for a sentence of the report's language."""
    why = (reason(ReasonCode.NO_INSTANCE), "INTERNAL_ERROR: KeyError (3 tries)")
    german, english = report_without_reading(
        Outcome.COULD_NOT_RUN, why, None, ReportSettings(languages=("de", "en"))
    ).texts
    last = next(reversed(german.sections.values()))

    assert ["Die Untersuchung enthält keine Bilder.", None] == [last[-2].text, last[-2].language]
    assert "Einzelheiten (auf Englisch): INTERNAL_ERROR: KeyError (3 tries)" == last[-1].text
    assert "en" == last[-1].language
    assert None is next(reversed(english.sections.values()))[-1].language


def test_a_list_of_kinds_is_written_in_the_language():
    """Kernels have names in every language, joined as the language joins alternatives."""
    text = said(an_example(ReasonCode.KERNEL), language_of("de"))

    assert "Der Faltungskern ist vom Typ Knochen; das Modell wurde für Weichteil oder Lunge validiert." == text


@pytest.mark.parametrize(("tag", "expected"), [("en", "7.5 mm"), ("de", "7,5 mm"), ("fr", "7,5 mm")])
def test_numbers_are_written_as_the_language_does(tag, expected):
    """A decimal mark is the language's; the size of an image has no thousands separator."""
    assert expected in said(an_example(ReasonCode.THICKNESS), language_of(tag))
    assert "2048 x 1" in said(an_example(ReasonCode.MATRIX), language_of(tag))
