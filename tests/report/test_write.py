"""What a report says, given what the model says."""

from __future__ import annotations

import pytest
from report.conftest import BUNDLE

from dicomnode.errors import SettingsError
from dicomnode.records import Acuity, Outcome, Section
from dicomnode.report import report_without_reading
from dicomnode.settings import ReportSettings

FLAG = "[not supported by the classifier]"


def test_findings_come_most_acute_first_then_likeliest(a_report):
    """Present findings lead, in the order in which a physician wants to know of them."""
    report = a_report((0.9, 0.6, 0.1))

    assert ["pneumothorax", "pneumonia", "effusion"] == [finding.spec.key for finding in report.findings]
    assert Outcome.FINDINGS is report.outcome
    assert Acuity.EMERGENT is report.acuity
    assert report.text.lines(Section.IMPRESSION)[0].startswith("Pneumothorax suspected (probability 60 %)")


def test_a_sentence_that_the_classifier_contradicts_is_flagged(a_report):
    """The reader sees which of the drafted sentences stand alone."""
    report = a_report((0.9, 0.1, 0.1), "Consolidation on the left.", "Large effusion.", "No pneumothorax.")

    assert [True, False, True] == [sentence.is_supported for sentence in report.text.sections[Section.FINDINGS]]
    assert f"Large effusion. {FLAG}" == report.text.sections[Section.FINDINGS][1].text
    assert "effusion" == report.text.sections[Section.FINDINGS][1].finding


def test_by_setting_such_sentences_are_withheld_and_counted(a_report):
    """Withholding says that something was withheld."""
    report = a_report((0.9, 0.1, 0.1), "Pneumonia.", "Large effusion.", unsupported_sentences="withhold")

    assert not any("Large effusion" in sentence.text for sentence in report.text.sections[Section.FINDINGS])
    assert any(sentence.text.startswith("1 drafted sentence") for sentence in report.text.sections[Section.FINDINGS])


@pytest.mark.parametrize("sentences", [(), ("The heart is normal.",), ("No consolidation.",)])
def test_a_present_finding_that_the_draft_leaves_out_or_denies_gets_a_sentence(a_report, sentences):
    """What the classifier holds is always said in words, first of all."""
    report = a_report((0.87, 0.1, 0.1), *sentences)

    assert "pneumonia" == report.text.sections[Section.FINDINGS][0].finding
    assert report.text.sections[Section.FINDINGS][0].text.startswith(
        "Pneumonia: detected by the classifier (probability 87 %)"
    )
    assert report.text.sections[Section.FINDINGS][0].is_supported


def test_nothing_found_is_said_and_does_not_exclude_disease(a_report):
    """An empty result is an answer, and says how far it goes."""
    report = a_report((0.1, 0.1, 0.1), "No pneumonia.")

    assert Outcome.NOTHING_FOUND is report.outcome
    assert Acuity.NON_ACTIONABLE is report.acuity
    assert not report.is_actionable
    assert "this does not exclude disease" in report.text.lines(Section.IMPRESSION)[0]
    assert "Pneumonia" in report.text.lines(Section.IMPRESSION)[1]


def test_without_a_draft_the_report_speaks_of_findings_alone(a_report):
    """A classifier has no drafted text that could lack a finding."""
    report = a_report((0.87, 0.1, 0.1))

    assert ("Pneumonia: detected by the classifier (probability 87 %).",) == tuple(
        s.text for s in report.text.sections[Section.FINDINGS]
    )


def test_images_that_were_left_out_are_told(a_report):
    """A report of half of the films never looks like one of all of them."""
    report = a_report((0.1, 0.1, 0.1), not_judged=1)

    assert "Not judged: 1 of 1 images, which do not look like" in report.text.lines(Section.IMPRESSION)[1]


def test_a_cut_off_draft_says_so(a_report):
    """A draft that reached its length limit is never taken for a whole one."""
    report = a_report((0.1, 0.1, 0.1), "The heart", is_truncated=True)

    assert "cut off" in report.text.sections[Section.FINDINGS][-1].text


def test_a_repeated_sentence_is_said_once(a_report):
    """Decoders that loop do not fill the report."""
    report = a_report((0.1, 0.1, 0.1), "No effusion.", "No effusion.", " ")

    assert ["No effusion."] == [sentence.text for sentence in report.text.sections[Section.FINDINGS]]


def test_probabilities_are_never_certainties(a_report):
    """Neither 0 nor 100 percent is shown."""
    assert "probability 99 %" in a_report((1.0, 0.1, 0.1)).text.lines(Section.IMPRESSION)[0]


@pytest.mark.parametrize("outcome", [Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN])
def test_an_unread_study_is_answered_with_the_reason(outcome):
    """Silence never means negative: the report says that there was no reading, and why."""
    report = report_without_reading(outcome, "no {rule} matches", None, ReportSettings())

    assert outcome is report.outcome
    assert "no {rule} matches" in report.text.lines(Section.IMPRESSION)[0]
    assert "not read" in report.text.lines(Section.IMPRESSION)[0]


def test_a_reading_cannot_be_claimed_without_one():
    """`nothing found` takes a reading."""
    with pytest.raises(ValueError, match="needs a reading"):
        report_without_reading(Outcome.NOTHING_FOUND, "", BUNDLE, ReportSettings())


def test_an_unknown_language_is_refused_by_naming_the_known_ones(a_report):
    """Who sets a language without words reads which ones there are."""
    with pytest.raises(SettingsError, match="no words for 'tlh'; known: en"):
        a_report((0.1, 0.1, 0.1), language="tlh")
