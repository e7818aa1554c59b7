"""The scores of a foreign classifier, and logits made of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx

from dicomnode.errors import BundleError
from dicomnode.records import FloatArray
from dicomnode.train.imports.surgery import Surgery

# B batch, A outputs of the graph, K findings

Scores = Literal["sigmoid", "softmax", "probability"]
"""What turns a graph's output into probabilities; "probability": nothing, it is one."""
_LEAST = 1e-6
"""Probabilities are taken as at least this far from 0 and 1 where a logit is made of them."""


def find_scores(work: Surgery, output: str, asked: Scores | None, said: FloatArray) -> tuple[str, Scores, bool]:
    """Name of the scores, what makes them probabilities, and whether the graph given does that itself."""
    end = work.producer(output)
    ends: dict[str, Scores] = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
    if end is not None and end.op_type in ends and _is_over_classes(end):
        kind = ends[end.op_type]
        if asked not in (None, kind):
            raise BundleError(f"scores is {asked!r}, but the graph ends in {end.op_type}: remove scores")
        return end.input[0], kind, True
    if asked is None:
        raise BundleError(
            f"the graph ends in {end.op_type if end else 'nothing'} and gives {said.min():.3g} to {said.max():.3g} on"
            ' noise: state what its scores are: scores = "sigmoid", "softmax" or "probability" in [model]'
        )
    if asked == "probability" and (said.min() < 0 or said.max() > 1):
        raise BundleError(
            f"scores are not probabilities: on noise they range from {said.min():.3g} to {said.max():.3g}"
        )
    return output, asked, False


def _is_over_classes(end: onnx.NodeProto) -> bool:
    axis = next((attribute.i for attribute in end.attribute if attribute.name == "axis"), -1)
    return axis in (-1, 1)


def give_logits(work: Surgery, scores: str, kind: Scores, outputs: list[int], count: int) -> None:
    """Logits (B, K) of scores (B, A), by nodes after the graph's own."""
    if kind == "softmax" and count == 1:
        raise BundleError('softmax of a single output is always 1: set scores = "sigmoid"')
    work.constant("outputs", np.array(outputs))
    work.add("picked = Gather <axis = 1> (scores, outputs)", scores=scores)
    if kind == "sigmoid":
        work.add("logits = Identity (picked)")
    elif kind == "probability":
        work.constant("least", np.float32(_LEAST))
        work.constant("most", np.float32(1 - _LEAST))
        work.constant("one", np.float32(1))
        work.add(
            "chance = Clip (picked, least, most)",
            "against = Sub (one, chance)",
            "odds = Div (chance, against)",
            "logits = Log (odds)",
        )
    else:
        _one_against_rest(work, scores, outputs, count)


def _one_against_rest(work: Surgery, scores: str, outputs: list[int], count: int) -> None:
    """The log-odds of a softmax probability: the score less the log-sum-exp of all others."""
    own = np.zeros((1, len(outputs), count), dtype=np.float32)
    other = np.zeros_like(own)
    for place, number in enumerate(outputs):
        own[0, place, number] = -1e9
        other[0, place, 1 if number == 0 else 0] = 1
    work.constant("own", own)
    work.constant("other", other)
    work.constant("finding_axis", np.array([1]))
    work.constant("score_axis", np.array([2]))
    work.add(
        "by_finding = Unsqueeze (scores, finding_axis)",
        "rest = Add (by_finding, own)",  # (B, K, A)
        # log-sum-exp, read off at one score of the rest: score less log-softmax
        "rest_log = LogSoftmax <axis = 2> (rest)",
        "apart = Sub (rest, rest_log)",
        "apart_once = Mul (apart, other)",
        "rest_sum = ReduceSum <keepdims = 0> (apart_once, score_axis)",
        "logits = Sub (picked, rest_sum)",
        scores=scores,
    )


def probabilities(scores: FloatArray, kind: Scores) -> FloatArray:
    """Scores (B, A) to probabilities."""
    if kind == "sigmoid":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)))
    if kind == "softmax":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    return scores
