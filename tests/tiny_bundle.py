"""Real bundles in a few kilobytes, built with the onnx helper.

Its encoder looks for evidence pixel by pixel (radiograph: bright spots in the lung fields; head CT: the density of
blood inside the skull) and its decoder writes one sentence for each finding, there or not there. Words, maps and
probabilities therefore depend on the pixels, and logits depend on what the decoder's cache holds. An image that is
nearly white all over looks strange to its prompter. A third bundle is the encoder alone, without class maps. Where it
is asked for, a comparer holds the logits of two images against each other.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64  # rows and columns of pixel_values
CELLS = 8  # rows and columns of class_maps
MEAN, STD = 0.5, 0.25
BIAS = -4.0
PAD, BOS, EOS = 0, 1, 2
PROMPTS = 2  # prompt embeddings, each of width 1
STRANGE_GREY = 0.85  # mean of an image over all channels from which it looks strange
ATTENTION = 4.0  # how sharply the prompter picks the slice of the largest logit
BRAIN_WINDOW, BONE_WINDOW = (40.0, 80.0), (500.0, 1000.0)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How one finding shows in a pixel, and in which cells it counts."""

    word: str
    table: str
    channel_weights: tuple[float, ...]
    """Weighted sum of the channels in [0, 1]; what exceeds `level` is evidence."""
    level: float
    gain: float
    cells: tuple[tuple[int, int, int, int], ...]
    """First and last row, first and last column (excluded) of boxes in the class map."""


_RADIOGRAPH = (
    Evidence(
        word="opacity",
        table="""key = "opacity"
code = ["OPACITY", "99DICOMNODE", "Opacity of lung"]
site = ["39607008", "SCT", "Lung"]
threshold = 0.5
acuity = "urgent"
terms = ["opacity"]""",
        channel_weights=(1.0,),
        level=0.6,
        gain=200.0,
        cells=((2, 5, 2, 3), (2, 4, 5, 6)),  # aerated lung; the heart lies below on the left
    ),
    Evidence(
        word="effusion",
        table="""key = "pleural_effusion"
code = ["60046008", "SCT", "Pleural effusion"]
site = ["3120008", "SCT", "Pleura"]
threshold = 0.5
acuity = "non_critical"
terms = ["effusion"]""",
        channel_weights=(1.0,),
        level=0.93,
        gain=60.0,
        cells=((5, 6, 2, 3), (5, 6, 5, 6)),  # the bases, half diaphragm
    ),
)
_CT = (
    Evidence(
        word="hemorrhage",
        table="""key = "intracranial_hemorrhage"
code = ["1386000", "SCT", "Intracranial hemorrhage"]
site = ["12738006", "SCT", "Brain"]
threshold = 0.5
acuity = "emergent"
terms = ["hemorrhage"]""",
        channel_weights=(1.0, -2.0),  # bone is bright in both windows, blood in the first alone
        level=0.58,
        gain=120.0,
        cells=((2, 6, 2, 6),),
    ),
)
_ACCEPTS = {
    "radiograph": 'modalities = ["CR", "DX"]\nbody_parts = ["CHEST", "THORAX"]\nviews = ["AP", "PA"]',
    "ct": 'modalities = ["CT"]\nbody_parts = ["HEAD", "BRAIN"]',
}
_PIXELS = {
    "radiograph": "channels = 1\nlow_percentile = 0.5\nhigh_percentile = 99.5",
    "ct": f"channels = 2\nwindows = {[list(BRAIN_WINDOW), list(BONE_WINDOW)]}",
}

_CHANGES = ("new", "increased", "unchanged", "decreased", "resolved")
_DRAFTING = f"""[anatomy]
structures = ["bright", "dark"]
[tokens]
pad_token_id = {PAD}
bos_token_id = {BOS}
eos_token_id = {EOS}
[decoder]
layers = 1
heads = 1
head_width = 1
width = 1
prompts = {PROMPTS}"""


def write_tiny_bundle(folder: Path, *, kind: str = "radiograph", compares: bool = False) -> Path:
    """Write the bundle `tiny-<kind>` into a folder, which is made, and return the folder.

    Parameters
    ----------
    kind
        `radiograph` (findings opacity and pleural_effusion), `ct` (intracranial_hemorrhage) or `classifier`: that of
        radiographs without prompter and decoder.
    compares
        Whether the bundle has a comparer.
    """
    evidence = _CT if kind == "ct" else _RADIOGRAPH
    folder.mkdir(parents=True, exist_ok=True)
    keys = [tomllib.loads(one.table)["key"] for one in evidence]
    platt = {key: [1.0, 0.0] for key in keys}
    if kind == "classifier":
        _write_graph(folder / "encoder.onnx", _only_logits(_encoder(evidence)))
        _write_json(folder / "calibration.json", {"platt": platt})
    else:
        vocab = _vocab(evidence)
        tokenizer = {"version": "1.0", "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[PAD]"}}
        _write_graph(folder / "encoder.onnx", _encoder(evidence))
        _write_graph(folder / "prompter.onnx", _prompter(evidence))
        _write_graph(folder / "decoder.onnx", _decoder(evidence, vocab))
        _write_json(folder / "tokenizer.json", tokenizer)
        _write_json(folder / "calibration.json", {"platt": platt, "study_platt": platt})
    if compares:
        _write_graph(folder / "comparer.onnx", _comparer(evidence))
    _write_json(folder / "card.json", {"name": f"tiny-{kind}"})
    (folder / "card.md").write_text("# A bundle for tests\n\nNot trained, not for clinical use.\n", encoding="utf-8")
    write_manifest(folder, _manifest(kind, evidence))
    return folder


def write_manifest(folder: Path, tables: str) -> None:
    """Write bundle.toml: the tables given and the digests of the files as they are now."""
    paths = sorted(path for path in folder.iterdir() if path.name != "bundle.toml")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    files = "\n".join(f'"{name}" = "{digest}"' for name, digest in digests.items())
    (folder / "bundle.toml").write_text(f"{tables}\n[files]\n{files}\n", encoding="utf-8")


def _manifest(kind: str, evidence: tuple[Evidence, ...]) -> str:
    findings = "\n".join(f"[[findings]]\n{one.table}" for one in evidence)
    drafting = "" if kind == "classifier" else _DRAFTING
    kind_of_image = "ct" if kind == "ct" else "radiograph"
    return f"""format = 2
name = "tiny-{kind}"
version = "1.0"
title = "A bundle for tests ({kind})"
manufacturer = "dicomnode"
languages = ["en"]
{"" if kind == "classifier" else "max_new_tokens = 32"}
[accepts]
kind = "{kind_of_image}"
{_ACCEPTS[kind_of_image]}
min_rows = 16
min_columns = 16
[pixels]
rows = {SIDE}
columns = {SIDE}
fit = "pad"
{_PIXELS[kind_of_image]}
mean = {MEAN}
std = {STD}
{drafting}
{findings}"""


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_graph(path: Path, model: onnx.ModelProto) -> None:
    path.write_bytes(model.SerializeToString())


def _encoder(evidence: tuple[Evidence, ...]) -> onnx.ModelProto:
    """Relu(weights . pixel - level), averaged over each cell, weighted by the cells of the finding."""
    weights = np.array([one.channel_weights for one in evidence], dtype=np.float32)  # (K, C)
    offsets = weights.sum(axis=1) * MEAN - [one.level for one in evidence]
    cells = np.zeros((1, len(evidence), CELLS, CELLS), dtype=np.float32)
    for finding, one in enumerate(evidence):
        for top, bottom, left, right in one.cells:
            cells[0, finding, top:bottom, left:right] = one.gain
    channels, pooled = weights.shape[1], SIDE // CELLS
    nodes = [
        helper.make_node("Conv", ["pixel_values", "weights", "offsets"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["evidence"]),
        helper.make_node("AveragePool", ["evidence"], ["mean"], kernel_shape=[pooled] * 2, strides=[pooled] * 2),
        helper.make_node("Mul", ["mean", "cells"], ["class_maps"]),
        helper.make_node("ReduceSum", ["class_maps", "plane"], ["evidence_sum"], keepdims=0),
        helper.make_node("Add", ["evidence_sum", "bias"], ["logits"]),
        helper.make_node("AveragePool", ["pixel_values"], ["coarse"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["coarse"], ["features"]),
        # grey of each cell and of the finding's own cells, and two structures: what is bright and what is dark
        helper.make_node("ReduceMean", ["pixel_values", "channel_axis"], ["grey"]),
        helper.make_node("AveragePool", ["grey"], ["cell_grey"], kernel_shape=[pooled] * 2, strides=[pooled] * 2),
        helper.make_node("Sigmoid", ["cell_grey"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Concat", ["bright", "dark"], ["segmentation"], axis=1),
        helper.make_node("Reshape", ["cell_grey", "token_shape"], ["tokens"]),
        helper.make_node("Unsqueeze", ["logits", "last_axis"], ["attended"]),
    ]
    constants = {
        "weights": (weights * STD)[:, :, np.newaxis, np.newaxis],
        "offsets": offsets.astype(np.float32),
        "cells": cells,
        "plane": np.array([2, 3]),
        "bias": np.array([BIAS], dtype=np.float32),
        "channel_axis": np.array([1]),
        "last_axis": np.array([2]),
        "one": np.array(1.0, dtype=np.float32),
        "token_shape": np.array([-1, CELLS**2, 1]),
    }
    count = len(evidence)
    return _model(
        nodes,
        constants,
        {"pixel_values": (TensorProto.FLOAT, ["B", channels, SIDE, SIDE])},
        {
            "logits": ["B", count],
            "class_maps": ["B", count, CELLS, CELLS],
            "features": ["B", channels * (SIDE // 16) ** 2],
            "segmentation": ["B", 2, CELLS, CELLS],
            "tokens": ["B", CELLS**2, 1],
            "attended": ["B", count, 1],
        },
    )


def _only_logits(model: onnx.ModelProto) -> onnx.ModelProto:
    del model.graph.output[1:]
    return model


def _prompter(evidence: tuple[Evidence, ...]) -> onnx.ModelProto:
    """The memory holds the study's logits; the prompts hold how strange the first image is."""
    node, count = helper.make_node, len(evidence)
    nodes = [
        node("Transpose", ["logits"], ["by_finding"], perm=[1, 0]),
        node("Mul", ["by_finding", "sharpness"], ["scores"]),
        node("Softmax", ["scores"], ["slice_attention"], axis=1),
        node("Mul", ["slice_attention", "by_finding"], ["weighed"]),
        node("ReduceSum", ["weighed", "over_images"], ["study_logits"], keepdims=0),
        node("ReduceMean", ["features", "over_images"], ["mean"], keepdims=0),
        node("Mul", ["mean", "std"], ["contrast"]),
        node("Add", ["contrast", "level"], ["grey"]),
        node("Div", ["grey", "strange_grey"], ["strangeness"]),
        node("Slice", ["strangeness", "first", "second", "first"], ["first_strangeness"]),
        node("Expand", ["first_strangeness", "prompt_shape"], ["prompt_embeds"]),
        node("Unsqueeze", ["study_logits", "key_axes"], ["key"]),
        node("Concat", ["key", "key"], ["encoder_key_values"], axis=1),
        node("Unsqueeze", ["study_logits", "bias_axes"], ["bias"]),
        node("Mul", ["bias", "zero"], ["anatomical_bias"]),
    ]
    constants = {
        "sharpness": np.array(ATTENTION, dtype=np.float32),
        "over_images": np.array([1]),
        "std": np.array(STD, dtype=np.float32),
        "level": np.array(MEAN, dtype=np.float32),
        "strange_grey": np.array(STRANGE_GREY, dtype=np.float32),
        "first": np.array([0]),
        "second": np.array([1]),
        "prompt_shape": np.array([1, PROMPTS, 1]),
        "key_axes": np.array([0, 1, 2, 3, 5]),  # (K,) -> (1, 1, 1, 1, K, 1)
        "bias_axes": np.array([0, 1]),  # (K,) -> (1, 1, K)
        "zero": np.array(0.0, dtype=np.float32),
    }
    inputs: dict[str, list[int | str]] = {
        "logits": ["N", count],
        "class_maps": ["N", count, CELLS, CELLS],
        "features": ["N", "D"],
        "segmentation": ["N", 2, CELLS, CELLS],
        "tokens": ["N", CELLS**2, 1],
        "attended": ["N", count, 1],
    }
    return _model(
        nodes,
        constants,
        {name: (TensorProto.FLOAT, shape) for name, shape in inputs.items()},
        {
            "study_logits": [count],
            "slice_attention": [count, "N"],
            "strangeness": ["N"],
            "prompt_embeds": [1, PROMPTS, 1],
            "encoder_key_values": [1, 2, 1, 1, count, 1],
            "anatomical_bias": [1, 1, count],
        },
    )


def _texts(evidence: tuple[Evidence, ...]) -> list[tuple[list[str], list[str]]]:
    """For each finding the sentence where it is there and where it is not, of equal length."""
    return [
        (["there", "is", "an" if one.word[0] in "aeio" else "a", one.word, "."], ["no", one.word, "is", "seen", "."])
        for one in evidence
    ]


def _vocab(evidence: tuple[Evidence, ...]) -> dict[str, int]:
    words = dict.fromkeys(word for pair in _texts(evidence) for text in pair for word in text)
    return {word: token_id for token_id, word in enumerate(["[PAD]", "[BOS]", "[EOS]", *words])}


def _decoder(evidence: tuple[Evidence, ...], vocab: dict[str, int]) -> onnx.ModelProto:
    """Word by place: which of two words stands there is decided by the sign of one finding's logit."""
    texts = _texts(evidence)
    places = sum(len(there) for there, _ in texts) + 1
    tables = np.zeros((2, places, len(vocab)), dtype=np.float32)  # absent, present
    owner = np.zeros((places, len(evidence)), dtype=np.float32)
    place = 0
    for finding, (there, absent) in enumerate(texts):
        for present_word, absent_word in zip(there, absent, strict=True):
            tables[0, place, vocab[absent_word]] = tables[1, place, vocab[present_word]] = 8
            owner[place, finding] = 1
            place += 1
    tables[:, place, EOS] = 8
    owner[place] = 1 / len(evidence)
    echo = np.linspace(0, 1e-2, len(vocab), dtype=np.float32)[np.newaxis, np.newaxis]  # (1, 1, V)
    return _model(
        _decoder_nodes(),
        {
            "absent": tables[0],
            "contrast": tables[1] - tables[0],
            "owner": owner,
            "echo": echo,
            "zero": np.array(0.0, dtype=np.float32),
            "last_place": np.array(places - 1),
            "one": np.array(1),
            "prompts": np.array(PROMPTS),
            "cache_axes": np.array([0, 1, 3, 5]),  # (B, T) -> (1, 1, B, 1, T, 1)
            "prompt_axes": np.array([0, 1, 3]),  # (B, P, 1) -> (1, 1, B, 1, P, 1)
            "token_axis": np.array([1]),
            "last_axis": np.array([2]),
            "batch_first": np.array([0]),
        },
        {
            "decoder_input_ids": (TensorProto.INT64, ["B", "T"]),
            "prompt_embeds": (TensorProto.FLOAT, ["B", "G", 1]),
            "encoder_key_values": (TensorProto.FLOAT, [1, 2, "B", 1, "S", 1]),
            "anatomical_bias": (TensorProto.FLOAT, ["B", 1, "S"]),
            "past_key_values": (TensorProto.FLOAT, [1, 2, "B", 1, "P", 1]),
        },
        {
            "logits": ["B", "T", len(vocab)],
            "present_key_values": [1, 2, "B", 1, "P_G_T", 1],
            "cross_attentions": ["B", "T", "S"],
        },
    )


def _decoder_nodes() -> list[onnx.NodeProto]:
    node = helper.make_node
    return [
        # the cache holds the prompts and the token ids so far
        node("Cast", ["decoder_input_ids"], ["ids"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["ids", "cache_axes"], ["new_key"]),
        node("Unsqueeze", ["prompt_embeds", "prompt_axes"], ["prompt_key"]),
        node("Concat", ["prompt_key", "new_key"], ["keys_now"], axis=4),
        node("Concat", ["keys_now", "keys_now"], ["new"], axis=1),
        node("Concat", ["past_key_values", "new"], ["present_key_values"], axis=4),
        # the new tokens are the last of the cache; the prompts before all tokens are no place in the text
        node("Shape", ["present_key_values"], ["whole_shape"], start=4, end=5),
        node("Shape", ["decoder_input_ids"], ["new_shape"], start=1, end=2),
        node("Squeeze", ["whole_shape"], ["end"]),
        node("Squeeze", ["new_shape"], ["new_count"]),
        node("Sub", ["end", "new_count"], ["start"]),
        node("Range", ["start", "end", "one"], ["places"]),
        node("Sub", ["places", "prompts"], ["text_places"]),
        node("Min", ["text_places", "last_place"], ["place"]),
        # signs of the findings, (K, B)
        node("Slice", ["encoder_key_values", "batch_first", "token_axis", "token_axis"], ["keys"]),
        node("Squeeze", ["keys", "cache_axes"], ["findings"]),
        node("Greater", ["findings", "zero"], ["is_there"]),
        node("Cast", ["is_there"], ["signs"], to=TensorProto.FLOAT),
        node("Gather", ["owner", "place"], ["attention"]),
        node("Transpose", ["attention"], ["attention_t"], perm=[1, 0]),
        node("MatMul", ["signs", "attention_t"], ["choice"]),  # (B, T)
        node("Unsqueeze", ["choice", "last_axis"], ["choice_3"]),
        node("Gather", ["absent", "place"], ["absent_words"]),
        node("Gather", ["contrast", "place"], ["contrast_words"]),
        node("Mul", ["choice_3", "contrast_words"], ["chosen"]),
        node("Add", ["chosen", "absent_words"], ["words"]),
        # a small echo of every prompt and token so far: the cache's content counts, not its length alone
        node("Slice", ["present_key_values", "batch_first", "token_axis", "token_axis"], ["all_keys"]),
        node("Squeeze", ["all_keys", "cache_axes"], ["all_ids"]),  # (B, P + T)
        node("CumSum", ["all_ids", "one"], ["sums"]),
        node("Gather", ["sums", "places"], ["new_sums"], axis=1),
        node("Unsqueeze", ["new_sums", "last_axis"], ["new_sums_3"]),
        node("Mul", ["new_sums_3", "echo"], ["echoes"]),
        node("Add", ["words", "echoes"], ["logits"]),
        # attention of each token to the findings, the same for every image of the batch
        node("Mul", ["findings", "zero"], ["no_findings"]),
        node("Unsqueeze", ["no_findings", "token_axis"], ["no_findings_3"]),
        node("Add", ["no_findings_3", "attention"], ["plain_attention"]),
        node("Add", ["plain_attention", "anatomical_bias"], ["cross_attentions"]),
    ]


def _comparer(evidence: tuple[Evidence, ...]) -> onnx.ModelProto:
    """A finding is there from logit 0 on, and of another size from one logit on; attention lies on the class maps."""
    node = helper.make_node
    nodes = [
        node("Neg", ["current_logits"], ["not_now"]),
        node("Neg", ["prior_logits"], ["not_then"]),
        node("Sub", ["current_logits", "prior_logits"], ["difference"]),
        node("Sub", ["difference", "one"], ["larger"]),
        node("Sub", ["not_now", "not_then"], ["inverse"]),
        node("Sub", ["inverse", "one"], ["smaller"]),
        node("Min", ["current_logits", "not_then"], ["new"]),
        node("Min", ["current_logits", "prior_logits", "larger"], ["increased"]),
        node("Abs", ["difference"], ["distance"]),
        node("Sub", ["one", "distance"], ["close"]),
        node("Min", ["not_now", "not_then"], ["absent"]),
        node("Max", ["close", "absent"], ["unchanged"]),
        node("Min", ["current_logits", "prior_logits", "smaller"], ["decreased"]),
        node("Min", ["prior_logits", "not_now"], ["resolved"]),
        *(node("Unsqueeze", [name, "last"], [f"{name}_3"]) for name in _CHANGES),
        node("Concat", [f"{name}_3" for name in _CHANGES], ["with_prior"], axis=2),
        node("Unsqueeze", ["has_prior", "columns"], ["is_there"]),
        node("Mul", ["with_prior", "is_there"], ["change_logits"]),
        node("Unsqueeze", ["current_class_maps", "last"], ["now"]),
        node("Unsqueeze", ["prior_class_maps", "last"], ["then"]),
        node("Concat", ["now", "then"], ["both"], axis=2),
        node("Add", ["both", "little"], ["positive"]),
        node("ReduceSum", ["positive", "map_axes"], ["total"]),
        node("Div", ["positive", "total"], ["attentions"]),
    ]
    constants = {
        "one": np.array(1.0, dtype=np.float32),
        "little": np.array(1e-6, dtype=np.float32),
        "last": np.array([2]),
        "columns": np.array([1, 2]),
        "map_axes": np.array([2, 3, 4]),
    }
    count = len(evidence)
    shapes = {"logits": [count], "class_maps": [count, CELLS, CELLS], "tokens": [CELLS**2, 1], "attended": [count, 1]}
    inputs = {
        f"{side}_{name}": (TensorProto.FLOAT, ["B", *shape])
        for side in ("current", "prior")
        for name, shape in shapes.items()
    }
    outputs = {"change_logits": ["B", count, len(_CHANGES)], "attentions": ["B", count, 2, CELLS, CELLS]}
    return _model(nodes, constants, inputs | {"has_prior": (TensorProto.FLOAT, ["B"])}, outputs)


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    inputs: dict[str, tuple[int, list[int | str]]],
    outputs: dict[str, list[int | str]],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def add_tiny_gradients(folder: Path, *, kind: str = "radiograph") -> Path:
    """Give a tiny bundle a graph of gradients: of the mean grey, whatever the finding."""
    evidence = _CT if kind == "ct" else _RADIOGRAPH
    findings, channels = len(evidence), len(evidence[0].channel_weights)
    pooled = SIDE // CELLS
    node = helper.make_node
    nodes = [
        node("AveragePool", ["pixel_values"], ["activations"], kernel_shape=[pooled] * 2, strides=[pooled] * 2),
        node("Mul", ["activations", "zero"], ["nothing"]),
        node("Add", ["nothing", "share"], ["activation_gradients"]),
        node("Mul", ["pixel_values", "zero"], ["no_pixels"]),
        node("Add", ["no_pixels", "pixel_share"], ["pixel_gradients"]),
        node("Mul", ["pixel_values", "pixel_share"], ["relevance"]),
        node("ReduceMean", ["pixel_values"], ["mean"], keepdims=0),
        node("Mul", ["chosen", "mean"], ["logits"]),
        node("Expand", ["even", "places_shape"], ["places"]),
    ]
    constants = {
        "zero": np.array(0.0, dtype=np.float32),
        "share": np.array(1 / (channels * CELLS**2), dtype=np.float32),
        "pixel_share": np.array(1 / (channels * SIDE**2), dtype=np.float32),
        "even": np.array(1 / CELLS**2, dtype=np.float32),
        "places_shape": np.array([1, findings, CELLS, CELLS]),
    }
    pixels, cells = [1, channels, SIDE, SIDE], [1, channels, CELLS, CELLS]
    model = _model(
        nodes,
        constants,
        {"pixel_values": (TensorProto.FLOAT, pixels), "chosen": (TensorProto.FLOAT, [1, findings])},
        {
            "logits": [1, findings],
            "places": [1, findings, CELLS, CELLS],
            "activations": cells,
            "activation_gradients": cells,
            "pixel_gradients": pixels,
            "relevance": pixels,
        },
    )
    _write_graph(folder / "gradients.onnx", model)
    write_manifest(folder, _manifest(kind, evidence))
    return folder
