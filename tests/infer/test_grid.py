"""The model's grid, and where it lies in the frame."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.explain.placement import on_stored_frame
from dicomnode.infer.grid import Region, body, fitted, region_of
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import PreparedImage

WHOLE = PixelRecipe(rows=64, columns=64, channels=1, fit="pad", mean=0.0, std=1.0)
BODY = WHOLE.model_copy(update={"fit": "body"})


@pytest.fixture
def a_slice() -> np.ndarray:
    """An oval body of 120 x 80 pixels in a frame of 256 x 256, a bright spot in it, a thin table below."""
    rows, columns = np.indices((256, 256)) + 0.5
    frame = np.where(((rows - 110) / 60) ** 2 + ((columns - 90) / 40) ** 2 < 1, 0.5, 0.0).astype(np.float32)
    frame[100:104, 70:74] = 1.0
    frame[200:203, 20:230] = 0.8
    return frame


def test_the_body_is_found_without_the_table(a_slice):
    """The region holds the whole body with a small margin, and leaves air and table out."""
    top, left, bottom, right = (256 * edge for edge in body(a_slice))

    assert 35 <= top <= 50
    assert 170 <= bottom <= 185
    assert 35 <= left <= 50
    assert 130 <= right <= 146


def test_the_placement_leads_back_to_the_frame(a_slice):
    """The spot's place on the grid, by the placement, is its place in the frame."""
    grid, placement = fitted(a_slice, BODY, 0, False, region_of(a_slice, BODY))

    spot = np.argwhere(grid > 0.8).mean(0)
    row, column = placement.top + spot[0] / placement.scale, placement.left + spot[1] / placement.scale
    assert abs(row - 101.5) < 1
    assert abs(column - 71.5) < 1
    assert placement.scale > 64 / 256 * 1.5


def test_a_frame_without_a_patient_is_shown_whole():
    """Nothing to cut to."""
    assert Region() == body(np.zeros((40, 50), np.float32))


def test_a_small_part_is_not_blown_up():
    """The crown of a head stays a crown: at least four tenths of the frame are shown, inside the frame."""
    frame = np.zeros((200, 200), np.float32)
    frame[2:22, 180:200] = 1
    region = body(frame)

    assert 0 == region.top
    assert 1 == pytest.approx(region.right)
    assert 0.4 == pytest.approx(region.bottom - region.top)


def test_a_recipe_that_pads_sees_the_whole_frame(a_slice):
    """Only `body` looks for the patient."""
    grid, placement = fitted(a_slice, WHOLE, 0, False, region_of(a_slice, WHOLE))

    assert 64 / 256 == placement.scale
    assert grid[-14:].max() > 0.4


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("aspect", [0.5, 0.93, 1.0, 1.02, 2.0])
def test_a_map_on_the_grid_lies_on_the_stored_frame_where_it_was(aspect, quarters):
    """Whatever the shape of a pixel and the hanging of the frame, evidence comes back to where it was found."""
    rows, columns = np.indices((120, 200))
    stored = np.exp(-(((rows - 80) * aspect) ** 2 + (columns - 60) ** 2) / 200).astype(np.float32)
    grid, placement = fitted(np.rot90(stored, quarters).copy(), WHOLE, quarters, False, aspect=aspect)
    image = PreparedImage(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2",
        frame_number=1,
        pixel_values=grid[np.newaxis],
        display=np.zeros(stored.shape, np.uint8),
        placement=placement,
    )

    found = on_stored_frame(grid, image)
    assert (120, 200) == found.shape
    assert pytest.approx((80, 60), abs=1 / placement.scale) == np.unravel_index(found.argmax(), found.shape)
    assert 0.99 < np.corrcoef(found.ravel(), stored.ravel())[0, 1]
