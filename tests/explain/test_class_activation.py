"""Class activation maps lie where the model saw them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.explain import explain
from dicomnode.records import Placement


def a_map(row: int, column: int, *, evidence: float = 4.0, shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    """Class map that speaks for the finding in one cell only."""
    cells = np.zeros(shape, np.float32)
    cells[row, column] = evidence
    return cells


def peak(weights: np.ndarray) -> tuple[float, float]:
    """Centre of the strongest weights."""
    rows, columns = np.nonzero(weights >= weights.max() - 1e-6)
    return float(rows.mean()), float(columns.mean())


def test_a_cell_lands_on_the_pixels_it_stands_for(a_reading, a_case):
    """Cell (1, 6) of 8 x 8 over a model grid of 32, half as fine as the frame, is centred at pixel (11.5, 51.5)."""
    weights = explain("class_activation", a_case(a_reading(a_map(1, 6)))).weights

    assert pytest.approx((11.5, 51.5), abs=0.51) == peak(weights)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_turning_the_frame_upright_is_undone(turns, flip, a_reading, a_case):
    """A mark on the stored frame is found again there, however the frame was turned for the model."""
    stored = np.zeros((48, 64), np.float32)
    stored[8:16, 40:48] = 1
    upright = np.rot90(stored, turns)
    upright = upright[:, ::-1] if flip else upright
    cells = upright.reshape(upright.shape[0] // 8, 8, upright.shape[1] // 8, 8).mean((1, 3))
    top, left = (0.5, 0.5)  # centres of 2 x 2 blocks of source pixels
    placement = Placement(scale=0.5, top=top, left=left, rotate_quarters=turns, flip_columns=flip)
    padded = np.zeros((8, 8), np.float32)
    padded[: cells.shape[0], : cells.shape[1]] = cells

    weights = explain("class_activation", a_case(a_reading(padded, frame=(48, 64), placement=placement))).weights

    assert pytest.approx((11.5, 43.5), abs=0.51) == peak(weights)


def test_of_a_volume_the_best_slice_is_drawn(a_reading, a_case):
    """The map is that of the slice that speaks most for the finding, and lies on its frame."""
    pale, strong = a_reading(a_map(1, 1, evidence=0.01)), a_reading(a_map(6, 6))
    volume = replace(
        pale,
        images=pale.images + strong.images,
        encodings=pale.encodings + strong.encodings,
        slice_attention=np.array([[0.1, 0.9]], np.float32),
        strangeness=np.zeros(2, np.float32),
        best_images=(1,),
    )

    heatmap = explain("class_activation", a_case(volume))

    assert strong.images[0] is heatmap.image
    assert pytest.approx((51.5, 51.5), abs=0.51) == peak(heatmap.weights)


def test_what_the_model_did_not_see_has_no_weight(a_reading, a_case):
    """Pixels outside the model's crop stay at 0 even where the map is strong all over."""
    placement = Placement(scale=1.0, top=16, left=16)

    weights = explain("class_activation", a_case(a_reading(np.full((4, 4), 9.0), placement=placement))).weights

    assert 0 == weights[:16].max() == weights[48:].max() == weights[:, :16].max() == weights[:, 48:].max()
    assert weights[16:48, 16:48].min() > 0.5


def test_only_evidence_for_the_finding_is_drawn(a_reading, a_case):
    """Places that speak against the finding have weight 0."""
    weights = explain("class_activation", a_case(a_reading(np.full((8, 8), -5.0)))).weights

    assert 0 == weights.max()


def test_the_scale_is_the_same_for_every_image(a_reading, a_case):
    """Weak evidence stays pale: no map is stretched to its own maximum."""
    strong = explain("class_activation", a_case(a_reading(a_map(3, 3, evidence=1.0)))).weights
    weak = explain("class_activation", a_case(a_reading(a_map(3, 3, evidence=0.01)))).weights

    assert strong.max() > 0.7
    assert weak.max() < 0.1


def test_the_scale_does_not_depend_on_how_fine_the_grid_is(a_reading, a_case):
    """The same evidence spread over four times the cells is drawn alike."""
    coarse = explain("class_activation", a_case(a_reading(np.full((4, 4), 0.4)))).weights
    fine = explain("class_activation", a_case(a_reading(np.full((8, 8), 0.1)))).weights

    np.testing.assert_allclose(coarse, fine, atol=1e-6)
