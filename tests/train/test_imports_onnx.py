"""Plain ONNX classifiers in the encoder's place."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.infer.sessions import open_session
from dicomnode.train.compress.quantize import without_traces
from dicomnode.train.imports.onnx_classifier import OnnxAsk, classifier_graph

SIDE, FEATURES, CLASSES = 16, 5, 4
PIXELS = PixelRecipe(rows=SIDE, columns=SIDE, channels=1, fit="pad", mean=0.5, std=0.25)
BODY = (
    "f = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, kernel)",
    "g = Relu (f)",
    "pooled = GlobalAveragePool (g)",
    "flat = Flatten (pooled)",
    "z = Gemm (flat, head, bias)",
)


def write_graph(
    path: Path,
    *end: str,
    image: tuple[object, ...] = ("n", 1, SIDE, SIDE),
    body: tuple[str, ...] = BODY,
    output: str = "y",
    opset: int = 17,
    channels: int = 1,
    **further: object,
) -> Path:
    """A convolution, a global mean, a linear layer, and what `end` says."""
    generator = np.random.default_rng(3)
    weights = {
        "kernel": generator.normal(size=(FEATURES, channels, 3, 3)),
        "head": 3 * generator.normal(size=(FEATURES, CLASSES)),
        "bias": generator.normal(size=CLASSES),
    }
    graph = helper.make_graph(
        [parser.parse_node(line) for line in (*body, *end)],
        "foreign",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        [
            *(numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()),
            *(numpy_helper.from_array(np.asarray(value), name) for name, value in further.items()),
        ],
        doc_string="exported from /home/somebody/model.py",
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


def ask(*outputs: int, findings: int | None = None, **changes: object) -> OnnxAsk:
    """Findings by the numbers of their outputs."""
    return OnnxAsk(pixels=PIXELS, outputs=outputs, findings=findings or len(outputs), **changes)


def answers(model: onnx.ModelProto, path: Path, pixel_values: np.ndarray) -> list[np.ndarray]:
    """Logits, and class maps if there are any."""
    onnx.save(model, path)
    return open_session(path, 1).run(None, {"pixel_values": pixel_values})


def some_images(count: int = 3) -> np.ndarray:
    """Noise, normalised."""
    return np.random.default_rng(1).normal(size=(count, 1, SIDE, SIDE)).astype(np.float32)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities."""
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("end", ["y = Sigmoid (z)", "y = Softmax <axis = 1> (z)"])
@pytest.mark.parametrize("opset", [12, 17, 20])
def test_an_imported_classifier_keeps_its_probabilities(tmp_path, end, opset):
    """The sigmoid of the new logits is what the graph gave for each picked output, whatever it ends in."""
    path = write_graph(tmp_path / "given.onnx", end, opset=opset)
    expected = open_session(path, 1).run(None, {"x": some_images()})[0][:, [2, 0]]

    logits = answers(classifier_graph(path, ask(2, 0)), tmp_path / "encoder.onnx", some_images())[0]

    np.testing.assert_allclose(expected, sigmoid(logits), atol=1e-5)


@pytest.mark.parametrize("end", ["y = Sigmoid (z)", "y = Softmax <axis = 1> (z)"])
def test_a_pooled_classifier_gets_class_maps_that_sum_to_its_logits(tmp_path, end):
    """Global pooling and one linear layer are enough for an exact map, at the size of the features."""
    path = write_graph(tmp_path / "given.onnx", end)

    logits, maps = answers(classifier_graph(path, ask(2, 0)), tmp_path / "encoder.onnx", some_images())

    assert (3, 2, SIDE // 2, SIDE // 2) == maps.shape
    np.testing.assert_allclose(logits, maps.sum(axis=(2, 3)), atol=1e-4)
    assert maps.std(axis=(2, 3)).min() > 1e-4


def test_a_class_map_is_brightest_where_the_evidence_lies(tmp_path):
    """An image that is empty but for one corner has its evidence, for or against, in that corner."""
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)")
    image = np.zeros((1, 1, SIDE, SIDE), dtype=np.float32)
    image[0, 0, 2:6, 10:14] = 4

    maps = answers(classifier_graph(path, ask(2)), tmp_path / "encoder.onnx", image)[1][0, 0]

    row, column = np.unravel_index(np.abs(maps - np.median(maps)).argmax(), maps.shape)
    assert row in range(1, 4)
    assert column in range(4, 8)


def test_a_classifier_that_does_not_pool_has_no_maps(tmp_path):
    """Where no exact map can be had, none is made up."""
    body = ("flat = Flatten (x)", "few = Slice (flat, start, stop, axis)", "z = Gemm (few, head, bias)")
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)", body=body, start=[0], stop=[FEATURES], axis=[1])

    made = classifier_graph(path, ask(0))

    assert ["logits"] == [output.name for output in made.graph.output]


def test_a_fixed_batch_is_made_dynamic(tmp_path):
    """A graph that was exported for one image, with that one in its shapes, takes three."""
    body = (*BODY[:3], "flat = Reshape (pooled, shape)", BODY[4])
    image = (1, 1, SIDE, SIDE)
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)", image=image, body=body, shape=[1, FEATURES])

    logits = answers(classifier_graph(path, ask(1)), tmp_path / "encoder.onnx", some_images())[0]

    alone = [open_session(path, 1).run(None, {"x": one[None]})[0][0, 1] for one in some_images()]
    np.testing.assert_allclose(alone, sigmoid(logits[:, 0]), atol=1e-5)


def test_a_graph_that_mixes_its_batch_is_refused(tmp_path):
    """An image's answer must not depend on its neighbours."""
    mixing = "m = ReduceMean <axes = [0], keepdims = 1> (z)"
    path = write_graph(tmp_path / "given.onnx", mixing, "d = Sub (z, m)", "y = Sigmoid (d)")

    with pytest.raises(BundleError, match="in a batch the graph's probabilities change"):
        classifier_graph(path, ask(0))


def test_channels_last_and_three_channels_are_brought_to_the_contract(tmp_path):
    """A graph that wants (rows, columns, 3) normalised by channel is fed from one channel of the bundle."""
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    turn = "t = Transpose <perm = [0, 3, 1, 2]> (x)"
    body = (turn, BODY[0].replace("(x,", "(t,"), *BODY[1:])
    image = ("n", SIDE, SIDE, 3)
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)", image=image, body=body, channels=3)
    grey = some_images() * PIXELS.std + PIXELS.mean
    theirs = ((np.repeat(grey.transpose(0, 2, 3, 1), 3, axis=3) - mean) / std).astype(np.float32)
    expected = open_session(path, 1).run(None, {"x": theirs})[0][:, [3]]

    made = classifier_graph(path, ask(3, mean=mean, std=std))

    np.testing.assert_allclose(expected, sigmoid(answers(made, tmp_path / "e.onnx", some_images())[0]), atol=1e-5)


def test_probabilities_that_are_declared_become_logits(tmp_path):
    """A graph whose end is not seen to be probabilities is taken at its describer's word."""
    path = write_graph(tmp_path / "given.onnx", "s = Sigmoid (z)", "y = Mul (s, half)", half=np.float32(0.5))
    expected = open_session(path, 1).run(None, {"x": some_images()})[0][:, [1]]

    made = classifier_graph(path, ask(1, scores="probability"))

    np.testing.assert_allclose(expected, sigmoid(answers(made, tmp_path / "e.onnx", some_images())[0]), atol=1e-5)


def test_external_data_and_machine_paths_stay_behind(tmp_path):
    """The new graph is one file, and no word of the machine that exported it is in it."""
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)")
    (tmp_path / "split").mkdir()
    outside = tmp_path / "split" / "given.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="weights.bin", size_threshold=0)

    made = without_traces(classifier_graph(outside, ask(0)))
    shutil.rmtree(tmp_path / "split")

    assert (3, 1) == answers(made, tmp_path / "encoder.onnx", some_images())[0].shape
    assert b"/home/somebody" not in made.SerializeToString()


@pytest.mark.parametrize(
    ("changes", "end", "asked", "sentence"),
    [
        ({}, "y = Sigmoid (z)", ask(findings=2), "has 4 outputs, but 2 findings"),
        ({}, "y = Sigmoid (z)", ask(4), "output 4 is not one of the graph's 4"),
        ({}, "y = Identity (z)", ask(0), 'scores = "sigmoid", "softmax" or "probability"'),
        ({}, "y = Identity (z)", ask(0, scores="probability"), "are not probabilities"),
        ({}, "y = Sigmoid (z)", ask(0, scores="softmax"), "the graph ends in Sigmoid: remove scores"),
        ({}, "y = Sigmoid (z)", ask(0, output="w"), "no output 'w'; it has y"),
        ({"image": ("n", 1, 32, 32)}, "y = Sigmoid (z)", ask(0), "pixels are 16x16, the graph needs 32x32"),
        ({}, "y = Sigmoid (z)", ask(0, mean=(0.1, 0.2)), "the graph has 1 input channels, but mean has 2"),
        ({"output": "g"}, "y = Sigmoid (z)", ask(0), "g must be float of shape .batch, classes."),
    ],
)
def test_a_misfit_is_refused_in_a_sentence(tmp_path, changes, end, asked, sentence):
    """What does not fit is said, with what would."""
    path = write_graph(tmp_path / "given.onnx", end, **changes)

    with pytest.raises(BundleError, match=sentence):
        classifier_graph(path, asked)


def test_too_many_channels_are_refused(tmp_path):
    """Three windows do not go into a graph of one channel."""
    path = write_graph(tmp_path / "given.onnx", "y = Sigmoid (z)")
    pixels = PIXELS.model_copy(update={"channels": 3})

    with pytest.raises(BundleError, match="pixels.channels is 3, the graph needs 1"):
        classifier_graph(path, OnnxAsk(pixels=pixels, outputs=(0,), findings=1))


@pytest.mark.parametrize("content", [b"no graph at all", b""])
def test_a_file_that_is_no_graph_is_refused(tmp_path, content):
    """Whatever bytes come, the answer is a sentence."""
    path = tmp_path / "given.onnx"
    path.write_bytes(content)

    with pytest.raises(BundleError, match="not a readable ONNX graph"):
        classifier_graph(path, ask(0))


def test_a_graph_of_several_inputs_is_refused(tmp_path):
    """A classifier that wants the patient's age beside the image has no place here."""
    path = write_graph(tmp_path / "given.onnx", "s = Add (z, age)", "y = Sigmoid (s)")
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("age", onnx.TensorProto.FLOAT, ["n", 1]))
    onnx.save(model, path)

    with pytest.raises(BundleError, match="has one input, the image; this graph has: x, age"):
        classifier_graph(path, ask(0))
