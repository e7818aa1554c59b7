"""A vision backbone and a language model, both frozen, with our prompter between them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from helpers import ROOT
from tiny_checkpoints import SIDE, write_byte_tokenizer, write_checkpoint
from torch.export import Dim

from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.infer.sessions import ENCODER_OUTPUTS
from dicomnode.measure.calibration import Calibration
from dicomnode.train.compress.export import Reader, StudyPrompter
from dicomnode.train.compress.graphs import write_graph
from dicomnode.train.drafting import Views
from dicomnode.train.imports.about import About
from dicomnode.train.imports.joined import LanguageWords, fit_joined, spoken_loss, write_joined
from dicomnode.train.imports.language import LanguagePrompter, language_from
from dicomnode.train.imports.pack import write_manifest
from dicomnode.train.imports.vision import recipe_for, vision_from
from dicomnode.train.recipe import Recipe, read_recipe

FILM = next((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm"))


@pytest.fixture(scope="module")
def a_recipe() -> Recipe:
    """The shipped recipe on pixels of two patches by two, with a few quick steps."""
    recipe = read_recipe(ROOT / "conf" / "train" / "cxr.toml")
    pixels = PixelRecipe(rows=SIDE, columns=SIDE, channels=1, fit="pad", mean=0.5, std=0.25)
    fit = recipe.fit.model_copy(update={"decoder_steps": 12, "decoder_batch": 4, "decoder_learning_rate": 1e-2})
    decoder = recipe.decoder.model_copy(update={"prompts": 2, "max_new_tokens": 20})
    return recipe.model_copy(update={"pixels": pixels, "fit": fit, "decoder": decoder})


def views_of(encoder: torch.nn.Module, images: torch.Tensor) -> Views:
    """What an encoder says of images, all findings known."""
    with torch.no_grad():
        said = encoder(images)
    return Views(
        features=said.features,
        segmentation=torch.sigmoid(said.segmentation),
        tokens=said.tokens,
        attended=said.attended,
        class_maps=said.class_maps,
        where=torch.rand(*said.logits.shape, 3),
        logits=said.logits,
        is_known=torch.ones_like(said.logits, dtype=torch.bool),
    )


def write_rest(folder, recipe: Recipe, tables: dict[str, dict[str, object]]) -> None:
    """Calibration, card and manifest of a bundle that nobody measured."""
    platt = {key: [1.0, 0.0] for key in recipe.keys}
    (folder / "calibration.json").write_text(json.dumps({"platt": platt, "study_platt": platt}))
    for name in ("card.md", "card.json"):
        (folder / name).write_text("{}")
    findings = [
        {**finding.model_dump(include={"key", "code", "site", "acuity", "terms"}), "threshold": 0.5}
        for finding in recipe.findings
    ]
    about = About.model_validate(
        {
            **recipe.bundle.model_dump(include={"name", "version", "title", "manufacturer", "description"}),
            "licences": ["none"],
            "limits": ["all"],
            "max_new_tokens": recipe.decoder.max_new_tokens,
            "accepts": recipe.accepts.model_dump(),
            "pixels": recipe.pixels.model_dump(),
            "findings": findings,
        }
    )
    write_manifest(about, {**tables, "anatomy": {"structures": list(recipe.phantoms.structures)}}, folder)


def test_two_foreign_models_and_our_prompter_make_a_bundle(tmp_path, a_recipe):
    """The prompter learns, the node checks the bundle and reads a film with it, and the text comes with its places."""
    write_checkpoint(tmp_path / "vision", "Dinov2WithRegistersModel", num_hidden_layers=1)
    write_checkpoint(tmp_path / "words", "LlamaForCausalLM", num_hidden_layers=1, bos_token_id=257, eos_token_id=258)
    write_byte_tokenizer(tmp_path / "words")
    encoder = vision_from(tmp_path / "vision", a_recipe).eval()
    recipe = recipe_for(a_recipe, encoder)
    language, words = language_from(tmp_path / "words"), LanguageWords(tmp_path / "words")
    torch.manual_seed(0)
    images = torch.randn(24, 1, SIDE, SIDE)
    views = views_of(encoder, images)
    calibrations = tuple(Calibration(slope=1.0, offset=0.0, threshold=0.5) for _ in recipe.keys)
    fresh = LanguagePrompter(recipe, language)
    parts = (views.logits, views.features, views.segmentation, views.tokens, views.attended, views.class_maps)
    texts = [words.token_ids("no pneumonia.")] * len(images)

    prompter = fit_joined(recipe, language, words, views, calibrations, tmp_path)

    with torch.no_grad():
        before, after = (float(spoken_loss(language, one(*parts), texts)) for one in (fresh, prompter))
    assert after < before
    folder = tmp_path / "bundle"
    folder.mkdir()
    shapes = {"pixel_values": {0: Dim("batch", min=1, max=1024)}}
    reader = Reader(encoder)
    write_graph(reader, (images[:2],), (("pixel_values",), ENCODER_OUTPUTS), shapes, folder / "encoder.onnx")
    usual = views.features.numpy()
    study = StudyPrompter(prompter, encoder.domain, calibrations, (usual, usual))
    study.border = 1e6  # a film is strange to a model of noise, and its third head never learned what upright is
    with torch.no_grad():
        encoder.domain.bias[0] = 50
    study.eval()
    with torch.no_grad():
        encoded = reader(images[:3])
    write_rest(folder, recipe, write_joined(study, language, words, encoded, recipe, folder))
    assert [] == check_bundle(folder)
    bundle = load_bundle(folder)
    reading = Model(bundle).read(prepare([FILM], bundle))
    assert np.isfinite(reading.draft.mean_log_probability)
    assert (len(recipe.keys),) == reading.probabilities.shape


def test_texts_begin_and_end_as_the_language_model_has_it(tmp_path):
    """A model without a begin token, as Qwen is, begins with the one that ends a text."""
    write_checkpoint(tmp_path, "Qwen2ForCausalLM", bos_token_id=None, eos_token_id=258)
    write_byte_tokenizer(tmp_path)
    words = LanguageWords(tmp_path)

    ids = words.token_ids("ab")

    assert (258, 258) == (ids[0], ids[-1])
    assert 4 == len(ids)
