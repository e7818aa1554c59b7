"""One table from findings to urgency."""

from __future__ import annotations

import pytest
from report.conftest import SPECS

from dicomnode.records import Acuity
from dicomnode.report import finding_acuity, study_acuity
from dicomnode.settings import AcuitySettings


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
    with pytest.raises(ValueError, match="zip"):
        study_acuity(SPECS, (0.9, 0.1), AcuitySettings())
