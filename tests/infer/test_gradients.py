"""The graph of gradients, which a bundle may have or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_bundle import SIDE, add_tiny_gradients, write_manifest, write_tiny_bundle

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model


@pytest.fixture
def a_bundle(tmp_path: Path) -> Path:
    """A bundle with gradients."""
    return add_tiny_gradients(write_tiny_bundle(tmp_path / "tiny"))


def test_a_bundle_with_gradients_can_be_run(a_bundle: Path):
    """The optional file is known, checked and used."""
    assert [] == check_bundle(a_bundle)
    model = Model(load_bundle(a_bundle))
    image = np.random.default_rng(1).random((1, SIDE, SIDE)).astype(np.float32)

    given = model.gradients(image, 1)

    assert model.has_gradients
    assert float(image.mean()) == pytest.approx(given.logit, rel=1e-4)
    assert image.shape == given.pixel_gradients.shape == given.relevance.shape
    assert given.activations.shape == given.activation_gradients.shape
    assert 1 == pytest.approx(float(given.places.sum()))


def test_a_bundle_without_gradients_says_so(tmp_path: Path):
    """Who asks for what is not there reads the file's name."""
    model = Model(load_bundle(write_tiny_bundle(tmp_path / "tiny")))

    assert not model.has_gradients
    with pytest.raises(BundleError, match=r"has no gradients\.onnx"):
        model.gradients(np.zeros((1, SIDE, SIDE), np.float32), 0)


def test_gradients_that_break_the_contract_are_found(a_bundle: Path):
    """A missing output is named when the bundle is checked, and when the graph is first used."""
    path = a_bundle / "gradients.onnx"
    graph = onnx.load(path)
    del graph.graph.output[-1]
    onnx.save(graph, path)
    manifest = (a_bundle / "bundle.toml").read_text(encoding="utf-8")
    write_manifest(a_bundle, manifest.partition("\n[files]\n")[0])

    assert ["gradients.onnx must have the output relevance"] == check_bundle(a_bundle)
    with pytest.raises(BundleError, match=r"gradients\.onnx must have the output relevance"):
        Model(load_bundle(a_bundle)).gradients(np.zeros((1, SIDE, SIDE), np.float32), 0)


def test_an_altered_graph_is_found_by_its_digest(a_bundle: Path):
    """Optional files are held to their digests like all others."""
    (a_bundle / "gradients.onnx").write_bytes(b"other")

    with pytest.raises(BundleError, match=r"gradients\.onnx does not match its SHA-256 in bundle\.toml"):
        load_bundle(a_bundle)


def test_logits_of_altered_images_are_those_of_the_encoder(a_bundle: Path):
    """Asked in batches, and answered in order."""
    model = Model(load_bundle(a_bundle))
    images = np.random.default_rng(2).random((5, 1, SIDE, SIDE)).astype(np.float32)

    given = model.logits(images)

    assert (5, 2) == given.shape
    np.testing.assert_allclose(given[3:4], model.logits(images[3:4]), atol=1e-5)
