"""What a report says, given what the model says."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from report.conftest import BUNDLE, SPECS

from dicomnode.errors import BundleError, SettingsError
from dicomnode.records import (
    Acuity,
    Change,
    ChangeUnknown,
    Examination,
    ImageQuality,
    Outcome,
    Presence,
    PriorState,
    PriorStudy,
    QualityFault,
    QualityLevel,
    ReviewReason,
    Section,
)
from dicomnode.report import report_without_reading
from dicomnode.report.languages import language_of
from dicomnode.settings import ReportSettings

DOUBTFUL = (replace(SPECS[0], certain=(0.2, 0.8)), *SPECS[1:])


def test_findings_come_most_acute_first_then_likeliest(a_report):
    """Suspected findings lead, in the order in which a physician wants to know of them."""
    report = a_report((0.9, 0.6, 0.1))

    assert ["pneumothorax", "pneumonia", "effusion"] == [finding.spec.key for finding in report.findings]
    assert Outcome.FINDINGS is report.outcome
    assert Acuity.EMERGENT is report.acuity
    assert "Pneumothorax suspected (probability 60%)." == report.text.lines(Section.IMPRESSION)[0]


def test_a_sentence_that_a_verdict_contradicts_is_said_from_codes(a_report):
    """It is never shown beside its contradiction; the reader learns how many there were, and is asked to look."""
    report = a_report((0.9, 0.1, 0.1), "Consolidation on the left.", "Large effusion.", "No pneumothorax.")

    assert (
        "Findings consistent with pneumonia (left).",
        "No sign of effusion.",
        "No pneumothorax.",
    ) == report.text.lines(Section.FINDINGS)
    remark = "One drafted sentence that did not agree with the classifier was reworded."
    assert remark in report.text.lines(Section.LIMITS)
    assert (ReviewReason.DISAGREEMENT,) == report.review


def test_by_setting_such_sentences_are_withheld_and_counted(a_report):
    """What they name is said with what the draft lacks, without their places and sizes."""
    drafted = ("Pneumonia.", "Large effusion.")
    text = a_report((0.9, 0.1, 0.1), *drafted, unsupported_sentences="withhold").text

    lines = ("Findings consistent with pneumonia.", "No sign of pneumothorax or effusion.")
    assert lines == text.lines(Section.FINDINGS)
    assert "One drafted sentence that did not agree with the classifier was withheld." in text.lines(Section.LIMITS)


@pytest.mark.parametrize(
    ("setting", "expected"), [("rewrite", "Possible pneumonia (left, large)."), ("withhold", "Possible pneumonia.")]
)
def test_a_sentence_that_is_too_sure_loses_its_certainty(a_report, setting, expected):
    """Place and size are kept where the sentence is only reworded; nothing disagrees about the finding itself."""
    report = a_report((0.6, 0.1, 0.1), "Large pneumonia on the left.", specs=DOUBTFUL, unsupported_sentences=setting)

    assert expected == report.text.lines(Section.FINDINGS)[0]
    assert (ReviewReason.UNDETERMINED,) == report.review


@pytest.mark.parametrize(
    ("probability", "sentence", "expected"),
    [
        (0.3, "No pneumonia.", "Pneumonia: indeterminate."),
        (0.3, "Pneumonia is seen.", "Pneumonia: indeterminate."),
        (0.3, "Pneumonia is likely.", "Pneumonia: indeterminate."),
        (0.3, "Possible pneumonia.", "Possible pneumonia."),
        (0.6, "No pneumonia.", "Possible pneumonia."),
        (0.6, "Findings suspicious for pneumonia.", "Possible pneumonia."),
        (0.6, "Pneumonia cannot be excluded.", "Pneumonia cannot be excluded."),
        (0.9, "No pneumonia.", "Findings consistent with pneumonia."),
        (0.9, "Possible pneumonia.", "Findings consistent with pneumonia."),
        (0.9, "Opacities consistent with pneumonia.", "Opacities consistent with pneumonia."),
        (0.9, "The pneumonia has resolved.", "Findings consistent with pneumonia."),
        (0.9, "New pneumonia.", "Findings consistent with pneumonia."),
        (0.9, "The lungs are clear.", "Findings consistent with pneumonia."),
        (0.3, "No acute cardiopulmonary disease.", "Pneumonia: indeterminate."),
        (0.1, "The lungs are clear.", "The lungs are clear."),
    ],
)
@pytest.mark.parametrize("setting", ["rewrite", "withhold"])
def test_a_draft_is_shown_only_where_it_says_what_the_verdict_says(a_report, probability, sentence, expected, setting):
    """Presence and certainty alike, whether it names the finding or denies everything; no word on earlier studies."""
    report = a_report((probability, 0.1, 0.1), sentence, specs=DOUBTFUL, unsupported_sentences=setting)
    lines = report.text.lines(Section.FINDINGS)

    assert expected in lines
    assert (sentence in lines) is (expected == sentence)


@pytest.mark.parametrize("sentences", [("The heart is normal.",), ("No consolidation.",)])
def test_a_suspected_finding_that_the_draft_leaves_out_or_denies_gets_a_sentence(a_report, sentences):
    """What the classifier holds is always said in words, first of all."""
    report = a_report((0.87, 0.1, 0.1), *sentences)
    first = report.text.sections[Section.FINDINGS][0]

    assert ("pneumonia", "Findings consistent with pneumonia.") == (first.finding, first.text)
    assert (ReviewReason.DISAGREEMENT,) == report.review


def test_without_a_draft_findings_are_simply_said(a_report):
    """A classifier drafts nothing; every finding is said all the same, and nothing disagrees."""
    report = a_report((0.87, 0.1, 0.1))

    lines = ("Findings consistent with pneumonia.", "No sign of pneumothorax or effusion.")
    assert lines == report.text.lines(Section.FINDINGS)
    assert () == report.review


@pytest.mark.parametrize("reason", [ReviewReason.QUALITY, ReviewReason.INCOMPLETE, ReviewReason.OUT_OF_DISTRIBUTION])
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_where_nothing_can_be_excluded_nothing_is_denied_and_nothing_calms(a_report, reason, language):
    """Poor or incomplete images give no "no ..."; the reason is said, review is asked for, no priority is suggested."""
    drafted = ("No pneumonia.", "The lungs are clear.")
    report = a_report((0.01, 0.02, 0.03), *drafted, reading={"cannot_exclude": (reason,)}, languages=(language,))
    known = language_of(language)
    lines = [line for section in Section for line in report.text.lines(section)]

    assert Outcome.UNDETERMINED is report.outcome
    assert {Presence.UNDETERMINED} == {finding.presence for finding in report.findings}
    assert {ReviewReason.UNDETERMINED, reason} <= set(report.review)
    assert known.sentence("cannot-exclude", reasons=known.say(f"review-{reason}")) in lines
    assert known.sentence("recommend-undecided") in lines
    assert known.sentence("recommend-non_actionable") not in lines
    assert not set(drafted) & set(lines)


def test_a_finding_that_is_there_stays_where_nothing_can_be_excluded(a_report):
    """Doubt about what is not seen is none about what is."""
    report = a_report((0.9, 0.02, 0.03), reading={"cannot_exclude": (ReviewReason.QUALITY,)})

    assert [Presence.PRESENT, Presence.UNDETERMINED, Presence.UNDETERMINED] == [f.presence for f in report.findings]
    assert Acuity.URGENT is report.acuity


def test_a_kind_makes_its_whole_as_likely_and_as_present(a_report):
    """Cerebral hemorrhage at 99 % and intracranial hemorrhage at 49 % do not stand in one report."""
    kind = replace(SPECS[0], implies=("effusion",))
    limits = np.array([[0.99, 1.0], [0, 0.2], [0.2, 1.0]], np.float32)

    report = a_report((0.99, 0.1, 0.49), specs=(kind, *SPECS[1:]), reading={"intervals": limits})

    whole = next(finding for finding in report.findings if finding.spec.key == "effusion")
    assert (Presence.PRESENT, 99) == (whole.presence, whole.percent)
    assert "Effusion suspected (probability 99%, 95% interval 99% to 100%)." in report.text.lines(Section.IMPRESSION)


def test_nothing_found_is_said_and_does_not_exclude_disease(a_report):
    """An empty result is an answer, and says how far it goes."""
    report = a_report((0.1, 0.1, 0.1), "No pneumonia.")

    assert Outcome.NOTHING_FOUND is report.outcome
    assert Acuity.NON_ACTIONABLE is report.acuity
    assert "this does not exclude disease" in report.text.lines(Section.IMPRESSION)[0]
    assert "pneumonia" in report.text.lines(Section.LIMITS)[0]


@pytest.mark.parametrize(
    ("probability", "outcome", "said"),
    [
        (0.1, Outcome.NOTHING_FOUND, "this does not exclude disease"),
        (0.3, Outcome.UNDETERMINED, "Pneumonia can neither be confirmed nor excluded (probability 30%)."),
        (0.6, Outcome.FINDINGS, "Pneumonia suspected, but not certain (probability 60%)."),
        (0.9, Outcome.FINDINGS, "Pneumonia suspected (probability 90%)."),
    ],
)
def test_what_cannot_be_told_is_said_to_be_so(a_report, probability, outcome, said):
    """Between the bounds a finding is undetermined, and review is asked for."""
    report = a_report((probability, 0.1, 0.1), specs=DOUBTFUL)

    assert outcome is report.outcome
    assert said in report.text.lines(Section.IMPRESSION)[0]
    is_open = 0.2 <= probability < 0.8
    assert is_open is (ReviewReason.UNDETERMINED in report.review)
    assert is_open is any("review of this AI result is requested" in s for s in report.text.lines(Section.IMPRESSION))


@pytest.mark.parametrize(
    ("reading", "reason", "said"),
    [
        ({"not_judged": 2}, ReviewReason.OUT_OF_DISTRIBUTION, "2 of 2 images were not assessed"),
        ({"missing_images": 1}, ReviewReason.INCOMPLETE, "One slice is missing"),
        ({"members_disagree": True}, ReviewReason.DISAGREEMENT, ""),
        (
            {"quality": ImageQuality(level=QualityLevel.LIMITED, faults=(QualityFault.BLURRED, QualityFault.NOISY))},
            ReviewReason.QUALITY,
            "Image quality is limited: blurred and noisy.",
        ),
    ],
)
def test_what_is_wrong_with_the_images_is_said(a_report, reading, reason, said):
    """The limits name what the reading lacked, and review is asked for with the same reason."""
    report = a_report((0.1, 0.1, 0.1), reading=reading)

    assert (reason,) == report.review
    assert any(said in line for line in report.text.lines(Section.LIMITS))


def test_limits_of_a_probability_are_said(a_report):
    """Where the bundle knows them, the reader does."""
    limits = np.array([[0.744, 0.93], [0, 0.2], [0, 0.2]], np.float32)

    report = a_report((0.87, 0.1, 0.1), reading={"intervals": limits})

    assert "probability about 85%, 95% interval 70% to 95%" in report.text.lines(Section.IMPRESSION)[0]
    assert (0.744, 0.93) == pytest.approx(report.findings[0].interval)


def test_a_truncated_draft_says_so(a_report):
    """Nobody takes half a text for a whole one."""
    assert "cut off" in a_report((0.1, 0.1, 0.1), "No effusion", is_truncated=True).text.lines(Section.LIMITS)[-1]


def test_a_sentence_said_twice_is_shown_once(a_report):
    """Small decoders repeat themselves."""
    report = a_report((0.1, 0.1, 0.1), "No effusion.", " No effusion. ", "")

    assert ("No effusion.", "No sign of pneumothorax or pneumonia.") == report.text.lines(Section.FINDINGS)


def test_two_sentences_of_the_same_codes_are_one_in_another_language(a_report):
    """Both are kept in the draft's own language; from their codes they would be the same words twice."""
    english, german = a_report(
        (0.1, 0.1, 0.1), "No effusion.", "There is no sign of effusion.", languages=("en", "de")
    ).texts

    assert 2 == sum("effusion" in line for line in english.lines(Section.FINDINGS))
    assert 1 == sum("effusion" in line for line in german.lines(Section.FINDINGS))


def test_probabilities_are_never_certainties(a_report):
    """Neither 0 nor 100 percent is shown."""
    assert "probability 99%" in a_report((1.0, 0.1, 0.1)).text.lines(Section.IMPRESSION)[0]


def test_the_examination_and_how_it_was_read_are_described(a_report):
    """A report says of what it is, and by which model."""
    done = Examination(modality="DX", body_part="CHEST", views=("LL", "PA"), study_date=dt.date(2026, 3, 4))

    text = a_report((0.1, 0.1, 0.1), more={"examination": done}).text

    assert ("Radiograph of the chest, Mar 4, 2026",) == text.lines(Section.EXAMINATION)
    assert "Views: LL and PA." in text.lines(Section.TECHNIQUE)
    assert "Analyzed by the AI model cxr 1.2.0." in text.lines(Section.TECHNIQUE)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Prior studies were not searched for."),
        ({"prior_note": PriorState.NONE_FOUND}, "No prior study was found for comparison."),
        ({"prior_note": PriorState.UNREACHABLE}, "the archive did not respond"),
    ],
)
def test_without_a_prior_the_report_says_why(a_report, more, said):
    """Silence on earlier studies is not mistaken for a comparison."""
    assert said in a_report((0.9, 0.1, 0.1), more=more).text.lines(Section.COMPARISON)[0]


@pytest.mark.parametrize(("is_verified", "said"), [(True, "physician's verified report"), (False, "unverified AI")])
def test_a_comparison_names_its_study_and_each_change(a_report, is_verified, said):
    """Changes stand with their finding, and the reader knows whose word the earlier state is."""
    prior = PriorStudy(
        study_instance_uid="2.25.1",
        study_date=dt.date(2025, 12, 24),
        instances=(),
        presences={"pneumonia": Presence.PRESENT},
        is_verified=is_verified,
    )
    more = {"prior": prior, "prior_note": PriorState.COMPARED, "changes": {"pneumonia": Change.INCREASED}}

    report = a_report((0.9, 0.1, 0.1), more=more | {"tracking_uids": {"pneumonia": "2.25.7"}})

    assert "Compared with the prior study of Dec 24, 2025." == report.text.lines(Section.COMPARISON)[0]
    assert said in report.text.lines(Section.COMPARISON)[1]
    assert "Pneumonia: increased since the prior study." in report.text.lines(Section.FINDINGS)
    assert (Change.INCREASED, "2.25.7") == (report.findings[0].change, report.findings[0].tracking_uid)


@pytest.mark.parametrize(
    ("then", "probability", "told", "said"),
    [
        ({"pneumonia": Presence.ABSENT}, 0.9, {}, "Pneumonia: new since the prior study."),
        ({"pneumonia": Presence.PRESENT}, 0.1, {}, "Pneumonia: no longer seen compared with the prior study."),
        (
            {"pneumonia": Presence.PRESENT},
            0.6,
            {},
            "cannot be determined because the finding is not certain in this study.",
        ),
        (
            {"pneumonia": Presence.ABSENT},
            0.3,
            {},
            "cannot be determined because the finding is not certain in this study.",
        ),
        (
            {"pneumonia": Presence.UNDETERMINED},
            0.9,
            {},
            "cannot be determined because the finding was not certain in the prior study.",
        ),
        ({}, 0.9, {}, "cannot be determined because the prior results do not mention it."),
        (
            {"pneumonia": Presence.PRESENT},
            0.9,
            {},
            "cannot be determined because its size is not known in both studies.",
        ),
        (
            {"pneumonia": Presence.PRESENT},
            0.9,
            {"pneumonia": ChangeUnknown.OTHER_VIEW},
            "cannot be determined because the radiographs were taken in different projections.",
        ),
        ({"pneumonia": Presence.PRESENT}, 0.9, {"pneumonia": Change.DECREASED}, "decreased since the prior study."),
        # What is said of a change never overrules the verdicts.
        ({"pneumonia": Presence.ABSENT}, 0.9, {"pneumonia": Change.UNCHANGED}, "new since the prior study."),
        (
            {"pneumonia": Presence.PRESENT},
            0.3,
            {"pneumonia": Change.RESOLVED},
            "the finding is not certain in this study.",
        ),
    ],
)
def test_with_an_earlier_study_each_finding_says_its_change(a_report, then, probability, told, said):
    """New, gone, larger, smaller, unchanged, or why that cannot be told; what was and is absent is one sentence."""
    prior = PriorStudy(
        study_instance_uid="2.25.1",
        study_date=None,
        instances=(),
        presences={"pneumothorax": Presence.ABSENT, "effusion": Presence.ABSENT, **then},
        is_verified=False,
    )

    report = a_report((probability, 0.1, 0.1), specs=DOUBTFUL, more={"prior": prior, "changes": told})

    changes = [line for line in report.text.lines(Section.FINDINGS) if "the prior study" in line]
    assert 1 == len(changes)
    assert changes[0].startswith("Pneumonia: ")
    assert changes[0].endswith(said)
    assert "No sign then or now of pneumothorax or effusion." in report.text.lines(Section.COMPARISON)


def test_recommendations_come_from_the_table_and_the_house(a_report):
    """Acuity and finding each have their advice, above which the house's own words stand."""
    spec = replace(SPECS[1], code=SPECS[1].code._replace(value="36118008", scheme="SCT"))

    usual = a_report((0.1, 0.9, 0.1), specs=(SPECS[0], spec, SPECS[2]))
    own = a_report(
        (0.1, 0.9, 0.1),
        specs=(SPECS[0], spec, SPECS[2]),
        recommendations={"pneumothorax": {"en": "Call 1234."}, "emergent": {"en": "At once."}},
    )

    assert "Immediate review" in usual.text.lines(Section.RECOMMENDATION)[0]
    assert "assess for tension" in usual.text.lines(Section.RECOMMENDATION)[1]
    assert ("At once.", "Call 1234.") == own.text.lines(Section.RECOMMENDATION)


def test_by_setting_the_impression_comes_first(a_report):
    """Some houses read the conclusion before everything else."""
    usual, first = (
        list(a_report((0.9, 0.1, 0.1), impression_first=is_first).text.sections) for is_first in (False, True)
    )

    assert usual.index(Section.IMPRESSION) > usual.index(Section.FINDINGS)
    assert Section.IMPRESSION is first[0]


@pytest.mark.parametrize("outcome", [Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN])
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_an_unread_study_is_answered_with_the_reason(outcome, language):
    """Silence never means negative: the report says that there was no reading, and why, whatever its language."""
    settings = ReportSettings(languages=(language,))
    report = report_without_reading(
        outcome, "no {rule} matches", None, settings, review=(ReviewReason.QUALITY,) * (outcome is Outcome.NOT_JUDGED)
    )

    assert outcome is report.outcome
    assert 2 == len(report.text.lines(Section.IMPRESSION))
    last = report.text.sections[Section.LIMITS][-1]
    assert "no {rule} matches" in last.text
    assert (None if language == "en" else "en") == last.language


def test_a_reading_cannot_be_claimed_without_one():
    """`nothing found` takes a reading, and what is not judged a coded reason."""
    with pytest.raises(ValueError, match="needs a reading"):
        report_without_reading(Outcome.NOTHING_FOUND, "", BUNDLE, ReportSettings())
    with pytest.raises(ValueError, match="needs a coded reason"):
        report_without_reading(Outcome.NOT_JUDGED, "", BUNDLE, ReportSettings())


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("zh-TW", "'zh-TW' is written in a script that is not supported"),
        ("tlh", "'tlh' is not supported; known: ar, de, en, es, fr, hi, pt, zh"),
        ("de-XQ", "'de-XQ' names no known region"),
    ],
)
def test_an_unknown_language_is_refused_by_naming_the_known_ones(a_report, tag, said):
    """Who sets a language without words reads which ones there are."""
    with pytest.raises(SettingsError, match=said):
        a_report((0.1, 0.1, 0.1), languages=(tag,))


def test_drafts_in_a_language_without_cues_are_refused(a_report):
    """What cannot be held against the classifier is not shown."""
    with pytest.raises(BundleError, match="drafts cannot be checked in 'fi'; known: en"):
        a_report((0.1, 0.1, 0.1), "Ei keuhkokuumetta.", more={"draft_language": "fi"})
