"""Fewer bits: what the graphs still promise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.infer.sessions import open_session
from dicomnode.records import FloatArray
from dicomnode.train.compress.quantize import dynamic_int8, static_int8, weights_int4, weights_int8
from dicomnode.train.hyperparameters import EncoderRecipe
from dicomnode.train.model import Encoder

_SIDE = 64
_NAMES = ["logits", "class_maps", "features", "segmentation", "tokens", "attended"]


class _Served(nn.Module):  # type: ignore[misc]
    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        said = self.encoder(pixel_values)._asdict()
        return tuple(said[name] for name in _NAMES)


@pytest.fixture(scope="module")
def some_images() -> FloatArray:
    """Eight images of noise of different brightness (8, 1, side, side)."""
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((8, 1, _SIDE, _SIDE)) + generator.standard_normal((8, 1, 1, 1))
    return noise.astype(np.float32)


@pytest.fixture(scope="module")
def an_encoder_graph(tmp_path_factory: pytest.TempPathFactory, some_images: FloatArray) -> Path:
    """A small encoder as FP32 graph, its batch normalisation set to these images."""
    torch.manual_seed(0)
    shape = EncoderRecipe(widths=(8, 16, 16, 32), layers=1, heads=2, dropout=0.0)
    encoder = Encoder(shape, channels=1, findings=3, structures=2).train()
    with torch.no_grad():
        for _ in range(20):
            encoder(torch.from_numpy(some_images))
        for head in (encoder.place, encoder.evidence):
            head.weight *= 20  # as a trained one's, so that images differ in their logits
    path = tmp_path_factory.mktemp("graphs") / "encoder.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        program = torch.onnx.export(
            _Served(encoder.eval()),
            (torch.zeros(2, 1, _SIDE, _SIDE),),
            dynamo=True,
            opset_version=20,
            input_names=["pixel_values"],
            output_names=_NAMES,
            dynamic_shapes={"pixel_values": {0: Dim("batch", min=1, max=64)}},
            verbose=False,
        )
    program.save(path)
    return path


@pytest.fixture(scope="module")
def a_static_graph(an_encoder_graph: Path, some_images: FloatArray) -> Path:
    """The same in static INT8."""
    path = an_encoder_graph.with_name("int8.onnx")
    static_int8(an_encoder_graph, path, some_images)
    return path


@pytest.fixture
def a_language_graph(tmp_path: Path) -> Path:
    """A matrix product and one with an offset, x (N, 64) to y (N, 64)."""
    generator = np.random.default_rng(1)
    weights = [(generator.standard_normal((64, 64)) / 8).astype(np.float32) for _ in range(2)]
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["between"], "one", doc_string="/home/somebody/model.py"),
        helper.make_node("Gemm", ["between", "second", "offset"], ["y"], "two", transB=1),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in ("x", "y")]
    constants = [numpy_helper.from_array(w, name) for w, name in zip(weights, ("first", "second"), strict=True)]
    constants.append(numpy_helper.from_array(np.ones(64, np.float32), "offset"))
    graph = helper.make_graph(nodes, "language", ends[:1], ends[1:], constants)
    path = tmp_path / "language.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def _run(path: Path, images: FloatArray) -> dict[str, FloatArray]:
    return dict(zip(_NAMES, open_session(path, 1).run(_NAMES, {"pixel_values": images}), strict=True))


def test_a_batch_changes_no_answer(a_static_graph: Path, some_images: FloatArray):
    """In static INT8 an image alone and the same image among eight get the same bits in every output."""
    together = _run(a_static_graph, some_images)
    for index, image in enumerate(some_images):
        alone = _run(a_static_graph, image[None])
        for name in _NAMES:
            np.testing.assert_array_equal(alone[name][0], together[name][index], err_msg=name)


def test_class_maps_still_add_up_to_the_logits(an_encoder_graph: Path, a_static_graph: Path, some_images: FloatArray):
    """What the INT8 maps sum to differs from the INT8 logits by the bias of the FP32 graph and nothing else."""
    exact, rounded = (_run(path, some_images) for path in (an_encoder_graph, a_static_graph))
    bias, found = (said["logits"] - said["class_maps"].sum((2, 3)) for said in (exact, rounded))
    np.testing.assert_allclose(bias, found, atol=1e-6)


def test_static_int8_stays_close(an_encoder_graph: Path, a_static_graph: Path, some_images: FloatArray):
    """Logits move by less than a tenth of their own spread, and they do move."""
    exact, rounded = (_run(path, some_images)["logits"] for path in (an_encoder_graph, a_static_graph))
    apart = float(np.abs(exact - rounded).mean())
    assert 0 < apart < 0.1 * float((exact - exact.mean(0)).std())


def test_static_int8_rounds_all_but_the_ends(an_encoder_graph: Path, a_static_graph: Path):
    """Float are the convolution that reads the image and those of place, evidence and anatomy; the rest are bytes."""
    weights = [tensor for tensor in onnx.load(a_static_graph).graph.initializer if len(tensor.dims) == 4]
    floats = [tensor for tensor in weights if tensor.data_type == TensorProto.FLOAT]
    assert [[2, 32, 1, 1], [3, 32, 1, 1], [3, 32, 1, 1], [8, 1, 3, 3]] == sorted([*tensor.dims] for tensor in floats)
    assert a_static_graph.stat().st_size < 0.6 * an_encoder_graph.stat().st_size


@pytest.mark.parametrize(
    ("written", "tolerance", "share"),
    [(dynamic_int8, 0.05, 0.35), (weights_int8, 0.05, 0.4), (weights_int4, 0.3, 0.25)],
)
def test_language_graphs_shrink_and_stay_close(
    a_language_graph: Path, written: Callable[[Path, Path], None], tolerance: float, share: float
):
    """Fewer bits, a file of that share of the size, an answer within that share of its spread."""
    target = a_language_graph.with_name("smaller.onnx")
    written(a_language_graph, target)
    x = np.random.default_rng(2).standard_normal((5, 64)).astype(np.float32)
    exact, rounded = (open_session(path, 1).run(["y"], {"x": x})[0] for path in (a_language_graph, target))
    apart = float(np.abs(exact - rounded).mean() / exact.std())
    assert 0 < apart < tolerance
    assert target.stat().st_size < share * a_language_graph.stat().st_size


def test_the_matrix_of_a_distance_stays_exact(tmp_path: Path):
    """Of two products with weights, that with the precision matrix is not rounded."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4])
    weights = [onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), name) for name in ("precision", "weight")]
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "precision"], ["apart"], name="distance"),
        onnx.helper.make_node("MatMul", ["apart", "weight"], ["y"], name="layer"),
    ]
    end = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 4])
    graph = onnx.helper.make_graph(nodes, "g", [value], [end], weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "float.onnx")

    dynamic_int8(tmp_path / "float.onnx", tmp_path / "int8.onnx")

    made = onnx.load(tmp_path / "int8.onnx").graph
    assert ["MatMul"] == [node.op_type for node in made.node if "MatMul" in node.op_type and "precision" in node.input]
    assert "precision" in {one.name for one in made.initializer}
    assert "weight" not in {one.name for one in made.initializer}


def test_no_path_of_this_machine_is_left(a_language_graph: Path, an_encoder_graph: Path, a_static_graph: Path):
    """The exporter notes where each node came from; what is shipped says nothing of it."""
    assert b"test_quantize.py" in an_encoder_graph.read_bytes()
    assert b"test_quantize.py" not in a_static_graph.read_bytes()
    target = a_language_graph.with_name("smaller.onnx")
    weights_int4(a_language_graph, target)
    assert b"somebody" not in target.read_bytes()
