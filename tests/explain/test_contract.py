"""What every registered method of explanation must do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.errors import ExplainError, NodeError
from dicomnode.explain import explain, methods
from dicomnode.records import Placement

GENERATOR = np.random.default_rng(7)
PIXELS = GENERATOR.normal(0, 1, (1, 32, 32)).astype(np.float32)


def a_volume(reading):
    """The same image twice: some methods are for volumes."""
    return replace(
        reading,
        images=reading.images * 2,
        encodings=reading.encodings * 2,
        slice_attention=np.array([[0.7, 0.3]], np.float32),
        strangeness=np.zeros(2, np.float32),
    )


@pytest.mark.parametrize("method", methods())
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("frame", [(64, 64), (90, 41), (1, 7)])
def test_weights_have_the_frames_shape_and_lie_between_0_and_1(method, turns, frame, a_reading, a_case):
    """Whatever the frame's shape and turn, a map fits its frame, keeps to [0, 1] and comes out the same twice."""
    placement = Placement(scale=0.4, top=-3, left=2, rotate_quarters=turns, flip_columns=turns == 1)
    reading = a_reading(GENERATOR.normal(0, 3, (4, 6)), frame=frame, placement=placement, pixel_values=PIXELS)
    case = a_case(a_volume(reading))

    first = explain(method, case)
    second = explain(method, case)

    assert frame == first.weights.shape
    assert np.float32 == first.weights.dtype
    assert first.weights.min() >= 0
    assert first.weights.max() <= 1
    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("method", methods())
def test_a_map_names_its_finding_method_and_image(method, a_reading, a_case):
    """A heat map can be traced to what made it."""
    reading = a_volume(a_reading(np.ones((4, 4)), pixel_values=PIXELS))

    heatmap = explain(method, a_case(reading))

    assert ("pneumonia", method) == (heatmap.finding, heatmap.method)
    assert reading.images[0] is heatmap.image


@pytest.mark.parametrize("method", sorted(set(methods()) - {"temporal_attention"}))
def test_a_map_is_strongest_where_the_model_looked(method, a_reading, a_case):
    """Evidence and attention that stand in one corner alone are shown there by every method."""
    there = np.zeros((4, 4), np.float32)
    there[2, 1] = 6.0
    weights = np.kron(there, np.ones((8, 8), np.float32))[None]
    reading = a_reading(there, pixel_values=PIXELS)

    heatmap = explain(method, a_case(reading, weights))

    row, column = np.unravel_index(heatmap.weights.argmax(), heatmap.weights.shape)
    assert heatmap.weights.max() > 0
    assert 32 <= row < 48
    assert 16 <= column < 32


def test_an_unknown_method_is_refused_by_naming_the_known_ones(a_reading, a_case):
    """Who mistypes a method in the settings reads which ones there are."""
    with pytest.raises(NodeError, match=r"no explanation method 'guess'; known: .*class_activation"):
        explain("guess", a_case(a_reading(np.ones((4, 4)))))


@pytest.mark.parametrize(
    ("method", "changes", "says"),
    [
        ("hires_cam", {"find_gradients": None}, "the bundle has no gradients.onnx"),
        ("rise", {"encode_logits": None}, "needs the model's outputs for altered images"),
        ("temporal_attention", {}, "temporal attention needs a volume or an earlier study"),
    ],
)
def test_what_a_method_lacks_is_said(method, changes, says, a_reading, a_case):
    """A method that has nothing to go by says what is missing, and draws nothing."""
    with pytest.raises(ExplainError, match=says):
        explain(method, a_case(a_reading(np.ones((4, 4)), pixel_values=PIXELS), **changes))


def test_a_mere_classifier_has_no_class_activation(a_reading, a_case):
    """Without class maps there is none to draw."""
    reading = a_reading(np.ones((4, 4)))
    plain = replace(reading.encodings[0], class_maps=np.zeros((1, 0, 0), np.float32))

    with pytest.raises(ExplainError, match="has no class maps"):
        explain("class_activation", a_case(replace(reading, encodings=(plain,))))
