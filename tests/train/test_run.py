"""A whole run, from films to a measured bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode.errors import BundleError, SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.sessions import open_session
from dicomnode.train.compress import export, graphs
from dicomnode.train.data import read_split
from dicomnode.train.decoder import Decoder, Prompter, anatomical_bias, no_past
from dicomnode.train.drafting import Drafter
from dicomnode.train.encoding import logits_of
from dicomnode.train.evaluation.evaluate import evaluate_bundle
from dicomnode.train.model import encoder_of, only_findings
from dicomnode.train.recipe import Recipe
from dicomnode.train.run import renew_card
from dicomnode.train.stages import STAGES, load_stage

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
        low, high = groups[name]["auroc"]["interval"]
        assert low <= groups[name]["auroc"]["value"] <= high
        assert f"| pneumonia | {name} | 6 / 12 |" in (a_run / "card.md").read_text()


def test_discs_are_learned(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """What is plain to see is learned: the figures are of a model that looks."""
    figures = evaluate_bundle(a_run, a_data_dir, recipe=a_recipe, bootstrap=20)

    assert figures["classifier"]["pneumonia"]["groups"]["near"]["auroc"]["value"] > 0.9
    assert figures["text"]["pneumonia"]["f1_text"]["value"] > 0.8
    assert figures["report"]["entity_f1"]["value"] > 0.6
    assert 20 == figures["controls"]["spoilt_images"]["another body part"]["studies"]
    assert {"pneumonia", "effusion"} == set(figures["drawn_lesions"]["findings"])


def test_a_card_takes_what_was_measured_since(a_run: Path, a_recipe: Recipe, tmp_path: Path):
    """The recipe's words and a new table are in both cards, the figures stay, and the bundle is still whole."""
    shutil.copytree(a_run, tmp_path / "tiny")
    (tmp_path / "tiny.training").mkdir()
    (tmp_path / "tiny.training" / "ablations.json").write_text('{"no prompts": {"next_word_loss": 0.75}}')
    words = a_recipe.card.model_copy(update={"limits": ("another limit",)})
    renew_card(a_recipe.model_copy(update={"card": words}), tmp_path / "tiny")

    before, after = (json.loads((folder / "card.json").read_text()) for folder in (a_run, tmp_path / "tiny"))
    assert ["another limit"] == after["limits"]
    assert before["classifier"] == after["classifier"]
    assert "| no prompts | 0.75 |" in (tmp_path / "tiny" / "card.md").read_text()
    assert [] == check_bundle(tmp_path / "tiny")


def test_a_card_of_another_recipe_is_refused(a_run: Path, a_recipe: Recipe):
    """Its figures would not be the recipe's."""
    other = a_recipe.model_copy(update={"fit": a_recipe.fit.model_copy(update={"seed": 4})})

    with pytest.raises(SettingsError, match="was not made by this recipe"):
        renew_card(other, a_run)


def test_a_finished_run_is_not_trained_again(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """Beside the checkpoints of a finished run the encoder is read, not trained: its logits are the bundle's."""
    split = read_split(a_data_dir, "test", a_recipe.keys, a_recipe.pixels)

    encoder = load_stage(a_recipe, "pruned", a_run.with_name(a_run.name + ".training"))

    assert encoder is not None
    pixel_values = ((split.images[:8] - 0.5) / 0.25).astype(np.float32)
    (shipped,) = open_session(a_run / "encoder.onnx", 1).run(["logits"], {"pixel_values": pixel_values})
    assert np.abs(shipped - logits_of(encoder, split.images[:8], a_recipe.pixels)).mean() < export.INT8_TOLERANCE


def test_each_stage_is_kept_and_the_pruned_one_is_smaller(a_run: Path, a_recipe: Recipe):
    """Teacher, student and pruned student lie beside the bundle, with the loss curve of every stage."""
    folder = a_run.with_name(a_run.name + ".training")
    kept = [load_stage(a_recipe, name, folder) for name in STAGES]
    sizes = [sum(p.numel() for p in encoder.parameters()) for encoder in kept if encoder is not None]

    assert 3 == len(sizes)
    assert sizes[0] > sizes[1] > sizes[2]
    stages = {line.split(",")[0] for line in (folder / "losses.csv").read_text().splitlines()}
    assert {"language", "decoder"} <= stages


def test_class_maps_add_up_to_the_logits(a_recipe: Recipe, a_run: Path):
    """Logit minus bias is the sum of the class map: exactly in PyTorch, and in the shipped graph as well."""
    torch.manual_seed(1)
    encoder = encoder_of(a_recipe).eval()
    torch.nn.init.normal_(encoder.bias)
    pixel_values = torch.randn(3, 1, 64, 64)
    with torch.no_grad():
        said = encoder(pixel_values)
    assert (said.logits - encoder.bias - said.class_maps.sum((2, 3))).abs().max() < _TOLERANCE

    session = open_session(a_run / "encoder.onnx", 1)
    logits, maps = session.run(["logits", "class_maps"], {"pixel_values": pixel_values.numpy()})
    biases = logits - maps.sum((2, 3))
    assert np.abs(biases - biases[:1]).max() < _TOLERANCE


def test_findings_that_only_help_to_learn_are_cut_off(a_recipe: Recipe):
    """An encoder of some findings says of these what it said before, and the recipe keeps what is theirs."""
    torch.manual_seed(1)
    encoder = encoder_of(a_recipe).eval()
    only = a_recipe.model_copy(update={"bundle": a_recipe.bundle.model_copy(update={"reports": ("pneumonia",)})})
    pixel_values = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        whole, part = encoder(pixel_values), only_findings(encoder, [0])(pixel_values)

    assert (whole.logits[:, :1] - part.logits).abs().max() < _TOLERANCE
    assert (whole.class_maps[:, :1] - part.class_maps).abs().max() < _TOLERANCE
    assert torch.equal(whole.features, part.features)
    assert ("pneumonia",) == only.reported.keys
    assert {"consolidation": {"pneumonia": 1}, "effusion": {"pneumonia": 0}} == only.reported.phantoms.lesions
    assert {} == only.reported.phantoms.mask_of


def test_a_cache_changes_no_word(a_recipe: Recipe):
    """Prompts and text at once score as prompts first and then token by token with the cache."""
    torch.manual_seed(1)
    decoder = Decoder(a_recipe, 12).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    memory = torch.randn(2, 2, 3, 2, 6, 16)  # layers, key and value, batch, heads, memory positions, head width
    told = (torch.randn(3, 3, 32), memory, torch.rand(3, 2, 6))
    ids = torch.randint(4, 10, (3, 9))
    with torch.no_grad():
        whole, _, weights = decoder(ids, *told, no_past(a_recipe, 3))
        past, parts, prompts = no_past(a_recipe, 3), [], told[0]
        for step in range(9):
            logits, past, _ = decoder(ids[:, step : step + 1], prompts, *told[1:], past)
            prompts = prompts[:, :0]
            parts.append(logits)

    assert (whole - torch.cat(parts, 1)).abs().max() < 10 * _TOLERANCE
    assert (weights.sum(-1) - 1).abs().max() < _TOLERANCE


def test_the_anatomical_bias_draws_attention(a_recipe: Recipe):
    """The bias moves attention to the cells of the anatomy at every step; at zero it moves nothing."""
    torch.manual_seed(1)
    decoder = Decoder(a_recipe, 12).eval()
    memory = torch.randn(2, 2, 1, 2, 6, 16)
    bias = torch.zeros(1, 2, 6)
    bias[..., :2] = 2.0
    with torch.no_grad():
        ids, prompts = torch.randint(4, 10, (1, 5)), torch.randn(1, 3, 32)
        even, drawn = (decoder(ids, prompts, memory, b, no_past(a_recipe, 1))[2] for b in (0 * bias, bias))

    assert (drawn[..., :2].sum(-1) > even[..., :2].sum(-1) + 0.1).all()


def test_the_wider_kernel_comes_first():
    """The anatomy's bias shrinks towards the anatomy from layer to layer, and lies in [0, 1]."""
    segmentation = torch.zeros(1, 2, 28, 28)
    segmentation[:, 1, 10:18, 10:18] = 1

    bias = anatomical_bias(segmentation, 196, 3)

    assert (1, 3, 196) == tuple(bias.shape)
    assert 0 <= bias.min() <= bias.max() <= 1
    spread = (bias > 0.05).sum(-1)[0]
    assert spread[0] > spread[1] > spread[2] >= 16


@pytest.mark.parametrize("prompting", ["static", "prompt_wise", "promptbook_wise"])
def test_prompts_depend_on_the_image_unless_static(a_recipe: Recipe, prompting: str):
    """At the start every paradigm gives the promptbook; once trained, all but static prompts follow the image."""
    recipe = a_recipe.model_copy(update={"decoder": a_recipe.decoder.model_copy(update={"prompting": prompting})})
    torch.manual_seed(1)
    prompter = Prompter(recipe)
    seen = (torch.randn(2, 2), torch.randn(2, 32), torch.rand(2, 3, 8, 8), torch.randn(2, 16, 16))
    rest = (torch.randn(2, 2, 16), torch.randn(2, 2, 8, 8))
    with torch.no_grad():
        assert (prompter(*seen, *rest).prompt_embeds - prompter.prompts).abs().max() < _TOLERANCE
        for parameter in prompter.parameters():
            torch.nn.init.normal_(parameter)
        one, other = prompter(*seen, *rest).prompt_embeds

    assert (prompting == "static") == torch.equal(one, other)


def test_language_stands_still_while_the_image_is_joined(a_recipe: Recipe):
    """Only prompts and cross-attention are trained beside a frozen language decoder."""
    decoder = Decoder(a_recipe, 12)
    drafter = Drafter(a_recipe, decoder)

    assert not any(parameter.requires_grad for parameter in decoder.language())
    assert all(parameter.requires_grad for parameter in decoder.bridge())
    assert all(parameter.requires_grad for parameter in drafter.prompter.parameters())


def test_an_export_that_differs_is_refused(a_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A graph further from its model than the written tolerance is no bundle."""
    torch.manual_seed(1)
    monkeypatch.setattr(graphs, "TOLERANCE", 0.0)
    pixel_values = np.random.default_rng(1).normal(size=(3, 1, 64, 64)).astype(np.float32)

    with pytest.raises(BundleError, match="differs from PyTorch"):
        export.export_encoder(encoder_of(a_recipe), a_recipe, pixel_values, pixel_values, tmp_path)
