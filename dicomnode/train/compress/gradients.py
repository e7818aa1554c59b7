"""The encoder's gradients as an ONNX graph, so that serving can ask for them without torch.

Autograd is traced into plain operators (`make_fx`), batch 1, and exported as any other graph. Weights are those of the
encoder before the quantisation, kept in INT8 with one scale for each output channel; all arithmetic is in float.

Relevance is layer-wise relevance propagation with the epsilon rule, computed as input times gradient of a network whose
derivative is changed (Ancona et al., ICLR 2018: with ReLU and epsilon -> 0 both are the same): every linear layer's
output z passes its gradient on times z / (z + epsilon * sign(z)), epsilon being a share of the layer's root mean
square, and attention weights count as constants (Ali et al., ICML 2022), without which attention does not conserve
relevance. Biases and baselines keep their share: the relevance of all pixels does not add up to the logit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from dicomnode.infer.sessions import GRADIENT_INPUTS, GRADIENT_OUTPUTS, open_session
from dicomnode.records import FloatArray
from dicomnode.train.compress.graphs import Names, compare, write_graph
from dicomnode.train.model import Encoder

# C channels, S side, K findings, D features, h, w cells; the batch is always one

GRADIENTS: Names = (tuple(GRADIENT_INPUTS), GRADIENT_OUTPUTS)
EPSILON = 0.1
"""Epsilon of the relevance rule, as a share of the root mean square of the layer's output."""
_LEAST_EPSILON = 1e-6
"""Where a layer gives nothing at all; the exporter takes still less for nothing and leaves it out."""
_FEWEST_WEIGHTS = 512
"""Smaller tensors stay in float."""

aten = torch.ops.aten


class Gradients(NamedTuple):
    """Outputs of the graph, in the order of `GRADIENT_OUTPUTS`."""

    logits: Tensor
    """(1, K)."""
    places: Tensor
    """(1, K, h, w), lesion attention, sums to 1."""
    activations: Tensor
    """(1, D, h, w), the fused map that the head reads."""
    activation_gradients: Tensor
    """(1, D, h, w), of the finding's logit."""
    pixel_gradients: Tensor
    """(1, C, S, S), of the finding's logit."""
    relevance: Tensor
    """(1, C, S, S)."""


class Differentiated(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """An encoder with its gradients as outputs.

    Parameters
    ----------
    encoder
        Trained; its weights take no gradient from here on.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def forward(self, pixel_values: Tensor, chosen: Tensor) -> Gradients:
        """Differentiate the logit that `chosen` (1, K), one-hot, names by pixels (1, C, S, S) and by the fused map."""

        def logit(image: Tensor, added: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
            with _Added(self.encoder, added), _Plain():
                said = self.encoder(image)
            return (said.logits * chosen).sum(), (said.logits, said.places, said.fused)

        def propagated(image: Tensor) -> Tensor:
            with _Relevant():
                return (self.encoder(image).logits * chosen).sum()

        side = pixel_values.shape[-1] // 8
        nothing = torch.zeros(1, self.encoder.shape.widths[-1], side, side)
        of_pixels_and_cells = torch.func.grad(logit, argnums=(0, 1), has_aux=True)
        (of_pixels, of_cells), (logits, places, fused) = of_pixels_and_cells(pixel_values, nothing)
        relevance = pixel_values * torch.func.grad(propagated)(pixel_values)
        return Gradients(logits, places, fused, of_cells, of_pixels, relevance)


class _Added:
    """While open, adds a tensor to the fused map: the gradient by it is the gradient by the map."""

    def __init__(self, encoder: Encoder, added: Tensor) -> None:
        self._encoder, self._added = encoder, added

    def __enter__(self) -> None:
        # Dropout stands where the head begins to read the map, and does nothing in an encoder that serves.
        self._hook = self._encoder.drop.register_forward_hook(lambda _module, _inputs, output: output + self._added)

    def __exit__(self, *_raised: object) -> None:
        self._hook.remove()


class _Plain(TorchFunctionMode):  # type: ignore[misc]
    """Writes out what has no ONNX operator for its derivative."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D105
        if func is functional.interpolate:
            return _doubled(args[0])
        return func(*args, **(kwargs or {}))


class _Relevant(TorchFunctionMode):  # type: ignore[misc]
    """Changes the derivative to that of the epsilon rule, see the head of this module; the values stay."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D105
        if func is functional.interpolate:
            return _doubled(args[0])
        given = func(*args, **(kwargs or {}))
        if func is torch.softmax:
            return given.detach()
        return _Stabilised.apply(given) if func in (torch.conv2d, functional.batch_norm) else given


def _doubled(maps: Tensor) -> Tensor:
    """(B, C, h, w) to (B, C, 2 * h, 2 * w), each cell four times: `interpolate` of nearest neighbours."""
    batch, width, rows, columns = maps.shape
    wide = maps[:, :, :, None, :, None].expand(batch, width, rows, 2, columns, 2)
    return wide.reshape(batch, width, 2 * rows, 2 * columns)


class _Stabilised(torch.autograd.Function):  # type: ignore[misc]
    """The output of a linear layer as it is, with the derivative of the epsilon rule."""

    @staticmethod
    def forward(given: Tensor) -> Tensor:
        """Anything to the same."""
        return given.view_as(given)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep the values."""
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Pass on z / (z + epsilon * sign(z)) = |z| / (|z| + epsilon) of the gradient."""
        (given,) = ctx.saved_tensors
        least = EPSILON * (given * given).mean().sqrt() + _LEAST_EPSILON
        size = given.abs()
        return gradient * (size / (size + least))


def _convolution_backward(  # noqa: PLR0913  # the signature is aten's
    gradient: Tensor,
    given: Tensor,
    weight: Tensor,
    _bias_sizes: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    _transposed: Any,
    _output_padding: Any,
    groups: int,
    mask: Any,
) -> tuple[Tensor | None, None, None]:
    """Derivative of a convolution by its input, which is a transposed convolution; weights take none."""
    if not mask[0]:
        return None, None, None
    depthwise = groups > 1 and weight.shape[1] == 1 and groups == weight.shape[0]
    if [*stride, *dilation] == [1, 1, 1, 1] and (groups == 1 or depthwise):
        # An ordinary convolution with the weights turned round: ONNX Runtime has no fast transposed one.
        turned = (weight if depthwise else weight.transpose(0, 1)).flip((2, 3))
        around = [weight.shape[2 + n] - 1 - padding[n] for n in (0, 1)]
        return aten.convolution(gradient, turned, None, stride, around, dilation, False, [0, 0], groups), None, None
    missing = [
        given.shape[2 + n]
        - ((gradient.shape[2 + n] - 1) * stride[n] - 2 * padding[n] + dilation[n] * (weight.shape[2 + n] - 1) + 1)
        for n in (0, 1)
    ]
    return aten.convolution(gradient, weight, None, stride, padding, dilation, True, missing, groups), None, None


def export_gradients(encoder: Encoder, examples: FloatArray, path: Path) -> float:
    """Write `gradients.onnx`.

    Parameters
    ----------
    encoder
        The one that was quantised to the bundle's `encoder.onnx`.
    examples
        (N, C, S, S) pixel values to compare graph and torch on.

    Returns
    -------
    float
        Largest difference between torch's autograd and the graph with float weights, as `graphs.compare` counts it.

    Raises
    ------
    BundleError
        If that is more than the tolerance of `graphs`.
    """
    module = Differentiated(encoder)
    findings = encoder.place.out_channels
    cases = [
        (torch.from_numpy(image[None]).float(), torch.eye(findings)[[n % findings]]) for n, image in enumerate(examples)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch, "gradients.onnx")
        write_graph(_traced(module, cases[0]), cases[0], GRADIENTS, {}, exact)
        difference = compare(module, cases, GRADIENTS, exact)
        onnx.save(with_int8_weights(onnx.load(exact)), path)
    return difference


def gradient_figures(folder: Path, images: FloatArray) -> dict[str, float]:
    """How far a bundle's gradients are those of the encoder that serves.

    Parameters
    ----------
    images
        (N, C, S, S) pixel values.

    Returns
    -------
    dict[str, float]
        `mean_logit_difference_to_the_encoder_that_serves` over images and findings, and `megabytes` of the file.
    """
    path = folder / "gradients.onnx"
    served, asked = open_session(folder / "encoder.onnx", 1), open_session(path, 1)
    chosen = np.eye(asked.get_inputs()[1].shape[1], dtype=np.float32)[:1]
    apart = [
        served.run(["logits"], {"pixel_values": image[None]})[0]
        - asked.run(["logits"], {"pixel_values": image[None], "chosen": chosen})[0]
        for image in images
    ]
    return {
        "mean_logit_difference_to_the_encoder_that_serves": round(float(np.abs(apart).mean()), 4),
        "megabytes": round(path.stat().st_size / 1e6, 2),
    }


def _traced(module: Differentiated, case: tuple[Tensor, Tensor]) -> nn.Module:
    """The module with its derivative as one list of operators."""
    operators = dict(core_aten_decompositions()) | {aten.convolution_backward.default: _convolution_backward}
    # First without, as functionalize does not know functions with a derivative of their own.
    differentiated = make_fx(lambda image, chosen: tuple(module(image, chosen)))(*case)
    pure: Callable[..., Any] = torch.func.functionalize(differentiated, remove="mutations")
    traced = make_fx(pure, decomposition_table=operators)(*case)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def with_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep large weights as INT8 with one scale for each first index; ONNX Runtime makes floats of them when it loads.

    Dequantised, each differs from what it was by at most half a step, 1/254 of the largest of its row.
    """
    graph = model.graph
    added = []
    for tensor in [one for one in graph.initializer if _is_weight(one)]:
        values = numpy_helper.to_array(tensor)
        if np.ptp(values) == 0:  # what the exporter wrote out of one number
            graph.initializer.remove(tensor)
            graph.initializer.append(numpy_helper.from_array(values.ravel()[0], f"{tensor.name}.value"))
            graph.initializer.append(numpy_helper.from_array(np.array(values.shape), f"{tensor.name}.shape"))
            added.append(helper.make_node("Expand", [f"{tensor.name}.value", f"{tensor.name}.shape"], [tensor.name]))
            continue
        lead = (len(values), *(1,) * (values.ndim - 1))
        scales = np.maximum(np.abs(values).reshape(len(values), -1).max(1) / 127, 1e-12).astype(np.float32)
        steps, whole = np.rint(values / scales.reshape(lead)).astype(np.int8), f"{tensor.name}.whole"
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(steps, f"{tensor.name}.steps"))
        graph.initializer.append(numpy_helper.from_array(scales.reshape(lead), f"{tensor.name}.scales"))
        # Not DequantizeLinear: that is left as it is when the graph is loaded, and would be computed in every run.
        added.append(helper.make_node("Cast", [f"{tensor.name}.steps"], [whole], to=TensorProto.FLOAT))
        added.append(helper.make_node("Mul", [whole, f"{tensor.name}.scales"], [tensor.name]))
    for node in reversed(added):
        graph.node.insert(0, node)
    return model


def _is_weight(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1 and np.prod(tensor.dims) >= _FEWEST_WEIGHTS
