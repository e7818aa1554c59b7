"""Images are held against what is usual."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dicomnode.errors import NotJudgedError
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.infer.quality import assessed, measures, worst
from dicomnode.records import ImageQuality, QualityFault, QualityLevel, ReviewReason

SIDE = 64
LIMITS = {"contrast": (0.1, 1.0), "detail": (0.005, 0.05), "dark": (0.0, 0.3), "bright": (0.0, 0.3)}


def _film() -> np.ndarray:
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    grain = np.random.default_rng(1).normal(0, 0.02, (SIDE, SIDE))
    return (0.2 + 0.6 * (row + column) / 2 + grain)[np.newaxis].astype(np.float32)


def _blurred(film: np.ndarray) -> np.ndarray:
    smooth = np.stack([np.roll(film, shift, axis) for axis in (1, 2) for shift in range(-6, 7)]).mean(0)
    return np.stack([np.roll(smooth, shift, axis) for axis in (1, 2) for shift in range(-6, 7)]).mean(0)


@pytest.mark.parametrize(
    ("spoilt", "level", "faults"),
    [
        (lambda film: film, QualityLevel.DIAGNOSTIC, ()),
        (_blurred, QualityLevel.LIMITED, (QualityFault.BLURRED,)),
        (
            lambda film: film + np.random.default_rng(2).normal(0, 0.1, film.shape),
            QualityLevel.LIMITED,
            (QualityFault.NOISY,),
        ),
        (lambda film: np.clip(film - 0.45, 0, 1), QualityLevel.LIMITED, (QualityFault.OVER_EXPOSED,)),
        (lambda film: np.clip(film + 0.45, 0, 1), QualityLevel.LIMITED, (QualityFault.UNDER_EXPOSED,)),
        (lambda film: 0.5 + 0.05 * film, QualityLevel.NON_DIAGNOSTIC, (QualityFault.BLANK,)),
    ],
)
def test_faults_have_their_names(spoilt, level, faults):
    """What is wrong with a film is said, and one that shows next to nothing is not read."""
    assert ImageQuality(level=level, faults=faults) == assessed([spoilt(_film())], LIMITS)


def test_one_bad_slice_does_not_spoil_a_volume():
    """Of a volume the median counts."""
    slices = [_film(), _film(), _blurred(_film())]

    assert QualityLevel.DIAGNOSTIC is assessed(slices, LIMITS).level


def test_a_measure_without_limits_is_not_looked_at():
    """A bundle that does not know what is usual finds no fault."""
    assert QualityLevel.DIAGNOSTIC is assessed([np.zeros((1, SIDE, SIDE))], {}).level
    assert {"contrast", "detail", "dark", "bright"} == set(measures(_film()))


def test_the_worst_film_is_the_quality_of_a_study():
    """Faults of all films are named once; films of unknown quality say nothing."""
    fine = ImageQuality(level=QualityLevel.DIAGNOSTIC)
    blurred = ImageQuality(level=QualityLevel.LIMITED, faults=(QualityFault.BLURRED,))
    both = ImageQuality(level=QualityLevel.LIMITED, faults=(QualityFault.NOISY, QualityFault.BLURRED))

    assert ImageQuality(level=QualityLevel.LIMITED, faults=(QualityFault.BLURRED, QualityFault.NOISY)) == worst(
        [fine, blurred, None, both]
    )
    assert worst([None]) is None


def _measured_on(bundle, limits):
    return dataclasses.replace(bundle, quality=limits)


@pytest.fixture
def a_volume(make_slice, a_ct_bundle):
    """Twelve slices of a head, prepared."""
    return prepare([make_slice(5 * place) for place in range(12)], a_ct_bundle)


def test_what_is_as_usual_may_be_excluded(a_volume, a_ct_bundle):
    """A whole volume of usual quality keeps its "absent"."""
    usual = _measured_on(a_ct_bundle, {"detail": (0.0, 1.0)})

    assert () == Model(usual).read(a_volume).cannot_exclude


@pytest.mark.parametrize("limits", [{"detail": (0.0, 1e-6)}, {"detail": (1.0, 2.0)}, {"bright": (0.0, 0.0)}])
def test_images_of_limited_quality_exclude_nothing(a_volume, a_ct_bundle, limits):
    """Noisy, blurred or badly exposed images are read, and nothing is called absent on their word."""
    assert (ReviewReason.QUALITY,) == Model(_measured_on(a_ct_bundle, limits)).read(a_volume).cannot_exclude


def test_a_gap_and_a_doubt_exclude_nothing(make_slice, a_ct_bundle):
    """A slice that is missing may have shown it; so may one that another kernel made. Every reason is kept."""
    images = prepare([make_slice(5 * place) for place in range(12) if place != 4], a_ct_bundle)

    reading = Model(a_ct_bundle).read(images, doubts=[ReviewReason.OUT_OF_DISTRIBUTION])
    assert (ReviewReason.OUT_OF_DISTRIBUTION, ReviewReason.INCOMPLETE) == reading.cannot_exclude


@pytest.mark.parametrize(
    ("strange", "expected"), [(0, ()), (3, ()), (4, (ReviewReason.OUT_OF_DISTRIBUTION,)), (7, None)]
)
@pytest.mark.parametrize("distance", [2.0, np.nan])
def test_slices_unlike_the_training_exclude_nothing(a_volume, a_ct_bundle, monkeypatch, strange, expected, distance):
    """More than a quarter of strange slices leaves "absent" open, more than half the study unjudged.

    A distance that is no number counts as strange.
    """
    model = Model(a_ct_bundle)
    prompt = model.prompt
    far = np.array([distance] * strange + [0.1] * (len(a_volume) - strange), np.float32)
    monkeypatch.setattr(model, "prompt", lambda encodings: dataclasses.replace(prompt(encodings), strangeness=far))

    if expected is None:
        with pytest.raises(NotJudgedError):
            model.read(a_volume)
    else:
        assert expected == model.read(a_volume).cannot_exclude
