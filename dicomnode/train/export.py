"""From trained modules to two INT8 ONNX graphs, each compared with what it came from."""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.errors import BundleError
from dicomnode.infer.sessions import DECODER_INPUTS, DECODER_OUTPUTS, ENCODER_INPUTS, ENCODER_OUTPUTS, open_session
from dicomnode.records import FloatArray
from dicomnode.train.calibration import Calibration
from dicomnode.train.drafting import Drafter
from dicomnode.train.model import Encoder
from dicomnode.train.recipe import Recipe

# B batch, K findings, T new tokens, P cached tokens

OPSET = 20
FLOAT_TOLERANCE = 1e-3
"""Largest difference of any output between PyTorch and the FP32 graph."""
INT8_TOLERANCE = 0.15
"""Largest mean difference of the logits between the FP32 and the INT8 graph."""
_THREADS = 2


class Reader(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Encoder and memory as one graph: pixels in, findings and the decoder's memory out."""

    def __init__(self, encoder: Encoder, drafter: Drafter, calibrations: tuple[Calibration, ...]) -> None:
        super().__init__()
        self.encoder, self.memory = encoder, drafter.memory
        zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        offsets = [float(c.margins(zero)[0]) for c in calibrations]
        slopes = [float(c.margins(one)[0]) - offset for c, offset in zip(calibrations, offsets, strict=True)]
        self.register_buffer("slopes", torch.tensor(slopes))
        self.register_buffer("offsets", torch.tensor(offsets))

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 1, S, S) to logits, class maps, features and encoder_key_values."""
        logits, class_maps, features, grid, attended = self.encoder(pixel_values)
        memory = self.memory(grid, attended, logits * self.slopes + self.offsets)
        return logits, class_maps, features, memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What the export measured."""

    float_difference: float
    """Largest difference between PyTorch and the FP32 graphs."""
    int8_logit_difference: float
    """Mean absolute difference of the encoder's logits, INT8 against FP32, on the images given."""
    float_logits: FloatArray
    """(N, K) of the FP32 graph on these images."""
    int8_logits: FloatArray
    """(N, K) of the INT8 graph."""


def export(reader: Reader, drafter: Drafter, recipe: Recipe, pixel_values: FloatArray, folder: Path) -> Exported:
    """Write `encoder.onnx` and `decoder.onnx`.

    Parameters
    ----------
    pixel_values
        (N, 1, S, S), N >= 2: images to compare the graphs on.
    folder
        Where both files go.

    Raises
    ------
    BundleError
        If a graph differs from its model by more than the tolerance written here.
    """
    with tempfile.TemporaryDirectory() as scratch:
        encoder, decoder = Path(scratch, "encoder.onnx"), Path(scratch, "decoder.onnx")
        _export_encoder(reader.eval(), recipe, encoder)
        difference = _tolerated(_encoder_difference(reader, encoder, pixel_values[:3]))
        _export_decoder(drafter.decoder.eval(), recipe, decoder)
        difference = max(difference, _tolerated(_decoder_difference(drafter, recipe, decoder)))
        for path in (encoder, decoder):
            _quantize(path, folder / path.name)
        float_logits, int8_logits = _logits(encoder, pixel_values), _logits(folder / encoder.name, pixel_values)
    mean_difference = float(np.abs(float_logits - int8_logits).mean())
    if mean_difference > INT8_TOLERANCE:
        raise BundleError(f"INT8 moves the logits by {mean_difference:.2g} on average, allowed is {INT8_TOLERANCE}")
    return Exported(
        float_difference=difference,
        int8_logit_difference=mean_difference,
        float_logits=float_logits,
        int8_logits=int8_logits,
    )


def _tolerated(difference: float) -> float:
    if difference > FLOAT_TOLERANCE:
        raise BundleError(f"an FP32 graph differs from PyTorch by {difference:.2g}, allowed is {FLOAT_TOLERANCE}")
    return difference


def _export_encoder(reader: Reader, recipe: Recipe, path: Path) -> None:
    example = (torch.zeros(2, 1, recipe.pixels.rows, recipe.pixels.columns),)
    shapes = {"pixel_values": {0: Dim("batch", min=1, max=1024)}}
    _export(reader, example, [*ENCODER_INPUTS], [*ENCODER_OUTPUTS], shapes, path)


def _export_decoder(decoder: nn.Module, recipe: Recipe, path: Path) -> None:
    shape = recipe.decoder
    state = (shape.layers, 2, 2, shape.heads)
    wide = shape.width // shape.heads
    example = (torch.full((2, 3), 4), torch.zeros(*state, 5, wide), torch.zeros(*state, 4, wide))
    batch, tokens = Dim("batch", min=1, max=1024), Dim("tokens", min=1, max=shape.max_new_tokens)
    cached, memory = Dim("cached", min=0, max=shape.max_new_tokens), Dim("memory", min=1, max=65536)
    shapes = {
        "decoder_input_ids": {0: batch, 1: tokens},
        "encoder_key_values": {2: batch, 4: memory},
        "past_key_values": {2: batch, 4: cached},
    }
    _export(decoder, example, [*DECODER_INPUTS], [*DECODER_OUTPUTS], shapes, path)


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    shapes: dict[str, dict[int, Dim]],
    path: Path,
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself
        torch.onnx.export(
            module,
            example,
            path,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _quantize(source: Path, target: Path) -> None:
    """INT8 weights for matrix products; convolutions stay FP32, as INT8 ones cost more accuracy than they save."""
    logging.getLogger().addFilter(_no_preprocess_hint)
    try:
        quantize_dynamic(
            source,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logging.getLogger().removeFilter(_no_preprocess_hint)
    onnx.save(without_traces(onnx.load(target)), target)


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what the exporter notes of where each node came from: stack traces with the paths of this machine."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    return model


def _no_preprocess_hint(record: logging.LogRecord) -> bool:
    # Shape inference is already in the exporter's graph.
    return "pre-processing" not in record.getMessage()


def _logits(path: Path, pixel_values: FloatArray) -> FloatArray:
    runner = open_session(path, _THREADS)
    parts = [runner.run(["logits"], {"pixel_values": image[None]})[0] for image in pixel_values]
    return np.concatenate(parts)


def _encoder_difference(reader: Reader, path: Path, pixel_values: FloatArray) -> float:
    with torch.no_grad():
        expected = reader(torch.from_numpy(pixel_values))
    got = open_session(path, _THREADS).run(None, {"pixel_values": pixel_values})
    return max(float(np.abs(e.numpy() - g).max()) for e, g in zip(expected, got, strict=True))


def _decoder_difference(drafter: Drafter, recipe: Recipe, path: Path) -> float:
    """Compare a first call without a cache and a step with one."""
    runner, shape = open_session(path, _THREADS), recipe.decoder
    generator = torch.Generator().manual_seed(0)
    wide, state = shape.width // shape.heads, (shape.layers, 2, 1, shape.heads)
    memory = torch.randn(*state, 7, wide, generator=generator)
    largest = 0.0
    for cached, tokens in ((0, 5), (5, 1)):
        inputs = (torch.full((1, tokens), 4), memory, torch.randn(*state, cached, wide, generator=generator))
        with torch.no_grad():
            expected = drafter.decoder(*inputs)
        got = runner.run(None, {n: x.numpy() for n, x in zip(DECODER_INPUTS, inputs, strict=True)})
        largest = max(largest, *(float(np.abs(e.numpy() - g).max()) for e, g in zip(expected, got, strict=True)))
    return largest
