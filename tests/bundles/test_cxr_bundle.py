"""The shipped chest film bundle, with nothing but what serving has."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import dicomnode.bundles
from dicomnode.infer.bundle import Bundle, check_bundle, load_bundle
from dicomnode.infer.grid import fitted, normalized, stretched
from dicomnode.infer.model import Model
from dicomnode.records import Encoding, FloatArray, Placement, PreparedImage

_FOLDER = Path(dicomnode.bundles.__file__).parent / "cxr"
_LARGEST_BYTES = 30_000_000
_FEWEST_POSITIVES = 10


@pytest.fixture(scope="module")
def a_model() -> Model:
    """The bundle, loaded."""
    return Model(load_bundle(_FOLDER))


@pytest.fixture(scope="module")
def a_card() -> dict[str, Any]:
    """Its figures."""
    return json.loads((_FOLDER / "card.json").read_text(encoding="utf-8"))


def _drawn_chest() -> FloatArray:
    """Two dark lungs and a heart in a grey body: enough to look like a chest from afar."""
    image = Image.new("F", (320, 300), 0.15)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((20, 10, 300, 300), 60, fill=0.7)
    draw.ellipse((60, 50, 140, 250), fill=0.2)
    draw.ellipse((180, 50, 260, 250), fill=0.2)
    draw.ellipse((135, 140, 215, 250), fill=0.85)
    for top in range(60, 240, 28):
        draw.arc((50, top, 150, top + 40), 190, 350, fill=0.45, width=5)
        draw.arc((170, top, 270, top + 40), 190, 350, fill=0.45, width=5)
    return np.asarray(image, np.float32)


def _prepared(grid: FloatArray, bundle: Bundle) -> PreparedImage:
    return PreparedImage(
        sop_instance_uid="2.25.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        frame_number=1,
        pixel_values=normalized([grid], bundle.pixels),
        display=np.rint(grid * 255).astype(np.uint8),
        placement=Placement(scale=1.0, top=0.0, left=0.0),
    )


def _chest(model: Model) -> Encoding:
    image = _drawn_chest()
    upright = stretched(image, np.ones(image.shape, bool), model.bundle.pixels)
    return model.encode(_prepared(fitted(upright, model.bundle.pixels, 0, False)[0], model.bundle))


def _black(model: Model) -> Encoding:
    shape = (model.bundle.pixels.rows, model.bundle.pixels.columns)
    return model.encode(_prepared(np.zeros(shape, np.float32), model.bundle))


def test_the_node_can_run_it():
    """The node finds no fault with the shipped bundle."""
    assert [] == check_bundle(_FOLDER)


def test_every_file_is_the_one_that_was_measured():
    """The digests in bundle.toml are those of the files, and no other file lies there."""
    files = tomllib.loads((_FOLDER / "bundle.toml").read_text(encoding="utf-8"))["files"]

    assert {*files, "bundle.toml"} == {path.name for path in _FOLDER.iterdir()}
    for name, digest in files.items():
        assert digest == hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()


def test_the_graphs_tell_nothing_of_where_they_were_made():
    """The exporter's stack traces, with the paths of a machine, are not shipped."""
    for name in ("encoder.onnx", "prompter.onnx", "decoder.onnx"):
        assert b"stack_trace" not in (_FOLDER / name).read_bytes()


def test_it_is_small():
    """The whole bundle is within the size that was promised."""
    assert sum(path.stat().st_size for path in _FOLDER.iterdir()) <= _LARGEST_BYTES


def test_the_main_figure_stands_in_the_card(a_card: dict[str, Any]):
    """Pneumonia's AUC on the test split stands there for the children and for the adults, with its interval."""
    groups = a_card["classifier"]["pneumonia"]["groups"]

    for start in ("Kermany", "NIH"):
        name = next(name for name in groups if name.startswith(start))
        low, high = groups[name]["auc"]["interval"]
        assert 0 <= low < groups[name]["auc"]["value"] < high <= 1
        assert f"{groups[name]['auc']['value']:.3f} [{low:.3f}, {high:.3f}]" in (_FOLDER / "card.md").read_text()


def test_only_measured_findings_are_claimed(a_card: dict[str, Any], a_model: Model):
    """Every finding was measured on ten or more test films that have it."""
    for finding in a_model.bundle.findings:
        groups = a_card["classifier"][finding.key]["groups"].values()
        assert max(group["positives"] for group in groups) >= _FEWEST_POSITIVES


def test_the_licences_are_named(a_card: dict[str, Any]):
    """Both data sets are attributed as their licences ask."""
    text = " ".join(a_card["licences"])

    assert "https://nihcc.app.box.com/v/ChestXray-NIHCC" in text
    assert "CC BY 4.0" in text
    assert "doi:10.17632/rscbjbr9sj" in text


def test_the_words_depend_on_the_pixels(a_model: Model):
    """A black image and a drawn chest are not described in the same words."""
    drafts = [a_model.generate(a_model.prompt([encoding])).sentences for encoding in (_black(a_model), _chest(a_model))]

    assert all(drafts)
    assert drafts[0] != drafts[1]


def test_a_black_image_has_no_finding(a_model: Model):
    """Where there is nothing to see, nothing is found."""
    thresholds = np.array([finding.threshold for finding in a_model.bundle.findings])

    assert (_black(a_model).probabilities < thresholds).all()


def test_the_draft_ends(a_model: Model):
    """A draft ends by its end token, not by its limit."""
    assert not a_model.generate(a_model.prompt([_chest(a_model)])).is_truncated


def test_class_maps_explain_the_logits(a_model: Model):
    """What a class map does not explain is the same for every image: the bias."""
    biases = [e.logits - e.class_maps.sum((1, 2)) for e in (_black(a_model), _chest(a_model))]

    assert np.abs(biases[0] - biases[1]).max() < 1e-4
