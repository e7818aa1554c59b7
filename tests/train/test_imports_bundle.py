"""`dicomnode bundle import`: foreign models as bundles that the node runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from helpers import ROOT
from onnx import helper, numpy_helper, parser
from tiny_checkpoints import PAD, SIDE, write_captioner, write_checkpoint

from dicomnode.cli.main import main
from dicomnode.errors import SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.train.imports.about import read_about

FILM = next((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm"))
TOP = """
name = "foreign"
version = "3"
title = "A foreign model"
manufacturer = "somebody"
description = "Trained elsewhere."
licences = ["CC-BY-4.0, by somebody"]
limits = ["none of it is real"]
"""
TABLES = f"""
[accepts]
kind = "radiograph"
modalities = ["DX", "CR"]
[pixels]
rows = {SIDE}
columns = {SIDE}
channels = 1
fit = "pad"
mean = 0.5
std = 0.25
"""
FINDING = """
[[findings]]
key = "{key}"
code = ["{code}", "99TEST", "{key}"]
site = ["39607008", "SCT", "Lung"]
threshold = 0.5
acuity = "urgent"
terms = ["{key}"]
{more}
"""


def write_about(path: Path, *, top: str = "", model: str = "", first: str = "", second: str = "") -> Path:
    """Describe a model of two findings."""
    findings = FINDING.format(key="haze", code="1", more=first) + FINDING.format(key="line", code="2", more=second)
    path.write_text(TOP + top + TABLES + model + findings)
    return path


def write_onnx(path: Path) -> Path:
    """Two classes by the mean of the image, as a graph of one node too few to pool."""
    graph = helper.make_graph(
        [
            parser.parse_node(line)
            for line in ("p = GlobalAveragePool (x)", "f = Flatten (p)", "z = Gemm (f, w, b)", "y = Sigmoid (z)")
        ],
        "foreign",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ("n", 1, SIDE, SIDE))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ("n", 2))],
        [
            numpy_helper.from_array(np.array([[2.0, -1.0]], dtype=np.float32), "w"),
            numpy_helper.from_array(np.array([0.5, 0.25], dtype=np.float32), "b"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def imported(kind: str, source: Path, about: Path, folder: Path) -> int:
    """Exit status of the command."""
    return main(["bundle", "import", kind, str(source), "--about", str(about), "--out", str(folder)])


def test_an_onnx_classifier_becomes_a_bundle_that_reads_a_film(tmp_path):
    """The bundle passes its check, and the node's model gives calibrated probabilities and maps for a film."""
    about = write_about(tmp_path / "about.toml", first="platt = [2.0, 1.0]")

    assert 0 == imported("onnx-classifier", write_onnx(tmp_path / "given.onnx"), about, tmp_path / "bundle")

    assert [] == check_bundle(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    images = prepare([FILM], bundle)
    reading = Model(bundle).read(images)
    mean = float(images[0].pixel_values.mean())
    expected = 1 / (1 + np.exp(-np.array([2 * (2 * mean + 0.5) + 1, -mean + 0.25])))
    np.testing.assert_allclose(expected, reading.probabilities, atol=1e-5)
    assert (2, SIDE, SIDE) == reading.encodings[0].class_maps.shape
    assert () == reading.draft.sentences


def test_the_card_says_that_nothing_was_measured(tmp_path):
    """Whoever reads the card learns where the weights come from, and no figure; nothing names this machine."""
    source = write_onnx(tmp_path / "given.onnx")
    imported("onnx-classifier", source, write_about(tmp_path / "about.toml"), tmp_path / "bundle")

    card = (tmp_path / "bundle" / "card.md").read_text()

    assert "Nothing was measured here." in card
    assert "CC-BY-4.0, by somebody" in card
    assert json.loads((tmp_path / "bundle" / "card.json").read_text())["figures"] is None
    for path in (tmp_path / "bundle").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_hugging_face_classifier_becomes_a_bundle(tmp_path):
    """Labels become findings; DINOv2 brings class maps along."""
    write_checkpoint(
        tmp_path / "dino",
        "Dinov2ForImageClassification",
        id2label={0: "none", 1: "line", 2: "haze"},
        num_labels=3,
        problem_type="single_label_classification",
        num_hidden_layers=1,
    )
    about = write_about(tmp_path / "about.toml", first='output = "haze"', second='output = "line"')

    assert 0 == imported("hf-classifier", tmp_path / "dino", about, tmp_path / "bundle")

    bundle = load_bundle(tmp_path / "bundle")
    reading = Model(bundle).read(prepare([FILM], bundle))
    assert 0 < reading.probabilities.sum() <= 1
    np.testing.assert_allclose(reading.encodings[0].logits, reading.encodings[0].class_maps.sum(axis=(1, 2)), atol=1e-4)


def test_a_captioner_becomes_a_bundle_that_drafts(tmp_path):
    """Word by word, the draft is the one that the checkpoint itself writes for the film."""
    model = write_captioner(tmp_path / "captioner", layers=1)
    phrases = {"first": 'present = "Haze."\nabsent = "No haze."', "second": 'present = "Line."\nabsent = "Clear."'}
    about = write_about(tmp_path / "about.toml", top="max_new_tokens = 60\n", **phrases)

    assert 0 == imported("hf-captioner", tmp_path / "captioner", about, tmp_path / "bundle")

    bundle = load_bundle(tmp_path / "bundle")
    assert [] == check_bundle(tmp_path / "bundle")
    images = prepare([FILM], bundle)
    reading = Model(bundle).read(images)
    spread, middle = (torch.tensor(x).view(3, 1, 1) for x in ([0.2, 0.3, 0.4], [0.4, 0.5, 0.6]))
    theirs = (torch.from_numpy(images[0].pixel_values) * 0.25 + 0.5 - middle) / spread
    ids = model.generate(pixel_values=theirs[None], max_new_tokens=60, do_sample=False, num_beams=1, pad_token_id=PAD)
    pieces = bundle.drafting.tokenizer.pieces
    expected = b"".join(pieces[int(one)] for one in ids[0] if int(one) < PAD).decode(errors="replace")
    assert not reading.draft.is_truncated
    assert len(expected) > 3
    assert "".join(expected.split()).lower() == "".join(" ".join(reading.draft.sentences).split()).lower()
    assert (len(reading.draft.sentences), SIDE // 8 * SIDE // 8 + 1) == reading.draft.attention.shape


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("pickle", {}, "unknown kind 'pickle'; known: onnx-classifier, hf-classifier, hf-captioner"),
        ("onnx-classifier", {"first": "output = 1"}, "either every finding names its output, or none does"),
        ("onnx-classifier", {"first": 'output = "a"', "second": "output = 1"}, "has no labels: give output"),
        ("onnx-classifier", {"top": "max_new_tokens = 3\n"}, "are for captioners"),
        ("onnx-classifier", {"top": "colour = 3\n"}, "colour: is not a known key"),
        ("onnx-classifier", {"first": "threshold = 2"}, "is not a readable TOML file"),
        ("hf-captioner", {}, "max_new_tokens is missing"),
        ("hf-captioner", {"model": '[model]\nscores = "sigmoid"\n'}, "has no outputs and no scores"),
        ("hf-classifier", {"model": '[model]\noutput = "y"\n'}, "are for onnx-classifier"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, capsys, kind, changes, sentence):
    """One sentence says which key is wrong, and no folder is left behind."""
    about = write_about(tmp_path / "about.toml", **changes)

    status = imported(kind, write_onnx(tmp_path / "given.onnx"), about, tmp_path / "bundle")

    assert 0 != status
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert {"about.toml", "given.onnx"} == {path.name for path in tmp_path.iterdir()}


def test_a_folder_that_exists_is_left_alone(tmp_path, capsys):
    """An import never overwrites."""
    (tmp_path / "bundle").mkdir()
    about = write_about(tmp_path / "about.toml")

    assert 0 != imported("onnx-classifier", write_onnx(tmp_path / "given.onnx"), about, tmp_path / "bundle")

    assert "exists; choose a new folder for the bundle" in " ".join(capsys.readouterr().err.split())
    assert [] == list((tmp_path / "bundle").iterdir())


def test_a_missing_description_is_said(tmp_path):
    """The sentence says what the file is for."""
    with pytest.raises(SettingsError, match=r"it must describe the model, with the tables of bundle\.toml"):
        read_about(tmp_path / "none.toml")
