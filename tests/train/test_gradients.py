"""Gradients as a graph, against torch's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from dicomnode.errors import SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model
from dicomnode.train.compress.gradients import EPSILON, Differentiated, with_int8_weights
from dicomnode.train.model import Encoder, encoder_of
from dicomnode.train.recipe import Recipe
from dicomnode.train.run import renew_gradients
from dicomnode.train.stages import trained_encoders

_INT8 = 0.05
"""By which logits and attention may differ, as the graph's weights are rounded to INT8."""
_ALIKE = 0.99
"""Correlation of gradients: a weight that is rounded may turn a single ReLU over."""


@pytest.fixture
def an_image() -> torch.Tensor:
    """One image (1, C, S, S)."""
    return torch.from_numpy(np.random.default_rng(5).normal(size=(1, 1, 64, 64)).astype(np.float32))


def by_autograd(encoder: Encoder, image: torch.Tensor, finding: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of a logit by pixels and by the fused map, the usual way."""
    kept = []
    hook = encoder.drop.register_forward_pre_hook(lambda _module, inputs: kept.append(inputs[0]))
    pixels = image.clone().requires_grad_()
    encoder.requires_grad_(True)
    logit = encoder(pixels).logits[0, finding]
    hook.remove()
    return tuple(gradient.numpy() for gradient in torch.autograd.grad(logit, (pixels, kept[0])))


@pytest.mark.parametrize("finding", [0, 1])
def test_the_shipped_graph_has_the_gradients_of_autograd(a_run: Path, a_recipe: Recipe, an_image, finding: int):
    """Pixels' and cells' gradients, and the logit, are torch's but for the rounding of the weights."""
    encoder = [*trained_encoders(a_recipe, a_run.with_name(a_run.name + ".training")).values()][-1]
    of_pixels, of_cells = by_autograd(encoder, an_image, finding)

    given = Model(load_bundle(a_run)).gradients(an_image[0].numpy(), finding)

    for ours, theirs in ((given.pixel_gradients, of_pixels[0]), (given.activation_gradients, of_cells[0])):
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > _ALIKE
    with torch.no_grad():
        said = encoder(an_image)
    assert float(said.logits[0, finding]) == pytest.approx(given.logit, abs=_INT8)
    np.testing.assert_allclose(said.places[0, finding].numpy(), given.places, atol=_INT8)


def test_relevance_is_input_times_gradient_where_epsilon_is_nothing(a_recipe: Recipe, an_image, monkeypatch):
    """With constant attention and no epsilon the rule is input times gradient, and epsilon changes it."""
    torch.manual_seed(2)
    encoder = encoder_of(a_recipe)
    chosen = torch.eye(2)[:1]
    with_rule = Differentiated(encoder)(an_image, chosen).relevance
    monkeypatch.setattr("dicomnode.train.compress.gradients.EPSILON", 0.0)
    monkeypatch.setattr("dicomnode.train.compress.gradients._LEAST_EPSILON", 1e-12)
    without = Differentiated(encoder)(an_image, chosen).relevance

    kept = torch.softmax
    monkeypatch.setattr(torch, "softmax", lambda *args, **named: kept(*args, **named).detach())
    pixels = an_image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(pixels).logits[0, 0], pixels)

    largest = (an_image * gradient).abs().max()
    assert (without - an_image * gradient).abs().max() < 1e-3 * largest
    assert EPSILON > 0
    assert (with_rule - without).abs().max() > 0.01 * without.abs().max()


def test_weights_in_int8_are_within_half_a_step():
    """Each row has its own scale; a tensor of one value is kept as that value."""
    weights = np.random.default_rng(1).normal(0, [[0.1], [10.0]], (2, 600)).astype(np.float32)
    level = np.full((30, 40), 0.5, np.float32)
    nodes = [
        helper.make_node("Identity", ["weights"], ["one"]),
        helper.make_node("Identity", ["level"], ["other"]),
    ]
    outputs = [
        helper.make_tensor_value_info("one", TensorProto.FLOAT, weights.shape),
        helper.make_tensor_value_info("other", TensorProto.FLOAT, level.shape),
    ]
    initializers = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(level, "level")]
    graph = helper.make_graph(nodes, "weights", [], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])

    small = with_int8_weights(model)

    assert len(small.SerializeToString()) < weights.nbytes / 2
    one, other = onnx.reference.ReferenceEvaluator(small).run(None, {})
    steps = np.abs(weights).max(1, keepdims=True) / 127
    assert (np.abs(one - weights) <= steps / 2 + 1e-6).all()
    np.testing.assert_array_equal(level, other)


def test_a_bundle_gets_its_gradients_from_its_checkpoints(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """Without training again: the same graph is written anew, the bundle is whole, and its card tells the figures."""
    before = (a_run / "gradients.onnx").read_bytes()
    (a_run / "gradients.onnx").unlink()

    renew_gradients(a_recipe, a_data_dir, a_run)

    assert before == (a_run / "gradients.onnx").read_bytes()
    assert [] == check_bundle(a_run)
    told = json.loads((a_run / "card.json").read_text())["gradients"]
    assert told["mean_logit_difference_to_the_encoder_that_serves"] < 0.25


def test_gradients_of_another_recipe_are_refused(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """They would not be those of the encoder that serves."""
    other = a_recipe.model_copy(update={"fit": a_recipe.fit.model_copy(update={"seed": 4})})

    with pytest.raises(SettingsError, match="another recipe"):
        renew_gradients(other, a_data_dir, a_run)
