"""Modules to ONNX graphs of one file each."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.errors import BundleError
from dicomnode.train.compress.quantize import without_traces

OPSET = 20
_MOST_BYTES = 2**31 - 2**20
"""A protocol buffer, and so an ONNX file without files beside it, holds less than 2 GiB."""

Names = tuple[Sequence[str], Sequence[str]]
"""Of inputs and of outputs."""


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
        raise BundleError(f"{path.name} would have {size / 2**30:.1f} GiB of weights; a graph holds less than 2")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter deprecates parts of itself
        for chatty in ("onnx_ir", "torch.onnx"):
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
