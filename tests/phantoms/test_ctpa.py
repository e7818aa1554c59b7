"""What the CT pulmonary angiogram draws and the truth it tells about it."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.phantoms.ctpa import ctpa

SIDE, SLICES, SEED = 96, 16, 2


def volume(seed, *, has_embolus):
    return ctpa(np.random.default_rng(seed), SIDE, SLICES, has_embolus=has_embolus)


@pytest.fixture(scope="module")
def an_open_chest():
    """The chest of `a_blocked_chest` without its emboli."""
    return volume(SEED, has_embolus=False)


@pytest.fixture(scope="module")
def a_blocked_chest():
    return volume(SEED, has_embolus=True)


def test_emboli_are_the_only_difference(an_open_chest, a_blocked_chest):
    """Vessels lose their contrast where the mask says so; elsewhere only the blurred edge of an embolus differs."""
    change = a_blocked_chest.hounsfield.astype(int) - an_open_chest.hounsfield
    far = ~_widened(_widened(a_blocked_chest.embolus_mask))

    assert -100 > change[a_blocked_chest.embolus_mask].mean()
    assert 5 > np.abs(change[far]).max()
    assert np.array_equal(an_open_chest.structures, a_blocked_chest.structures)
    assert not an_open_chest.embolus_mask.any()


def _widened(mask):
    """The mask and its neighbours within each slice."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    return np.any([np.roll(padded, (r, c), (1, 2)) for r in (-1, 0, 1) for c in (-1, 0, 1)], axis=0)[:, 1:-1, 1:-1]


def test_emboli_lie_in_the_pulmonary_arteries(a_blocked_chest):
    """An embolus is a part of an artery that holds no contrast medium."""
    _, _, arteries = a_blocked_chest.structures

    assert 20 < a_blocked_chest.embolus_mask.sum() < 0.3 * arteries.sum()
    assert arteries[a_blocked_chest.embolus_mask].all()
    assert 200 < np.median(a_blocked_chest.hounsfield[arteries & ~a_blocked_chest.embolus_mask]) < 450


@pytest.mark.parametrize("seed", range(4))
def test_a_chest_with_emboli_shows_some(seed):
    """No volume that counts as positive is without an embolus to see."""
    assert 10 <= volume(seed, has_embolus=True).embolus_mask.sum()


@pytest.mark.parametrize("seed", range(4))
def test_arteries_stay_inside_the_chest(seed):
    """No branch grows through the ribs' inside, let alone out of the skin."""
    chest = volume(seed, has_embolus=False)
    lungs, _, arteries = chest.structures
    columns = np.nonzero(lungs.any(axis=(0, 1)))[0]
    reached = np.nonzero(arteries.any(axis=(0, 1)))[0]

    assert columns[0] - 3 <= reached[0]
    assert reached[-1] <= columns[-1] + 3


def test_structures_have_their_densities(an_open_chest):
    """Lungs hold air, the heart contrast medium; they do not overlap."""
    lungs, heart, _ = an_open_chest.structures

    assert -900 < np.median(an_open_chest.hounsfield[lungs]) < -760
    assert 50 < np.median(an_open_chest.hounsfield[heart])
    assert not (lungs & heart).any()


def test_the_generator_decides_the_volume(an_open_chest):
    """The same seed gives the same volume, another seed another one; one slice is a volume too."""
    again = volume(SEED, has_embolus=False).hounsfield

    assert np.array_equal(again, an_open_chest.hounsfield)
    assert not np.array_equal(again, volume(SEED + 1, has_embolus=False).hounsfield)
    assert (1, SIDE, SIDE) == ctpa(np.random.default_rng(SEED), SIDE, 1, has_embolus=False).hounsfield.shape
