"""A whole run, from films to a measured bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.sessions import ENCODER_OUTPUTS, open_session
from dicomnode.train import export
from dicomnode.train.calibration import Calibration, calibrated
from dicomnode.train.data import read_split
from dicomnode.train.drafting import Drafter
from dicomnode.train.encoding import fit_encoder, logits_of
from dicomnode.train.evaluate import evaluate_bundle
from dicomnode.train.metrics import PatientBootstrap, calibration_error
from dicomnode.train.model import Encoder, no_past
from dicomnode.train.recipe import Recipe

_INT8_TOLERANCE = 0.05
"""Between a logit in FP32 and in the shipped INT8 graph."""
_TOLERANCE = 1e-5
"""Between two orders of the same sums in FP32."""


def test_the_node_can_run_what_was_trained(a_run: Path):
    """The loader that serves finds no fault with the bundle."""
    assert [] == check_bundle(a_run)
    assert ("pneumonia", "effusion") == tuple(finding.key for finding in load_bundle(a_run).findings)


def test_the_card_holds_figures_with_intervals(a_run: Path):
    """Both cards name the main finding's AUC in each source, between the ends of its interval."""
    card = json.loads((a_run / "card.json").read_text())
    groups = card["classifier"]["pneumonia"]["groups"]

    assert {"far", "near"} <= set(groups)
    for name in ("far", "near"):
        low, high = groups[name]["auc"]["interval"]
        assert low <= groups[name]["auc"]["value"] <= high
        assert f"| pneumonia | {name} | 6 / 12 |" in (a_run / "card.md").read_text()


def test_discs_are_learned(a_run: Path, a_data_dir: Path):
    """What is plain to see is learned: the figures are of a model that looks."""
    figures = evaluate_bundle(a_run, a_data_dir, bootstrap=20)

    assert figures["classifier"]["pneumonia"]["groups"]["near"]["auc"]["value"] > 0.9
    assert figures["text"]["pneumonia"]["f1_text"]["value"] > 0.8


def test_a_finished_run_is_not_trained_again(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """Beside the checkpoints of a finished run the encoder is read, not trained: its logits are the bundle's."""
    split = read_split(a_data_dir, "test", a_recipe.keys, a_recipe.pixels)

    encoder = fit_encoder(a_recipe, split, a_run.with_name(a_run.name + ".training"))

    pixel_values = ((split.images[:1, None] - 0.5) / 0.25).astype(np.float32)
    (shipped,) = open_session(a_run / "encoder.onnx", 1).run(["logits"], {"pixel_values": pixel_values})
    assert np.abs(shipped - logits_of(encoder, split.images[:1], a_recipe.pixels)).max() < _INT8_TOLERANCE


def test_class_maps_add_up_to_the_logits(a_recipe: Recipe, a_run: Path):
    """Logit minus bias is the sum of the class map: exactly in PyTorch, and in the shipped graph as well."""
    torch.manual_seed(1)
    encoder = Encoder(a_recipe).eval()
    torch.nn.init.normal_(encoder.bias)
    pixel_values = torch.randn(3, 1, 64, 64)
    with torch.no_grad():
        logits, maps, *_ = encoder(pixel_values)
    assert (logits - encoder.bias - maps.sum((2, 3))).abs().max() < _TOLERANCE

    session = open_session(a_run / "encoder.onnx", 1)
    logits, maps, *_ = session.run(ENCODER_OUTPUTS, {"pixel_values": pixel_values.numpy()})
    biases = logits - maps.sum((2, 3))
    assert np.abs(biases - biases[:1]).max() < _TOLERANCE


def test_a_cache_changes_no_word(a_recipe: Recipe):
    """Token by token with the cache scores as the whole text at once does."""
    torch.manual_seed(1)
    decoder = Drafter(a_recipe).decoder.eval()
    memory = torch.randn(2, 2, 3, 2, 6, 8)  # layers, key and value, batch, heads, memory tokens, head width
    ids = torch.randint(4, 10, (3, 9))
    with torch.no_grad():
        whole, _, weights = decoder(ids, memory, no_past(a_recipe, 3))
        past, parts = no_past(a_recipe, 3), []
        for step in range(9):
            logits, past, _ = decoder(ids[:, step : step + 1], memory, past)
            parts.append(logits)

    assert (whole - torch.cat(parts, 1)).abs().max() < _TOLERANCE
    assert (weights.sum(-1) - 1).abs().max() < _TOLERANCE


def test_an_export_that_differs_is_refused(a_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A graph further from its model than the written tolerance is no bundle."""
    torch.manual_seed(1)
    drafter = Drafter(a_recipe)
    even = (Calibration(slope=1.0, offset=0.0, threshold=0.5),) * 2
    monkeypatch.setattr(export, "FLOAT_TOLERANCE", 0.0)

    with pytest.raises(BundleError, match="differs from PyTorch"):
        export.export(
            export.Reader(Encoder(a_recipe), drafter, even),
            drafter,
            a_recipe,
            np.random.default_rng(1).normal(size=(3, 1, 64, 64)).astype(np.float32),
            tmp_path,
        )


def test_calibration_makes_probabilities_of_logits():
    """Logits that are twice too sure come back as they should be; the threshold parts the classes."""
    generator = np.random.default_rng(1)
    truth = generator.normal(size=600)
    labels = (generator.random(600) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    labels[:50] = np.nan
    found = calibrated((2 * truth).astype(np.float32), labels, np.full(600, "one"), "pneumonia")

    assert found.slope == pytest.approx(0.5, abs=0.12)
    assert found.offset == pytest.approx(0.0, abs=0.25)
    assert found.threshold == pytest.approx(0.5, abs=0.12)
    at_threshold = (np.log(found.threshold / (1 - found.threshold)) - found.offset) / found.slope
    assert found.margins(np.array([at_threshold], np.float32))[0] == pytest.approx(0, abs=1e-5)


def test_intervals_draw_whole_patients():
    """Ten images of one patient count as one: the interval is as wide as that of one image each."""
    patients = np.repeat([f"p{number}" for number in range(40)], 10)
    hits = np.repeat(np.arange(40) % 2 == 0, 10)
    few = PatientBootstrap(patients, 300, 1).figure(lambda chosen: float(hits[chosen].mean()), np.ones(400, bool))
    many = PatientBootstrap(np.arange(400).astype(str), 300, 1).figure(
        lambda chosen: float(hits[chosen].mean()), np.ones(400, bool)
    )

    assert 0.5 == few["value"] == many["value"]
    assert np.diff(few["interval"]) > 2 * np.diff(many["interval"])


def test_calibration_error_of_a_known_case():
    """Saying 0.9 where half is true is wrong by 0.4."""
    assert 0.4 == calibration_error(np.array([0, 1], np.float32), np.array([0.9, 0.9], np.float32))
