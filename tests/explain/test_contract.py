"""What every registered method of explanation must do."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.errors import NodeError
from dicomnode.explain import explain, methods
from dicomnode.records import Placement

GENERATOR = np.random.default_rng(7)


@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("frame", [(64, 64), (90, 41), (1, 7)])
def test_weights_have_the_frames_shape_and_lie_between_0_and_1(method, turns, frame, a_reading, a_spec):
    """Whatever the frame's shape and turn, a map fits its frame, keeps to [0, 1] and comes out the same twice."""
    placement = Placement(scale=0.4, top=-3, left=2, rotate_quarters=turns, flip_columns=turns == 1)
    reading = a_reading(GENERATOR.normal(0, 3, (4, 6)), frame=frame, placement=placement)

    first = explain(method, reading, 0, a_spec)
    second = explain(method, reading, 0, a_spec)

    assert frame == first.weights.shape
    assert np.float32 == first.weights.dtype
    assert first.weights.min() >= 0
    assert first.weights.max() <= 1
    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("method", methods())
def test_a_map_names_its_finding_method_and_image(method, a_reading, a_spec):
    """A heat map can be traced to what made it."""
    reading = a_reading(np.ones((4, 4)))

    heatmap = explain(method, reading, 0, a_spec)

    assert ("pneumonia", method) == (heatmap.finding, heatmap.method)
    assert reading.images[0] is heatmap.image


def test_an_unknown_method_is_refused_by_naming_the_known_ones(a_reading, a_spec):
    """Who mistypes a method in the settings reads which ones there are."""
    with pytest.raises(NodeError, match=r"no explanation method 'guess'; known: .*class_activation"):
        explain("guess", a_reading(np.ones((4, 4))), 0, a_spec)
