"""Fewer bits for ONNX graphs: the encoder in static INT8, the language side with INT8 or INT4 weights.

Static means that the ranges of all activations are fixed by images seen beforehand, so an image's answer does not
depend on the batch it comes in.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.shape_inference import quant_pre_process

from dicomnode.records import FloatArray

# N images, C channels, S side

EXACT_OUTPUTS = ("logits", "class_maps", "segmentation")
"""Outputs whose last layer stays in float: maps that add up to a logit must not be rounded on the way."""
EXACT_WEIGHTS = ("precision",)
"""Weights that stay in float: a rounded matrix need not be positive definite, and then a distance is not a number."""
_WEIGHTED = ("Conv", "MatMul", "Gemm")
_QUANTIZED = (*_WEIGHTED, "Add", "Relu")
_BLOCK = 32
"""Weights that share one scale."""
_ACCURACY = 4
"""MatMulNBits' level at which activations are rounded to INT8 as well; the fastest."""


def static_int8(source: Path, target: Path, calibration: FloatArray) -> None:
    """Write an encoder graph in INT8, weights per output channel.

    Products of two activations (attention), the convolution that reads the image and the last layers before
    `EXACT_OUTPUTS` stay in float: the first two are slower in INT8, the last cost accuracy.

    Parameters
    ----------
    source
        FP32 graph with the input `pixel_values`.
    target
        Where the INT8 graph goes.
    calibration
        (N, C, S, S) pixel values that set the ranges of the activations.
    """
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        folded = Path(scratch, "folded.onnx")
        quant_pre_process(source, folded, skip_symbolic_shape=True)
        graph = onnx.load(folded).graph
        quantize_static(
            folded,
            target,
            _Images(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*_QUANTIZED],
            nodes_to_exclude=sorted(_float_nodes(graph)),
            per_channel=True,
            # Signed activations take a path that is slower than float on x86.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Seven bits: with eight, sums of two products overflow on x86 without VNNI.
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )
    onnx.save(without_traces(onnx.load(target)), target)


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Images one by one, as the calibration asks for them."""

    def __init__(self, pixel_values: FloatArray) -> None:
        self._rest: Iterator[FloatArray] = iter(pixel_values)

    def get_next(self) -> dict[str, FloatArray] | None:
        """The next image as a batch of one; None at the end."""
        image = next(self._rest, None)
        return None if image is None else {"pixel_values": image[None].astype(np.float32)}


def _float_nodes(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes that are not quantized."""
    constants = {tensor.name for tensor in graph.initializer}
    products = {node.name for node in graph.node if node.op_type == "MatMul" and not constants & {*node.input}}
    first = {node.name for node in graph.node if node.op_type == "Conv" and node.input[0] == "pixel_values"}
    return products | first | _last_layers(graph, constants)


def _last_layers(graph: onnx.GraphProto, constants: set[str]) -> set[str]:
    """The nodes between `EXACT_OUTPUTS` and the last weights before them, these included."""
    maker = {name: node for node in graph.node for name in node.output}
    waiting, found = [name for name in EXACT_OUTPUTS if name in maker], set()
    while waiting:
        node = maker.get(waiting.pop())
        if node is None or node.name in found:
            continue
        found.add(node.name)
        if not (node.op_type in _WEIGHTED and constants & {*node.input}):
            waiting.extend(node.input)
    return found


def dynamic_int8(source: Path, target: Path) -> None:
    """Write a graph whose matrix products have INT8 weights, their other side being rounded as it comes.

    Parameters
    ----------
    source, target
        FP32 graph, and where the INT8 graph goes.
    """
    exact = [node.name for node in onnx.load(source).graph.node if {*EXACT_WEIGHTS} & {*node.input}]
    with _quiet():
        quantize_dynamic(
            source,
            target,
            nodes_to_exclude=exact,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            extra_options={"MatMulConstBOnly": True},
        )
    onnx.save(without_traces(onnx.load(target)), target)


def weights_int8(source: Path, target: Path) -> None:
    """Write a graph whose matrix products have 8-bit weights with one scale for each block of them.

    Parameters
    ----------
    source, target
        FP32 graph, and where the new one goes.
    """
    _blockwise(source, target, 8)


def weights_int4(source: Path, target: Path) -> None:
    """Write a graph whose matrix products have 4-bit weights with one scale for each block of them.

    Parameters
    ----------
    source, target
        FP32 graph, and where the new one goes.
    """
    _blockwise(source, target, 4)


def _blockwise(source: Path, target: Path, bits: int) -> None:
    model = ONNXModel(onnx.load(source))
    model.replace_gemm_with_matmul()  # the quantizer does not see Gemm
    with _quiet():
        quantizer = MatMulNBitsQuantizer(
            model.model, bits=bits, block_size=_BLOCK, is_symmetric=True, accuracy_level=_ACCURACY
        )
        quantizer.process()
    onnx.save(without_traces(quantizer.model.model), target)


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what the exporter notes of where each node came from: stack traces with the paths of this machine."""
    graph = model.graph
    noted: Iterable[Any] = (
        model,
        graph,
        *graph.node,
        *graph.value_info,
        *graph.input,
        *graph.output,
        *graph.initializer,
    )
    for part in noted:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantizer's remarks on its own progress, which it writes to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
