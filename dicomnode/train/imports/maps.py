"""Class maps of a foreign graph that ends in global pooling and one linear layer (Zhou et al. 2016).

The linear layer, moved in front of the pooling, gives each place's share of the score. What does not come from the
pooled features is spread evenly over the map, so that it sums to the logit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from dicomnode.records import FloatArray
from dicomnode.train.imports.surgery import Surgery

# A outputs of the graph, K findings, F feature channels, h and w of the feature map

_REORDER = ("Flatten", "Reshape", "Squeeze", "Identity", "Dropout")
"""Nodes between pooling and linear layer that change no number."""


class Pooled(NamedTuple):
    """Where a graph pools, and what it makes of it."""

    features: str
    """Name of the map (B, F, h, w) before pooling."""
    weights: FloatArray
    """(A, F) of the linear layer."""


def find_pooling(graph: onnx.GraphProto, scores: str) -> Pooled | None:
    """The pooling and linear layer that `scores` come from; None where the graph ends otherwise."""
    makers = {name: node for node in graph.node for name in node.output}
    weights = {one.name: one for one in graph.initializer}
    weights |= {
        node.output[0]: node.attribute[0].t
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    linear = _through(makers, scores, ("Identity",))
    if linear is not None and linear.op_type == "Add":
        linear = next((makers[name] for name in linear.input if name not in weights and name in makers), None)
    if linear is None or linear.op_type not in ("Gemm", "MatMul") or linear.input[1] not in weights:
        return None
    pooling = _through(makers, linear.input[0], _REORDER)
    if pooling is None or not _is_global_mean(pooling, weights):
        return None
    matrix = numpy_helper.to_array(weights[linear.input[1]])
    settings = {attribute.name: attribute for attribute in linear.attribute}
    if "transA" in settings and settings["transA"].i:
        return None
    matrix = matrix if "transB" in settings and settings["transB"].i else matrix.T
    return Pooled(pooling.input[0], matrix * (settings["alpha"].f if "alpha" in settings else 1.0))


def _through(makers: dict[str, onnx.NodeProto], name: str, kinds: tuple[str, ...]) -> onnx.NodeProto | None:
    node = makers.get(name)
    while node is not None and node.op_type in kinds:
        node = makers.get(node.input[0])
    return node


def _is_global_mean(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type != "ReduceMean":
        return bool(node.op_type == "GlobalAveragePool")
    axes = [list(attribute.ints) for attribute in node.attribute if attribute.name == "axes"]
    if len(node.input) > 1 and node.input[1] in weights:
        axes.append(numpy_helper.to_array(weights[node.input[1]]).tolist())
    return bool(axes) and {axis % 4 for axis in axes[0]} == {2, 3}


def add_maps(work: Surgery, pooled: Pooled, outputs: list[int], softmax_scores: str | None) -> None:
    """Append nodes that make `class_maps` (B, K, h, w) from the features and `logits` (B, K).

    Parameters
    ----------
    outputs
        Which of the linear layer's outputs each finding is.
    softmax_scores
        Name of scores (B, A) that exclude each other: what speaks for the other classes then speaks against this one,
        as far as they are believed. None: they do not.
    """
    work.constant("linear", pooled.weights[:, :, np.newaxis, np.newaxis].astype(np.float32))  # a convolution of 1x1
    work.constant("map_outputs", np.array(outputs))
    work.constant("plane", np.array([2, 3]))
    lines = ["all_shares = Conv (features, linear)", "shares = Gather <axis = 1> (all_shares, map_outputs)"]
    if softmax_scores is not None:
        work.constant("class_axis", np.array([1]))
        work.constant("certain", np.float32(1))
        work.constant("doubt", np.float32(1e-6))
        lines += [
            "chances = Softmax <axis = 1> (scores)",
            "wide_chances = Unsqueeze (chances, plane)",
            "believed = Mul (all_shares, wide_chances)",
            "mixed = ReduceSum <keepdims = 1> (believed, class_axis)",
            "own_chances = Gather <axis = 1> (wide_chances, map_outputs)",
            "left = Sub (certain, own_chances)",
            "some_left = Max (left, doubt)",
            "apart_shares = Sub (shares, mixed)",
            "final_shares = Div (apart_shares, some_left)",
        ]
    last = "shares" if softmax_scores is None else "final_shares"
    lines += [
        f"mean_share = GlobalAveragePool ({last})",
        "wide_logits = Unsqueeze (logits, plane)",
        "evenly = Sub (wide_logits, mean_share)",
        f"whole_map = Add ({last}, evenly)",
        f"values = Size ({last})",
        "maps = Size (mean_share)",
        "cells = Div (values, maps)",
        "cell_count = Cast <to = 1> (cells)",
        "class_maps = Div (whole_map, cell_count)",
    ]
    work.add(*lines, features=pooled.features, scores=softmax_scores or "")
