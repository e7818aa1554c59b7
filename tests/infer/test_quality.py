"""Images are held against what is usual."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.infer.quality import assessed, measures, worst
from dicomnode.records import ImageQuality, QualityFault, QualityLevel

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
