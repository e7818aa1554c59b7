"""Somebody else's language model behind an encoder of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_checkpoints import write_byte_tokenizer, write_checkpoint

from dicomnode.errors import BundleError, SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.train.join import join_bundle
from dicomnode.train.recipe import Recipe


@pytest.fixture
def a_language(tmp_path: Path) -> Path:
    """A tiny Llama with a byte-level tokenizer."""
    folder = tmp_path / "words"
    write_checkpoint(folder, "LlamaForCausalLM", num_hidden_layers=1, bos_token_id=257, eos_token_id=258)
    write_byte_tokenizer(folder)
    return folder


def test_a_joined_bundle_is_measured_and_whole(
    a_run: Path, a_recipe: Recipe, a_data_dir: Path, a_language: Path, tmp_path: Path
):
    """The node can run it, its encoder is the trained bundle's, and its card says whose words they are."""
    join_bundle(a_recipe, a_data_dir, a_run, a_language, tmp_path / "joined")

    assert [] == check_bundle(tmp_path / "joined")
    assert (a_run / "encoder.onnx").read_bytes() == (tmp_path / "joined" / "encoder.onnx").read_bytes()
    assert load_bundle(a_run).findings == load_bundle(tmp_path / "joined").findings
    card, trained = (json.loads((folder / "card.json").read_text()) for folder in (tmp_path / "joined", a_run))
    assert "words" == card["export"]["language_model"]
    assert card["classifier"] == trained["classifier"]


def test_a_checkpoint_of_another_class_is_refused(a_run: Path, a_recipe: Recipe, a_data_dir: Path, tmp_path: Path):
    """The error names the class that it is, and what can be read."""
    write_checkpoint(tmp_path / "vision", "ViTForImageClassification")

    with pytest.raises(BundleError):
        join_bundle(a_recipe, a_data_dir, a_run, tmp_path / "vision", tmp_path / "joined")


def test_an_encoder_must_be_trained_first(a_recipe: Recipe, a_data_dir: Path, a_language: Path, tmp_path: Path):
    """The error says which command does."""
    with pytest.raises(SettingsError, match="run `dicomnode model train`"):
        join_bundle(a_recipe, a_data_dir, tmp_path / "none", a_language, tmp_path / "joined")
