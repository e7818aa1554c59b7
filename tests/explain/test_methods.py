"""What single methods promise beyond the contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.errors import ExplainError
from dicomnode.explain import explain
from dicomnode.explain.cross_modal_attention import sentence_attention
from dicomnode.explain.integrated_gradients import attributions
from dicomnode.explain.pixels import blurred, cell_sums
from dicomnode.explain.scale import attention_weights, evidence_weights

GENERATOR = np.random.default_rng(3)
PIXELS = GENERATOR.normal(0, 1, (1, 32, 32)).astype(np.float32)


def test_integrated_gradients_add_up_to_the_difference_of_the_logits(a_reading, a_case):
    """Completeness: what the pixels get is what image and blurred image differ by (exactly, for a square)."""
    case = a_case(a_reading(np.ones((4, 4)), pixel_values=PIXELS))

    given = attributions(case)

    difference = float(case.logits(PIXELS[None])[0] - case.logits(blurred(PIXELS)[None])[0])
    assert difference == pytest.approx(float(given.sum()), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 20, 44), (1, 224, 224)])
def test_blurring_keeps_the_mean_and_takes_the_details(shape):
    """A flat image stays as it is; of noise little is left."""
    noise = GENERATOR.normal(0, 1, shape).astype(np.float32)

    np.testing.assert_allclose(blurred(np.full(shape, 0.3, np.float32)), 0.3, atol=1e-5)
    assert shape == blurred(noise).shape
    assert blurred(noise).std() < 0.25 * noise.std()


def test_cells_keep_the_sum_of_their_pixels():
    """Nothing is lost where the image is no whole number of cells wide."""
    attributions = GENERATOR.normal(0, 1, (2, 20, 44)).astype(np.float32)

    cells = cell_sums(attributions)

    assert (3, 6) == cells.shape
    assert float(attributions.sum()) == pytest.approx(float(cells.sum()), rel=1e-4)


def test_scales_do_not_depend_on_how_fine_the_grid_is():
    """The same evidence or attention spread over four times the cells has the same weights."""
    for weights in (evidence_weights, attention_weights):
        coarse, fine = weights(np.full((4, 4), 1 / 16, np.float32)), weights(np.full((8, 8), 1 / 64, np.float32))
        assert coarse[0, 0] == pytest.approx(fine[0, 0])


def test_grad_cam_weighs_features_by_their_mean_gradient_and_hires_cam_cell_by_cell(a_reading, a_case):
    """Where the gradient changes its sign from cell to cell, only HiResCAM keeps to the cells that were used."""
    reading = a_reading(np.ones((4, 4)), pixel_values=PIXELS)
    case = a_case(reading)
    found = case.gradients()
    signs = np.ones((1, 4, 4), np.float32)
    signs[0, :, :2] = -1
    changed = replace(found, activations=np.ones((1, 4, 4), np.float32), activation_gradients=signs)
    case = a_case(reading, find_gradients=lambda _pixels, _finding: changed)

    assert 0 == explain("grad_cam", case).weights.max()
    assert 0 == explain("hires_cam", case).weights[:, :16].max() < explain("hires_cam", case).weights.max()


@pytest.fixture
def a_told_reading(a_reading):
    """A reading whose decoder looked at cell (0, 1) of 2 x 2 and at the finding, whose map stands in cell (1, 0)."""
    class_map = np.zeros((4, 4), np.float32)
    class_map[3, 0] = 2.0
    reading = a_reading(class_map)
    encoding = replace(reading.encodings[0], tokens=np.zeros((4, 3), np.float32))
    attention = np.array([[0.25, 0.25, 0.25, 0.25, 0.0], [0.0, 0.4, 0.0, 0.0, 0.6]], np.float32)
    return replace(reading, encodings=(encoding,), draft=replace(reading.draft, attention=attention))


def test_attention_to_a_finding_is_laid_where_its_map_speaks_for_it(a_told_reading):
    """A position of the memory that stands for a finding has the place of that finding."""
    np.testing.assert_allclose([[0, 0.4], [0.6, 0]], sentence_attention(a_told_reading, 1, 0), atol=1e-6)


def test_each_sentence_has_its_own_map(a_told_reading):
    """The first sentence was written with an even look at all cells."""
    np.testing.assert_allclose(np.full((2, 2), 0.25), sentence_attention(a_told_reading, 0, 0), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sentences": ("Nothing.", "Nothing more.")}, "no sentence of the draft mentions pneumonia"),
        ({"attention": np.ones((2, 7), np.float32)}, "its memory does not consist of the image's cells"),
    ],
)
def test_a_draft_without_a_place_has_no_map(change, says, a_told_reading, a_case):
    """What nothing is known of is not drawn."""
    reading = replace(a_told_reading, draft=replace(a_told_reading.draft, **change))

    with pytest.raises(ExplainError, match=says):
        explain("cross_modal_attention", a_case(reading))


def test_a_draft_of_another_film_has_no_map_on_this_one(a_told_reading, a_case):
    """Cells of one film say nothing of another."""
    with pytest.raises(ExplainError, match="a different film"):
        explain("cross_modal_attention", a_case(replace(a_told_reading, drafted_from=1)))


def test_a_slice_has_the_weight_of_its_share(a_reading, a_case):
    """The map of a slice is level; all slices together have weight one."""
    reading = a_reading(np.ones((4, 4)))
    volume = replace(
        reading,
        images=reading.images * 3,
        encodings=reading.encodings * 3,
        slice_attention=np.array([[0.2, 0.7, 0.1]], np.float32),
    )

    maps = [explain("temporal_attention", a_case(volume, image_index=n)).weights for n in range(3)]

    assert 1 == pytest.approx(sum(float(one[0, 0]) for one in maps))
    assert 0 == np.ptp(maps[1])


def test_attention_of_a_comparison_is_drawn_on_either_image(a_reading, a_case):
    """The current image shows its own part of the attention; the prior's case shows the other."""
    compared = np.zeros((2, 4, 4), np.float32)
    compared[0, 0, 0], compared[1, 3, 3] = 0.3, 0.7

    current, prior = (
        explain("temporal_attention", a_case(a_reading(np.ones((4, 4))), compared=part)).weights
        for part in (compared, compared[::-1])
    )

    assert current[:8, :8].max() > 0.2
    assert 0 == current[32:].max()
    assert prior[-8:, -8:].max() > current.max()
    assert 0 == prior[:32].max()
