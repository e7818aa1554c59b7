"""What the phantoms draw and the truth they tell about it."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from dicomnode.phantoms.chest import SIDE_PX, chest_film
from dicomnode.phantoms.head_ct import BLEED_HU, head_ct
from dicomnode.phantoms.samples import CHEST_SEED, HEAD_SEED


@pytest.fixture(scope="module")
def a_film(a_written_folder):
    """Stored values of the film that `a_film_with_opacity` was before."""
    return pydicom.dcmread(a_written_folder / "chest-normal" / "DX001.dcm").pixel_array


@pytest.fixture(scope="module")
def another_film(a_written_folder):
    """A film from another seed, its lowest value black again."""
    return 4095 - pydicom.dcmread(a_written_folder / "hard-header" / "CR001.dcm").pixel_array


@pytest.fixture(scope="module")
def a_film_with_opacity():
    return chest_film(CHEST_SEED, has_opacity=True)


@pytest.fixture(scope="module")
def a_head():
    return head_ct(HEAD_SEED)


@pytest.fixture(scope="module")
def a_bleeding_head():
    return head_ct(HEAD_SEED, has_bleed=True)


def test_a_film_is_twelve_bits_and_neither_black_nor_white(a_film):
    """Stored values fit 12 bits, use most of them and are hardly ever clipped."""
    assert (SIDE_PX, SIDE_PX) == a_film.shape
    assert 4095 >= a_film.max()
    assert 3000 < np.ptp(np.percentile(a_film, [1, 99]))
    assert 0.001 > np.mean(a_film == 4095)


def test_lungs_are_darker_than_heart_and_abdomen(a_film):
    """The regions of a chest film stand in their radiographic order."""
    lung, heart, abdomen = (a_film[rows, columns].mean() for rows, columns in _REGIONS)

    assert lung < heart - 500
    assert heart < abdomen


_REGIONS = [
    (slice(400, 500), slice(280, 340)),
    (slice(560, 660), slice(560, 620)),
    (slice(800, 900), slice(250, 400)),
]


def test_the_opacity_mask_lies_where_the_film_became_brighter(a_film, a_film_with_opacity):
    """Every marked region is clearly brighter than in the same film without the opacity, and nothing else is."""
    brighter = a_film_with_opacity.pixels.astype(int) - a_film
    mask = a_film_with_opacity.opacity_mask

    assert 10_000 < mask.sum() < 100_000
    assert brighter[mask].mean() > 300
    assert mask[brighter > 150].mean() > 0.99
    assert abs(brighter[~mask].mean()) < 20


def test_the_opacity_lies_in_the_right_lung(a_film_with_opacity):
    """Patient right is image left; beside the hilum and below it."""
    rows, columns = np.nonzero(a_film_with_opacity.opacity_mask)

    assert 0.45 < rows.mean() / SIDE_PX < 0.70
    assert columns.max() < SIDE_PX / 2


def test_the_bleed_mask_holds_fresh_blood(a_head, a_bleeding_head):
    """Marked voxels have the density of a fresh haematoma; the same voxels are brain without it."""
    mask = a_bleeding_head.bleed_mask

    assert BLEED_HU == pytest.approx(a_bleeding_head.hounsfield[mask].mean(), abs=4)
    assert 60 < a_bleeding_head.hounsfield[mask].mean() < 80
    assert 20 < a_head.hounsfield[mask].mean() < 45
    assert not a_head.bleed_mask.any()


def test_outside_bleed_and_oedema_the_head_is_the_same(a_head, a_bleeding_head):
    """Nothing changes away from the bleed, and nothing but the bleed becomes denser."""
    denser = a_bleeding_head.hounsfield.astype(int) - a_head.hounsfield

    assert np.mean(denser != 0) < 0.02
    assert a_bleeding_head.bleed_mask[denser > 25].mean() > 0.9


def test_the_bleed_lies_on_the_patients_left(a_bleeding_head):
    """Column 0 is the patient's right, so the left basal ganglia are in the right half of the image."""
    _, _, columns = np.nonzero(a_bleeding_head.bleed_mask)

    assert columns.min() > a_bleeding_head.hounsfield.shape[2] / 2


def test_a_head_holds_air_fat_brain_and_bone(a_head):
    """The densities of a head CT are all there."""
    values = a_head.hounsfield

    for low, high in ((-1024, -950), (-110, -60), (0, 15), (25, 45), (900, 1400)):
        assert np.mean((values >= low) & (values <= high)) > 0.003


def test_the_seed_decides_the_image(a_film, another_film, a_head, a_bleeding_head, a_written_folder):
    """The same seed gives the same image, another seed another one."""
    slices = sorted((a_written_folder / "head-ct-bleed").iterdir())

    assert np.array_equal(a_bleeding_head.hounsfield, [pydicom.dcmread(path).pixel_array for path in slices])
    assert not np.array_equal(a_head.hounsfield, head_ct(HEAD_SEED + 1).hounsfield)
    assert not np.array_equal(a_film, another_film)
