"""Pruning: what is cut, and that nothing else changes."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from dicomnode.train.compress.prune import hidden_layers, left, pruned, scores, without
from dicomnode.train.hyperparameters import EncoderRecipe
from dicomnode.train.model import Encoder

_CLOSE = 1e-5


@pytest.fixture
def an_encoder() -> Encoder:
    """A small encoder whose batch normalisation has seen images."""
    torch.manual_seed(0)
    shape = EncoderRecipe(widths=(4, 12, 16, 24), layers=2, heads=2, dropout=0.1)
    encoder = Encoder(shape, channels=1, findings=3, structures=2)
    encoder.train()
    with torch.no_grad():
        for _ in range(5):
            encoder(torch.randn(4, 1, 32, 32))
    return encoder.eval()


@pytest.fixture
def some_images() -> Tensor:
    """Three images of noise."""
    return torch.randn(3, 1, 64, 64, generator=Generator().manual_seed(1))


def _loss(encoder: Encoder, generator: Generator) -> Tensor:
    images = torch.randn(4, 1, 32, 32, generator=generator)
    return torch.nn.functional.softplus(encoder(images).logits).mean()


def _difference(first: Encoder, second: Encoder, images: Tensor) -> float:
    with torch.no_grad():
        pairs = zip(first(images), second(images), strict=True)
        return max(float((one - other).abs().max()) for one, other in pairs)


def _silence(encoder: Encoder, module: str, units: list[int]) -> None:
    """Let the module's user see nothing of these units."""
    with torch.no_grad():
        encoder.get_submodule(module).weight[:, units] = 0


def test_pruning_nothing_changes_nothing(an_encoder: Encoder, some_images: Tensor):
    """With shares of 0 the encoder has the same sizes and says the same."""
    same = pruned(an_encoder, _loss, transformer=0.0, convolution=0.0)
    assert same.shape.convolution_inner == (12, 16, 16, 24)
    assert same.shape.transformer_inner == (72, 72)
    assert _difference(an_encoder, same, some_images) == 0


def test_units_that_nobody_hears_are_the_ones_that_go(an_encoder: Encoder, some_images: Tensor):
    """Where just the units to be cut have weights of zero behind them, pruning finds them and changes no output."""
    convolutions, transformers = hidden_layers(an_encoder)
    for layer in (*convolutions, *transformers):
        going = layer.units - left(layer.units, 0.5)
        _silence(an_encoder, layer.user, torch.randperm(layer.units)[:going].tolist())
        # Awake on every image; a unit that sleeps is worth nothing either.
        torch.nn.init.constant_(an_encoder.get_submodule(layer.makers[-1]).bias, 3.0)
    smaller = pruned(an_encoder, _loss, transformer=0.5, convolution=0.5)
    assert smaller.shape.convolution_inner == (6, 8, 8, 8)
    assert smaller.shape.transformer_inner == (32, 32)
    assert _difference(an_encoder, smaller, some_images) < _CLOSE


@pytest.mark.parametrize("seed", range(5))
def test_cutting_is_the_same_as_masking(an_encoder: Encoder, some_images: Tensor, seed: int):
    """Any choice of units: the encoder without them says what the encoder says that cannot hear them."""
    torch.manual_seed(seed)
    kept = {}
    for layers in hidden_layers(an_encoder):
        for layer in layers:
            order = torch.randperm(layer.units)
            stay = int(torch.randint(1, layer.units, ()))
            kept[layer] = order[:stay].sort().values
    smaller = without(an_encoder, kept)
    for layer, units in kept.items():
        _silence(an_encoder, layer.user, sorted(set(range(layer.units)) - set(units.tolist())))
    assert _difference(an_encoder, smaller, some_images) < _CLOSE


def test_a_pruned_encoder_is_rebuilt_from_its_shape(an_encoder: Encoder, some_images: Tensor):
    """The shape, as text, and the weights are all that a checkpoint needs."""
    smaller = pruned(an_encoder, _loss, transformer=0.5, convolution=0.25)
    shape = EncoderRecipe.model_validate_json(smaller.shape.model_dump_json())
    rebuilt = Encoder(shape, channels=1, findings=3, structures=2)
    rebuilt.load_state_dict(smaller.state_dict())
    assert _difference(smaller, rebuilt.eval(), some_images) == 0


def test_scores_are_the_derivatives_by_the_units(an_encoder: Encoder):
    """A unit's score is positive where it is heard and zero where it is not; the encoder keeps no hook."""
    layers = sum(hidden_layers(an_encoder), ())
    _silence(an_encoder, layers[0].user, [3])
    worth = scores(an_encoder, _loss, layers)
    assert float(worth[layers[0]][3]) == 0
    assert float(worth[layers[0]].max()) > 0
    assert all(not module._forward_pre_hooks for module in an_encoder.modules())


@pytest.mark.parametrize(
    ("units", "share", "stay"), [(10, 0.0, 10), (48, 0.25, 32), (576, 0.5, 288), (8, 0.25, 6), (4, 1.0, 1), (9, 0.1, 8)]
)
def test_what_is_left_fits_the_kernels(units: int, share: float, stay: int):
    """Nothing pruned stays as it is; else a multiple of 8 is left where there are more than 8."""
    assert stay == left(units, share)
