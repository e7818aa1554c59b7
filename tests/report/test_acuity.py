"""One table from findings to urgency."""

from __future__ import annotations

import pytest
from report.conftest import BUNDLE, SPECS

from dicomnode.records import Acuity, AlertContent, Outcome, ReviewReason
from dicomnode.report import alerts_due, finding_acuity, report_without_reading, study_acuity
from dicomnode.settings import AcuitySettings, ReportSettings


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.1, 0.1, 0.1), Acuity.NON_ACTIONABLE),
        ((0.5, 0.1, 0.1), Acuity.URGENT),
        ((0.9, 0.51, 0.9), Acuity.EMERGENT),
        ((0.1, 0.49, 0.9), Acuity.NON_CRITICAL),
    ],
)
def test_the_most_acute_present_finding_decides(probabilities, expected):
    """However likely the others are, the study is as acute as its most acute finding that is there."""
    assert expected is study_acuity(SPECS, probabilities, AcuitySettings())


def test_the_settings_overrule_the_bundle():
    """A house decides itself how soon it wants to know of a finding."""
    settings = AcuitySettings(findings={"effusion": Acuity.EMERGENT})

    assert Acuity.EMERGENT is finding_acuity(SPECS[2], settings)
    assert Acuity.URGENT is finding_acuity(SPECS[0], settings)
    assert Acuity.EMERGENT is study_acuity(SPECS, (0.9, 0.1, 0.9), settings)


def test_a_missing_probability_is_an_error():
    """A study is never graded on fewer findings than the bundle judges."""
    with pytest.raises(ValueError, match="3 findings need as many probabilities, got 2"):
        study_acuity(SPECS, (0.9, 0.1), AcuitySettings())


def keys(due: dict[str, AlertContent]) -> dict[str, list[str]]:
    """Findings of each channel."""
    return {channel: [f.key for f in content.findings] for channel, content in due.items()}


@pytest.mark.parametrize(
    ("probabilities", "table", "expected"),
    [
        ((0.9, 0.4, 0.9), {}, {}),
        ((0.9, 0.6, 0.9), {}, {"ris": ["pneumothorax"], "mail": ["pneumothorax"]}),
        (
            (0.9, 0.6, 0.9),
            {"levels": {"urgent": {"alerts": ["mail"]}}},
            {"ris": ["pneumothorax"], "mail": ["pneumothorax", "pneumonia"]},
        ),
        ((0.9, 0.6, 0.9), {"alerts": {"effusion": ["ris"], "pneumothorax": []}}, {"ris": ["effusion"]}),
    ],
)
def test_each_channel_is_told_the_findings_that_call_it(a_report, probabilities, table, expected):
    """The table of categories names the channels, a finding's own stand above them; the most acute comes first."""
    due = alerts_due(a_report(probabilities), AcuitySettings.model_validate(table), ("ris", "mail"))

    assert expected == keys(due)


def test_an_alert_names_model_code_and_probability(a_report):
    """What is told is what the report says."""
    (content,) = alerts_due(a_report((0.1, 0.6, 0.1)), AcuitySettings(), ("ris",)).values()

    assert ("cxr", "1.2.0", Acuity.EMERGENT) == (content.model, content.model_version, content.acuity)
    assert [("pneumothorax", SPECS[1].code, 60)] == [(f.key, f.code, f.estimate.percent) for f in content.findings]


def test_a_study_that_was_not_read_alerts_nobody():
    """There is nothing to tell of it."""
    report = report_without_reading(
        Outcome.NOT_JUDGED, "strange", BUNDLE, ReportSettings(), review=[ReviewReason.QUALITY]
    )

    assert {} == alerts_due(report, AcuitySettings(), ("ris",))
