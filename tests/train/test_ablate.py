"""The table of what each part of a model is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicomnode.errors import SettingsError
from dicomnode.train import ablate as ablations
from dicomnode.train.recipe import Recipe


def test_every_part_is_left_out_once(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """Variants of the language side and of the encoder stand in one table, which the next card takes."""
    table = ablations.ablate(a_recipe, a_data_dir, a_run, steps=4)

    assert {"no prompts", "prompt-wise", "promptbook-wise", "no anatomical bias"} < table.keys()
    assert {"encoder", "encoder, no distillation", "encoder, no synthetic images"} < table.keys()
    assert {"next_word_loss", "stance_right", "side_right", "extent_right"} == table["no prompts"].keys()
    assert {"auroc_far", "auroc_near", "auroc_of_drawn_lesions"} == table["encoder"].keys()
    assert table["encoder"] != table["encoder, no distillation"]
    kept = a_run.with_name(a_run.name + ".training") / "ablations.json"
    assert table == json.loads(kept.read_text())


def test_a_bundle_that_is_not_trained_yet_is_refused(a_recipe: Recipe, a_data_dir: Path, tmp_path: Path):
    """The error says what to run first."""
    with pytest.raises(SettingsError, match="run `dicomnode model train` with this recipe first"):
        ablations.ablate(a_recipe, a_data_dir, tmp_path / "none")
