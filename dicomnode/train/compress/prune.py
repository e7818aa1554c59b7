"""Structured pruning: hidden units that matter least are cut out of the tensors, not masked.

A unit's worth is the mean square, over images, of the loss's derivative by a gate on the unit that stands at 1: the
first term of what the loss would change by without it (Molchanov et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from dicomnode.train.model import ConvBlock, Encoder, VisionBlock

# B images, U units of a layer

Loss = Callable[[Encoder, Generator], Tensor]
"""Draws a batch with the generator and gives the mean loss of the encoder on it."""
_BATCHES = 8
_MULTIPLE = 8
"""What is left is a multiple of this, where it is larger: kernels work on as many channels at once."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Units between two weights; names are those of the modules in the encoder."""

    makers: tuple[str, ...]
    """Modules whose outputs are the units."""
    user: str
    """Module that reads them."""
    units: int


def hidden_layers(encoder: Encoder) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """The layers that can be pruned: of the convolution blocks, and of the transformer blocks, from front to back."""
    blocks = list(encoder.named_modules())
    convolutions = tuple(
        Layer((f"{name}.layers.0", f"{name}.layers.1"), f"{name}.layers.3", block.layers[3].in_channels)
        for name, block in blocks
        if isinstance(block, ConvBlock)
    )
    transformers = tuple(
        Layer((f"{name}.up",), f"{name}.down", block.down.in_channels)
        for name, block in blocks
        if isinstance(block, VisionBlock)
    )
    return convolutions, transformers


def pruned(encoder: Encoder, loss: Loss, *, transformer: float, convolution: float) -> Encoder:
    """A smaller encoder without the units that matter least; its `shape` says how many are left.

    Parameters
    ----------
    loss
        What the units must matter to, on training images.
    transformer, convolution
        Shares of the hidden neurons of each transformer block and of the inner channels of each convolution block
        that go. What is left is rounded down to a multiple of 8 where it is more than 8.

    Returns
    -------
    Encoder
        In evaluation mode; the one given is unchanged.
    """
    convolutions, transformers = hidden_layers(encoder)
    shares = dict.fromkeys(convolutions, convolution) | dict.fromkeys(transformers, transformer)
    worth = scores(encoder, loss, tuple(shares))
    kept = {layer: worth[layer].topk(left(layer.units, share)).indices.sort().values for layer, share in shares.items()}
    return without(encoder, kept)


def left(units: int, share: float) -> int:
    """How many units of a layer stay."""
    stay = max(1, units - round(units * share))
    return stay if stay in (units, *range(_MULTIPLE)) else stay - stay % _MULTIPLE


def scores(encoder: Encoder, loss: Loss, layers: tuple[Layer, ...]) -> dict[Layer, Tensor]:
    """Worth (U,) of the units of each layer."""
    encoder.eval()
    total = {layer: torch.zeros(layer.units) for layer in layers}
    for seed in range(_BATCHES):
        with _gated(encoder, layers) as gates:
            value = loss(encoder, Generator().manual_seed(seed))
            derivatives = torch.autograd.grad(value, [gates[layer] for layer in layers])
        for layer, derivative in zip(layers, derivatives, strict=True):
            total[layer] += (derivative**2).mean(0)
    return total


@contextmanager
def _gated(encoder: Encoder, layers: tuple[Layer, ...]) -> Iterator[dict[Layer, Tensor]]:
    """A gate (B, U) at 1 before the user of each layer, filled in by the encoder's next run."""
    gates: dict[Layer, Tensor] = {}

    def watched(layer: Layer) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor]]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
            gate = torch.ones(len(inputs[0]), layer.units, requires_grad=True)
            gates[layer] = gate
            return (inputs[0] * gate[:, :, None, None],)

        return hook

    hooks = [encoder.get_submodule(layer.user).register_forward_pre_hook(watched(layer)) for layer in layers]
    try:
        yield gates
    finally:
        for hook in hooks:
            hook.remove()


def without(encoder: Encoder, kept: dict[Layer, Tensor]) -> Encoder:
    """A copy of the encoder that has only the units named, by index; layers that are not named stay whole."""
    convolutions, transformers = hidden_layers(encoder)
    sizes: dict[str, Any] = {
        name: tuple(len(kept[layer]) if layer in kept else layer.units for layer in layers)
        for name, layers in (("convolution_inner", convolutions), ("transformer_inner", transformers))
    }
    smaller = Encoder(
        encoder.shape.model_copy(update=sizes),
        channels=encoder.stem[0][0].in_channels,
        findings=len(encoder.bias),
        structures=encoder.structure.out_channels,
    )
    weights = encoder.state_dict()
    for layer, units in kept.items():
        for name, tensor in weights.items():
            module = name.rpartition(".")[0]
            if module in layer.makers and tensor.ndim:  # BatchNorm's count of batches is a scalar
                weights[name] = tensor[units]
            elif module == layer.user and tensor.ndim > 1:  # its bias is of its outputs
                weights[name] = tensor[:, units]
    smaller.load_state_dict(weights)
    smaller.eval()
    return smaller
