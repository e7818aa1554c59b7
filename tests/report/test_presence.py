"""What a probability says of a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.conftest import SPECS

from dicomnode.records import Acuity, Presence
from dicomnode.report.acuity import presence, study_acuity
from dicomnode.settings import AcuitySettings


@pytest.mark.parametrize(
    ("certain", "expected"),
    [
        (None, "AAAAPPPPP"),
        ((0.25, 0.75), "AAUUUUUPP"),
        ((0.75, 0.25), "AAAAPPPPP"),  # both verdicts are safe between the bounds: the threshold parts them
        ((0.6, 0.8), "AAAAUUUPP"),
        ((0.1, 0.3), "UUUUPPPPP"),
        ((0.0, 1.1), "UUUUUUUUU"),
    ],
)
def test_between_the_bounds_a_finding_is_undetermined(certain, expected):
    """Below the first bound it is absent, from the second on present, and the threshold is never crossed."""
    spec = replace(SPECS[0], certain=certain)
    letters = {Presence.PRESENT: "P", Presence.ABSENT: "A", Presence.UNDETERMINED: "U"}

    assert expected == "".join(letters[presence(spec, tenth / 10)] for tenth in range(1, 10))


def test_an_undetermined_finding_above_its_threshold_counts_for_acuity():
    """Doubt delays nobody: what is suspected is as urgent as what is certain."""
    spec = replace(SPECS[1], certain=(0.0, 1.1))

    assert Acuity.EMERGENT is study_acuity([spec], [0.6], AcuitySettings())
    assert Acuity.NON_ACTIONABLE is study_acuity([spec], [0.4], AcuitySettings())
