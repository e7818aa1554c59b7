"""Two readings of one patient: what changed, and what can be said without a prior study."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_bundle

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.records import Change


@pytest.fixture(scope="module")
def a_model(a_comparing_bundle) -> Model:
    """The radiograph bundle with a comparer, loaded."""
    return Model(a_comparing_bundle)


@pytest.fixture
def read(a_model, make_film):
    """Read a study of films with a bright blob of so many rows in the right lung."""

    def reading(*rows: int):
        films = []
        for count in rows:
            pixels = np.zeros((200, 160), dtype=np.uint8)
            pixels[:, 70:90] = 255
            pixels[70 : 70 + count, 20:50] = 255
            films.append(make_film(pixels))
        return a_model.read(prepare(films, a_model.bundle))

    return reading


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 60, Change.NEW),
        (30, 60, Change.INCREASED),
        (40, 40, Change.UNCHANGED),
        (0, 0, Change.UNCHANGED),
        (60, 30, Change.DECREASED),
        (60, 0, Change.RESOLVED),
    ],
)
def test_what_changed_is_said(a_model, read, before, after, expected):
    """The opacity is new, larger, as it was, smaller or gone; the effusion, absent in both, is as it was."""
    comparison = a_model.compare(read(after), read(before))

    assert (expected, Change.UNCHANGED) == comparison.changes
    np.testing.assert_allclose(1, comparison.probabilities.sum(axis=1), rtol=1e-6)


def test_each_finding_is_compared_where_it_is_seen_best(a_model, read):
    """Of several films the one that speaks most for the finding is compared, and the attention is of these two."""
    comparison = a_model.compare(read(0, 60), read(0, 0, 0))

    assert (1, 0) == (comparison.current_images[0], comparison.prior_images[1])
    assert Change.NEW == comparison.changes[0]
    assert (2, 2, tiny_bundle.CELLS, tiny_bundle.CELLS) == comparison.attention.shape
    np.testing.assert_allclose(1, comparison.attention.sum(axis=(1, 2, 3)), rtol=1e-5)
    assert comparison.attention[0, 0].sum() > comparison.attention[0, 1].sum()


def test_without_a_prior_study_nothing_is_said(a_model, read):
    """No change is claimed where there is nothing to compare with, whatever the film shows."""
    comparison = a_model.compare(read(60), None)

    assert ((None, None), ()) == (comparison.changes, comparison.prior_images)
    np.testing.assert_allclose(0.2, comparison.probabilities, atol=1e-6)


def test_a_bundle_without_a_comparer_compares_nothing(a_film_bundle, read):
    """The file is optional."""
    assert Model(a_film_bundle).compare(read(60), read(0)) is None


@pytest.mark.parametrize("kind", ["radiograph", "ct"])
def test_a_bundle_with_a_comparer_has_no_fault(tmp_path: Path, kind: str):
    """What compares is a bundle by every rule."""
    folder = tiny_bundle.write_tiny_bundle(tmp_path / kind, kind=kind, compares=True)

    assert [] == check_bundle(folder)
    assert folder / "comparer.onnx" in load_bundle(folder).graphs


def test_a_classifier_has_nothing_to_compare(tmp_path: Path):
    """Without the encoder's tokens a comparer is an unknown file."""
    folder = tiny_bundle.write_tiny_bundle(tmp_path / "classifier", kind="classifier", compares=True)

    (fault,) = check_bundle(folder)
    assert "files contains the unknown file comparer.onnx" in fault


def _rename_input(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.input[:] = ["earlier" if name == "prior_logits" else name for name in node.input]
    next(one for one in model.graph.input if one.name == "prior_logits").name = "earlier"


def _four_changes(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if "with_prior" in node.output).input.pop()
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 4


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_rename_input, "comparer.onnx must have the input prior_logits of type tensor(float), not nothing"),
        (
            _four_changes,
            "comparer.onnx: change_logits must be float32 of shape (2, 2, 5), got float32 of shape (2, 2, 4)",
        ),
    ],
)
def test_a_comparer_that_breaks_the_contract_is_refused(tmp_path: Path, spoil, said: str):
    """`bundle check` says what is wrong with it, and no model is made of it."""
    folder = tiny_bundle.write_tiny_bundle(tmp_path / "bundle", compares=True)
    path, manifest = folder / "comparer.onnx", folder / "bundle.toml"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    model = onnx.load(path)
    spoil(model)
    path.write_bytes(model.SerializeToString())
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(before, after))

    assert said in check_bundle(folder)
    with pytest.raises(BundleError, match=r"comparer\.onnx"):
        Model(load_bundle(folder))
