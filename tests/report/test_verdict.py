"""The one verdict on each finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.conftest import SPECS, a_spec

from dicomnode.dicom import words
from dicomnode.records import Acuity, Presence, ReviewReason, Stance, Verdict, estimate_of
from dicomnode.report import study_acuity, verdicts
from dicomnode.report.verdict import verdict
from dicomnode.settings import AcuitySettings

A, U, S, P = Verdict.ABSENT, Verdict.UNDETERMINED, Verdict.POSSIBLE, Verdict.PRESENT
ANY = a_spec("any_ich", Acuity.EMERGENT)
KIND = replace(a_spec("edh", Acuity.URGENT), threshold=0.25, implies=("any_ich",))
LETTERS = {P: "P", A: "A", S: "S", U: "U"}


@pytest.mark.parametrize(
    ("certain", "expected"),
    [
        (None, "AAAAPPPPP"),
        ((0.25, 0.75), "AAUUSSSPP"),
        ((0.75, 0.25), "AAAAPPPPP"),  # both verdicts are safe between the bounds: the threshold parts them
        ((0.6, 0.8), "AAAASSSPP"),
        ((0.1, 0.3), "UUUUPPPPP"),
        ((0.0, 1.1), "UUUUSSSSS"),
    ],
)
def test_between_the_bounds_a_finding_is_undetermined(certain, expected):
    """Below the first bound it is absent, from the second on present, and the threshold is never crossed."""
    spec = replace(SPECS[0], certain=certain)

    assert expected == "".join(LETTERS[verdict(spec, tenth / 10)] for tenth in range(1, 10))


@pytest.mark.parametrize(
    ("probability", "interval", "expected"),
    [
        (0.64, (0.53, 0.73), P),
        (0.6, (0.24, 1.0), S),
        (0.4, (0.24, 1.0), U),
        (0.4, (0.3, 0.49), A),
        (0.4, (0.3, 0.5), U),  # the threshold itself counts as suspected
        (0.5, (0.5, 0.9), P),
    ],
)
def test_an_interval_that_holds_the_threshold_is_not_certain(probability, interval, expected):
    """A probability that might as well lie on the other side makes no plain statement, whatever its bounds."""
    assert expected is verdict(SPECS[0], probability, interval)


@pytest.mark.parametrize(
    ("probability", "interval", "expected"),
    [(0.49, (0.24, 1.0), S), (0.64, (0.53, 0.73), P), (0.1, (0.0, 0.19), A), (0.05, (0.0, 0.6), U)],
)
def test_an_interval_over_more_than_half_of_the_scale_is_not_certain(probability, interval, expected):
    """49 % (24 to 100) never reads more certain than 64 % (53 to 73), however low its threshold."""
    spec = replace(SPECS[0], threshold=0.2 if expected in (P, S, A) else 0.7)

    assert expected is verdict(spec, probability, interval)


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.floats(0.02, 0.98),
    st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_wider_interval_is_never_worded_more_certainly(shares, threshold, certain):
    """At the same probability, in every language: where the narrower interval leaves doubt, the wider one does too."""
    outer_low, low, probability, high, outer_high = sorted(shares)
    spec = replace(SPECS[0], threshold=threshold, certain=certain)

    narrow, wide = (verdict(spec, probability, one) for one in ((low, high), (outer_low, outer_high)))

    assert wide is narrow or (narrow.is_certain and not wide.is_certain)
    assert narrow.is_suspected is wide.is_suspected
    assert words.certainty(wide) == words.certainty(narrow) or not wide.is_certain


@pytest.mark.parametrize("reason", ReviewReason)
def test_nothing_is_absent_where_nothing_can_be_excluded(reason):
    """Poor or incomplete images yield no "no ..."; what is there stays."""
    assert (U, P, U) == verdicts(SPECS, (0.01, 0.99, 0.2), cannot_exclude=(reason,))


@pytest.mark.parametrize(
    ("whole", "kind", "expected"),
    [(0.1, 0.3, P), (0.1, 0.1, A), (0.9, 0.1, P), (0.6, 0.26, P), (0.49, 0.99, P)],
)
def test_a_kind_that_is_there_makes_its_whole_be_there(whole, kind, expected):
    """Thresholds may differ: a kind at 30 % can be present where the whole at 30 % would not be."""
    assert expected is verdicts((ANY, KIND), (whole, kind))[0]
    assert expected is verdicts((KIND, ANY), (kind, whole))[1]


def test_doubt_about_a_kind_forbids_to_call_its_whole_absent():
    """No "no hemorrhage" beside an epidural hemorrhage that cannot be excluded; the chain may be longer."""
    kind = replace(KIND, certain=(0.1, 0.9))
    part = replace(a_spec("part", Acuity.URGENT), implies=("edh",), certain=(0.1, 0.9))
    whole = replace(ANY, certain=(0.1, 0.9))

    assert (U, U) == verdicts((ANY, kind), (0.1, 0.2))
    assert (S, S) == verdicts((ANY, kind), (0.1, 0.3))
    assert (S, S, S) == verdicts((whole, kind, part), (0.1, 0.05, 0.6))


def test_a_study_is_as_acute_as_the_whole_of_what_is_suspected():
    """Triage sees the hierarchy as the report does."""
    assert Acuity.EMERGENT is study_acuity((ANY, KIND), (0.1, 0.3), AcuitySettings())
    assert Acuity.NON_ACTIONABLE is study_acuity((ANY, KIND), (0.1, 0.2), AcuitySettings())


def test_an_undetermined_finding_above_its_threshold_counts_for_acuity():
    """Doubt delays nobody: what is suspected is as urgent as what is certain."""
    spec = replace(SPECS[1], certain=(0.0, 1.1))

    assert Acuity.EMERGENT is study_acuity([spec], [0.6], AcuitySettings())
    assert Acuity.NON_ACTIONABLE is study_acuity([spec], [0.4], AcuitySettings())


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.data())
def test_suspicion_does_not_depend_on_limits(probabilities, data):
    """Triage knows no limits; what it calls suspected the report calls so too, and the other way round."""
    limits = np.array([sorted((p, data.draw(st.floats(0, 1)))) for p in probabilities], np.float32)
    values = np.array(probabilities, np.float32)

    with_limits = verdicts(SPECS, values, limits, data.draw(st.sampled_from([(), (ReviewReason.QUALITY,)])))

    assert [v.is_suspected for v in verdicts(SPECS, values)] == [v.is_suspected for v in with_limits]


def test_every_verdict_has_its_code_and_a_stance_fits_one_certainty_only():
    """The codes know three presences; no sentence fits what is certain and what is not."""
    assert [Presence.ABSENT, Presence.UNDETERMINED, Presence.UNDETERMINED, Presence.PRESENT] == [
        v.presence for v in Verdict
    ]
    for stance in Stance:
        assert len({v.presence for v in Verdict if stance.fits(v)}) <= 1, stance


@pytest.mark.parametrize(
    ("probability", "interval", "expected"),
    [
        (0.64, None, (64, None, None)),
        (0.64, (0.53, 0.73), (65, 50, 75)),
        (0.49, (0.24, 1.0), (50, 20, 100)),
        (0.994, (0.99, 1.0), (99, 99, 100)),
        (0.07, (0.02, 0.11), (7, 2, 11)),
        (0.07, (0.02, 0.13), (5, 0, 15)),
        (1.0, (0.7, 1.0), (95, 70, 100)),
        (0.0, (0.0, 0.3), (5, 0, 30)),
        (0.0, None, (1, None, None)),
        (1.0, None, (99, None, None)),
    ],
)
def test_a_percentage_is_no_finer_than_its_interval_allows(probability, interval, expected):
    """Whole percent, then steps of five and ten; never 0 or 100."""
    found = estimate_of(probability, interval)

    assert expected == (found.percent, found.lower, found.upper)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_rounded_percentage_stays_within_its_rounded_limits(one, two, three):
    """Rounding never says that a probability lies outside of its interval."""
    low, probability, high = sorted((one, two, three))
    found = estimate_of(probability, (low, high))

    assert found.lower <= found.percent <= found.upper
    assert 0 < found.percent < 100
    assert found.lower <= 100 * low + 1e-4
    assert found.upper >= 100 * high - 1e-4
