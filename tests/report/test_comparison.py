"""How findings stand against the prior study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.records import Acuity, Change, ChangeUnknown, CodedConcept, FindingSpec, Presence
from dicomnode.report.comparison import Extent, Standing, change, changes

P, A, U = Presence.PRESENT, Presence.ABSENT, Presence.UNDETERMINED


def a_spec(key: str = "opacity", certain: tuple[float, float] | None = (0.3, 0.7)) -> FindingSpec:
    """A finding that is absent below 0.3 and present from 0.7."""
    return FindingSpec(
        key=key,
        code=CodedConcept("1", "99X", key),
        site=CodedConcept("2", "99X", "site"),
        threshold=0.5,
        acuity=Acuity.URGENT,
        terms=(),
        certain=certain,
    )


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (A, P, Change.NEW),
        (P, A, Change.RESOLVED),
        (A, A, None),
        (U, P, ChangeUnknown.UNDETERMINED_THEN),
        (U, A, ChangeUnknown.UNDETERMINED_THEN),
        (P, U, ChangeUnknown.UNDETERMINED_NOW),
        (A, U, ChangeUnknown.UNDETERMINED_NOW),
        (U, U, ChangeUnknown.UNDETERMINED_NOW),
        (P, P, ChangeUnknown.NOT_MEASURED),
    ],
)
def test_presence_alone_tells_what_is_new_and_what_is_gone(then, now, expected):
    """What is undetermined on either side is never said to have changed, and the reason is given."""
    assert expected == change(Standing(presence=now), Standing(presence=then))


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ((100, 20), (150, 20), Change.INCREASED),
        ((100, 20), (130, 20), Change.UNCHANGED),
        ((100, 20), (50, 20), Change.DECREASED),
        ((100, 0), (100, 0), Change.UNCHANGED),
    ],
)
def test_an_extent_has_changed_by_more_than_its_error_or_not_at_all(then, now, expected):
    """The ranges of the two areas must have nothing in common."""
    extents = [Standing(presence=P, extent=Extent(area=a, error=e)) for a, e in (now, then)]

    assert expected == change(*extents)


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ((0.5, 0.6), (0.7, 0.9), Change.INCREASED),
        ((0.5, 0.7), (0.6, 0.9), Change.UNCHANGED),
        ((0.8, 0.9), (0.5, 0.7), Change.DECREASED),
    ],
)
def test_without_extents_intervals_of_the_probability_decide(then, now, expected):
    """They too must not overlap."""
    assert expected == change(Standing(presence=P, interval=now), Standing(presence=P, interval=then))


@pytest.mark.parametrize(
    ("learned", "expected"),
    [
        ({Change.DECREASED: 0.6, Change.UNCHANGED: 0.4}, Change.DECREASED),
        ({Change.DECREASED: 0.4, Change.UNCHANGED: 0.35, Change.INCREASED: 0.25}, Change.INCREASED),  # not sure enough
        ({Change.NEW: 0.9, Change.DECREASED: 0.1}, Change.INCREASED),  # it is there both times, so it is not new
        ({Change.UNCHANGED: 0.9, Change.DECREASED: 0.1}, Change.INCREASED),  # not to see growth proves nothing
        ({}, Change.INCREASED),
    ],
)
def test_a_learned_comparison_counts_where_it_is_sure_of_a_change(learned, expected):
    """It tells growth from shrinking; where it is not sure the probabilities do, which have risen."""
    now, then = (Standing(presence=P, interval=limits) for limits in ((0.8, 0.9), (0.5, 0.6)))

    assert expected == change(now, then, learned)


def test_areas_count_before_a_learned_comparison():
    """What was measured on both films decides."""
    now, then = (Standing(presence=P, extent=Extent(area=a, error=1)) for a in (200, 100))

    assert Change.INCREASED is change(now, then, {Change.DECREASED: 0.9})


def test_a_learned_comparison_makes_nothing_certain_that_is_not():
    """An undetermined finding has no change, whatever a model says of it."""
    found = change(Standing(presence=U), Standing(presence=P), {Change.DECREASED: 1.0})

    assert ChangeUnknown.UNDETERMINED_NOW is found


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ("frontal", "lateral", ChangeUnknown.OTHER_VIEW),
        ("frontal", "frontal", Change.INCREASED),
        ("", "lateral", Change.INCREASED),
    ],
)
def test_films_of_different_views_are_not_compared(then, now, expected):
    """Areas, and what a model makes of the pair, tell nothing across views; that it is new or gone can be told."""
    standings = [
        Standing(presence=P, extent=Extent(area=area, error=1), projection=view)
        for area, view in ((200, now), (100, then))
    ]

    assert expected is change(*standings, {Change.DECREASED: 0.9})
    assert Change.NEW is change(standings[0], replace(standings[1], presence=A))


def test_findings_that_only_one_study_knows_have_no_change():
    """An earlier report that says nothing of a finding does not make it new, and the reason is given."""
    specs = [a_spec("opacity"), a_spec("effusion")]
    now = {"opacity": Standing(presence=P), "effusion": Standing(presence=P)}

    found = changes(specs, now, {"opacity": Standing(presence=A)})

    assert {"opacity": Change.NEW, "effusion": ChangeUnknown.NOT_JUDGED_THEN} == found
