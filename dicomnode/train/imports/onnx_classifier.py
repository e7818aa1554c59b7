"""A plain ONNX classifier in the encoder's place: names, batch, scores and pixels brought to the contract.

What is wanted of a foreign graph is one image input and one output of scores (B, A). The outputs that are findings are
picked from it and turned into logits; a graph that ends in global pooling and one linear layer gives class maps too.
Before anything is written, the probabilities of the new graph are compared with those of the old one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper, version_converter

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.infer.sessions import open_session, run
from dicomnode.records import FloatArray
from dicomnode.train.imports.maps import add_maps, find_pooling
from dicomnode.train.imports.scores import Scores, find_scores, give_logits, probabilities
from dicomnode.train.imports.surgery import Surgery, parsed

# B batch, A outputs of the graph, K findings, C channels

_OWN = "given."
"""Prefix of all names of the graph given, so that they cannot clash with those of the contract."""
_OLDEST_OPSET = 13
"""From here on Softmax works on one axis and ReduceSum takes its axes as an input."""
_PROBES = 3
_TOLERANCE = 1e-4
"""Largest difference of a probability between the graph given and the one made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxAsk:
    """How a foreign graph is to be understood."""

    pixels: PixelRecipe
    outputs: tuple[int, ...]
    """For each finding the number of the graph's output; empty: all, in their order."""
    findings: int
    scores: Scores | None = None
    """What turns the scores into probabilities; None: as the graph ends."""
    output: str | None = None
    """Name of the output with the scores; None: the only one."""
    mean: tuple[float, ...] = ()
    """Of each channel, for values in [0, 1], that the graph was trained with; empty: as `pixels` has it."""
    std: tuple[float, ...] = ()


def classifier_graph(path: Path, ask: OnnxAsk) -> onnx.ModelProto:
    """Make `encoder.onnx` of a classifier's graph: `pixel_values` in, `logits` and where possible `class_maps` out.

    Raises
    ------
    BundleError
        If the file is no ONNX graph that can be brought to the contract; the message says what would be right.
    """
    given = _read(path)
    image, output = image_input(given.graph), _score_output(given.graph, ask)
    expected = _given_scores(path, image, output, ask)
    outputs = _chosen(ask, expected.shape[1])
    work = Surgery(_modern(given, path))
    _set_apart(work.model.graph)
    _open_input(work, ask)
    _free_batch(work.model, image.type.tensor_type.shape.dim[0].dim_value)
    scores, kind, is_applied = find_scores(work, f"{_OWN}{output}", ask.scores, expected)
    pooled = None if kind == "probability" else find_pooling(work.model.graph, scores)
    give_logits(work, scores, kind, outputs, expected.shape[1])
    if pooled is not None:
        add_maps(work, pooled, outputs, scores if kind == "softmax" else None)
    _close(work, len(outputs), has_maps=pooled is not None)
    _compare(work.model, expected if is_applied else probabilities(expected, kind), outputs, ask)
    return work.model


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
    except FileNotFoundError as error:
        missing = Path(error.filename or path).name
        raise BundleError(f"{missing} is missing: the graph and its external data must lie in one folder") from error
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        raise BundleError(f"{path.name} is not a readable ONNX graph ({type(error).__name__})") from error
    if not model.graph.node:
        raise BundleError(f"{path.name} is not a readable ONNX graph: it is empty")
    return model


def _modern(given: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """A copy in an opset that the nodes added here can live in."""
    opset = next((one.version for one in given.opset_import if one.domain in ("", "ai.onnx")), 0)
    copy = onnx.ModelProto()
    copy.CopyFrom(given)
    if opset >= _OLDEST_OPSET:
        return copy
    try:
        return version_converter.convert_version(copy, _OLDEST_OPSET)
    except (RuntimeError, ValueError, version_converter.ConvertError) as error:
        raise BundleError(
            f"{path.name} has opset {opset}, which cannot be converted; export the "
            f"model with opset {_OLDEST_OPSET} or newer"
        ) from error


def _set_apart(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.input[:] = [name and f"{_OWN}{name}" for name in node.input]
        node.output[:] = [name and f"{_OWN}{name}" for name in node.output]
        if any(
            attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for attribute in node.attribute
        ):
            raise BundleError(f"the graph has control flow ({node.op_type}); export it without")
    for named in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        named.name = f"{_OWN}{named.name}"
    graph.ClearField("quantization_annotation")  # it holds names too, for tools alone


def image_input(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """The one input that is not a weight.

    Raises
    ------
    BundleError
        If there is none, or more than one, or it is not an image.
    """
    weights = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs) or "none"
        raise BundleError(f"an onnx-classifier has one input, the image; this graph has: {names}")
    kind = inputs[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT or len(kind.shape.dim) != 4:
        found = f"{onnx.TensorProto.DataType.Name(kind.elem_type).lower()} of {len(kind.shape.dim)} dimensions"
        raise BundleError(
            f"the image input must be float of 4 dimensions (batch, channels, rows, columns), got {found}"
        )
    return inputs[0]


def _is_channels_last(image: onnx.ValueInfoProto) -> bool:
    sizes = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    return sizes[1] not in (1, 3) and sizes[3] in (1, 3)


def _given_channels(image: onnx.ValueInfoProto, pixels: PixelRecipe) -> int:
    """Channels that the graph takes; its size must be that of the pixels."""
    sizes = [dim.dim_value for dim in image.type.tensor_type.shape.dim]  # 0: any
    channels, rows, columns = (sizes[3], *sizes[1:3]) if _is_channels_last(image) else sizes[1:]
    if rows not in (0, pixels.rows) or columns not in (0, pixels.columns):
        raise BundleError(f"pixels are {pixels.rows}x{pixels.columns}, the graph needs {rows}x{columns}")
    if pixels.channels not in (1, channels or pixels.channels):
        raise BundleError(f"pixels.channels is {pixels.channels}, the graph needs {channels}")
    return channels or pixels.channels


def _open_input(work: Surgery, ask: OnnxAsk) -> None:
    """Put `pixel_values` in front."""
    graph, pixels = work.model.graph, ask.pixels
    image = image_input(graph)
    scale, shift = _normalisation(ask, _given_channels(image, pixels))
    work.constant("scale", scale)
    work.constant("shift", shift)
    turn = "Transpose <perm = [0, 2, 3, 1]>" if _is_channels_last(image) else "Identity"
    lines = ("scaled = Mul (pixel_values, scale)", "normalised = Add (scaled, shift)", f"image = {turn} (normalised)")
    front = [parsed(line) for line in lines]
    front[-1].output[0] = image.name
    for node in reversed(front):
        graph.node.insert(0, node)
    graph.input.remove(image)
    sizes = ["batch", pixels.channels, pixels.rows, pixels.columns]
    graph.input.insert(0, helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, sizes))


def _normalisation(ask: OnnxAsk, channels: int) -> tuple[FloatArray, FloatArray]:
    """Scale and shift (1, C, 1, 1); a single channel is repeated by them."""
    if {len(ask.mean), len(ask.std)} - {0, 1, channels}:
        raise BundleError(
            f"the graph has {channels} input channels, but mean has {len(ask.mean)} and std {len(ask.std)}"
        )
    std, mean = np.array(ask.std or [ask.pixels.std]), np.array(ask.mean or [ask.pixels.mean])
    lines = np.stack([np.broadcast_to(x, channels) for x in (ask.pixels.std / std, (ask.pixels.mean - mean) / std)])
    scale, shift = lines.astype(np.float32).reshape(2, 1, channels, 1, 1)
    return scale, shift


def _free_batch(model: onnx.ModelProto, batch: int) -> None:
    """Let shapes that hold the fixed batch take any; whether that sufficed is seen when the graph runs on more."""
    graph = model.graph
    if batch:
        shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
        constants = {node.output[0]: node for node in graph.node if node.op_type == "Constant"}
        tensors = [one for one in graph.initializer if one.name in shapes]
        tensors += [constants[name].attribute[0].t for name in sorted(shapes & constants.keys())]
        for tensor in tensors:
            sizes = numpy_helper.to_array(tensor).copy()
            if sizes.size and sizes[0] == batch:
                sizes[0] = 0  # as it comes
                tensor.CopyFrom(numpy_helper.from_array(sizes, tensor.name))
    graph.ClearField("value_info")


def _score_output(graph: onnx.GraphProto, ask: OnnxAsk) -> str:
    names = [one.name for one in graph.output]
    if ask.output in names or (ask.output is None and len(names) == 1):
        return ask.output or names[0]
    known = ", ".join(names)
    if ask.output is None:
        raise BundleError(f"the graph has the outputs {known}: name the one with the scores in [model], key output")
    raise BundleError(f"the graph has no output {ask.output!r}; it has {known}")


def _probe_images(ask: OnnxAsk) -> FloatArray:
    """(3, C, rows, columns) of values as a bundle's pixels have them."""
    pixels = ask.pixels
    noise = np.random.default_rng(0).random((_PROBES, pixels.channels, pixels.rows, pixels.columns))
    return ((noise - pixels.mean) / pixels.std).astype(np.float32)


def _given_scores(path: Path, image: onnx.ValueInfoProto, output: str, ask: OnnxAsk) -> FloatArray:
    """What the graph given says of the probes, (3, A)."""
    scale, shift = _normalisation(ask, _given_channels(image, ask.pixels))
    session = open_session(path, threads=1)
    said = []
    for probe in _probe_images(ask):
        one = (probe * scale + shift).astype(np.float32)
        one = one.transpose(0, 2, 3, 1) if _is_channels_last(image) else one
        batch = np.repeat(one, image.type.tensor_type.shape.dim[0].dim_value or 1, axis=0)
        said.append(run(session, (output,), {image.name: batch})[0])
    if said[0].ndim != 2 or said[0].dtype != np.float32:
        raise BundleError(f"{output} must be float of shape (batch, classes), got {said[0].dtype} of {said[0].shape}")
    return np.stack([one[0] for one in said])


def _chosen(ask: OnnxAsk, count: int) -> list[int]:
    if not ask.outputs and count != ask.findings:
        raise BundleError(
            f"the graph has {count} outputs, but {ask.findings} findings are described: give each finding its output"
        )
    wrong = [number for number in ask.outputs if not 0 <= number < count]
    if wrong:
        raise BundleError(f"output {wrong[0]} is not one of the graph's {count}, which are numbered from 0")
    return list(ask.outputs or range(count))


def _close(work: Surgery, findings: int, *, has_maps: bool) -> None:
    """Append the new nodes, and give what the contract names and nothing else."""
    graph = work.model.graph
    graph.node.extend(work.nodes)
    graph.ClearField("output")
    shapes: dict[str, list[int | str]] = {"logits": ["batch", findings]}
    if has_maps:
        shapes["class_maps"] = ["batch", findings, "map_rows", "map_columns"]
    graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()
    )


def _compare(model: onnx.ModelProto, expected: FloatArray, outputs: list[int], ask: OnnxAsk) -> None:
    """All probes in one batch through the new graph."""
    try:
        onnx.checker.check_model(model)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "encoder.onnx")
            onnx.save(model, path)
            (logits,) = run(open_session(path, threads=1), ("logits",), {"pixel_values": _probe_images(ask)})
    except (BundleError, onnx.checker.ValidationError) as error:
        raise BundleError(
            "the graph does not take several images at once, and could not be "
            "converted: export it with a dynamic batch size"
        ) from error
    apart = float(np.abs(probabilities(logits, "sigmoid") - expected[:, outputs]).max())
    if not apart <= _TOLERANCE:
        raise BundleError(
            f"in a batch the graph's probabilities change by {apart:.2g}: export it with a dynamic batch size"
        )
