"""Modules to ONNX graphs of one file each."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.errors import BundleError
from dicomnode.infer.sessions import (
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    DECODER_INPUTS,
    DECODER_OUTPUTS,
    ENCODER_INPUTS,
    ENCODER_OUTPUTS,
    PROMPTER_INPUTS,
    PROMPTER_OUTPUTS,
    open_session,
)
from dicomnode.train.compress.quantize import without_traces

OPSET = 20
_MOST_BYTES = 2**31 - 2**20
"""A protocol buffer, and so an ONNX file without files beside it, holds less than 2 GiB."""

TOLERANCE = 1e-3
"""Largest difference of any output between PyTorch and its FP32 graph, as a share of the largest value, or of 1."""

Names = tuple[tuple[str, ...], tuple[str, ...]]
"""Of inputs and of outputs."""
ENCODER: Names = (tuple(ENCODER_INPUTS), ENCODER_OUTPUTS)
PROMPTER: Names = (tuple(PROMPTER_INPUTS), PROMPTER_OUTPUTS)
DECODER: Names = (tuple(DECODER_INPUTS), DECODER_OUTPUTS)
COMPARER: Names = (tuple(COMPARER_INPUTS), COMPARER_OUTPUTS)


def write_graph(
    module: nn.Module,
    example: tuple[Tensor, ...],
    names: Names,
    shapes: Mapping[str, Mapping[int, Dim]],
    path: Path,
) -> None:
    """Export a module as one file.

    Raises
    ------
    BundleError
        If its weights do not fit into one file.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))
    if size > _MOST_BYTES:
        raise BundleError(
            f"{path.name} would have {size / 2**30:.1f} GiB of weights; an ONNX file can hold less than 2"
        )
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself
        for chatty in ("onnx_ir", "onnxscript", "torch.onnx"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        torch.onnx.export(
            module,
            example,
            path,
            input_names=[*names[0]],
            output_names=[*names[1]],
            dynamic_shapes=dict(shapes),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    onnx.save(without_traces(onnx.load(path)), path)


def compare(module: nn.Module, examples: Sequence[tuple[Tensor, ...]], names: Names, path: Path) -> float:
    """Hold a graph against its module.

    Returns
    -------
    float
        The largest difference, as `TOLERANCE` counts it.

    Raises
    ------
    BundleError
        If it is more than `TOLERANCE`.
    """
    runner, largest = open_session(path, threads=1), 0.0
    for example in examples:
        with torch.no_grad():
            expected = [tensor.numpy() for tensor in module(*example)]
        feeds = {name: tensor.numpy() for name, tensor in zip(names[0], example, strict=True)}
        for name, ours, theirs in zip(names[1], expected, runner.run([*names[1]], feeds), strict=True):
            apart = float(np.abs(ours - theirs).max(initial=0)) / max(1.0, float(np.abs(ours).max(initial=0)))
            if not apart <= TOLERANCE:
                raise BundleError(
                    f"{path.name}: {name} differs from PyTorch by {apart:.2g} of its largest value, "
                    f"allowed is {TOLERANCE}"
                )
            largest = max(largest, apart)
    return largest
