"""Lesions drawn onto images, and the pool that training draws from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator

from dicomnode.errors import SettingsError
from dicomnode.train.data import read_split
from dicomnode.train.pasting import intracranial, paste_chest_lesion, paste_head_lesion
from dicomnode.train.phantom_data import write_phantoms
from dicomnode.train.pool import Origin, build_pool
from dicomnode.train.recipe import Recipe, read_recipe

_ROOT = Path(__file__).parents[2]


def _head() -> np.ndarray:
    """A ring of bone around brain with sulci and a fluid space in the middle, as a brain window shows it."""
    rows, columns = np.ogrid[:128, :128]
    radius = np.hypot(rows - 64, columns - 64)
    sulci = (np.sin(12 * np.arctan2(rows - 64, columns - 64)) > 0.8) & (radius > 34)
    fluid = (radius < 8) | (sulci & (radius < 45))
    head = np.select([fluid, radius < 45, radius < 52], [5.0, 32.0, 100.0], -20.0)
    rng = np.random.default_rng(0)
    return (head + (radius < 45) * rng.normal(0, 2, head.shape)).astype(np.float32)


def _film() -> np.ndarray:
    """Two dark fields in a grey body."""
    rows, columns = np.ogrid[:128, :128]
    image = np.full((128, 128), 0.65, np.float32)
    for column in (38, 90):
        image[((rows - 58) / 38) ** 2 + ((columns - column) / 18) ** 2 < 1] = 0.2
    return image


@pytest.mark.parametrize("kind", ["iph", "ivh", "sah", "edh", "sdh"])
def test_drawn_blood_lies_in_the_skull_and_is_bright(kind: str):
    """Blood of every kind is brighter than what it covers, lies inside the skull, and leaves the rest as it was."""
    rng, head = np.random.default_rng(3), _head()
    drawn = [found for _ in range(20) if (found := paste_head_lesion(rng, head, kind)) is not None]

    assert drawn
    for pasted, mask in drawn:
        assert not (mask & ~intracranial(head)).any()
        assert (pasted - head)[mask].mean() > 8
        away = np.abs(pasted - head) < 15
        assert away[~mask].mean() > 0.97


def test_no_blood_is_drawn_where_there_is_no_brain():
    """A slice without a closed skull gets no lesion."""
    assert paste_head_lesion(np.random.default_rng(1), np.full((128, 128), 40, np.float32), "iph") is None


@pytest.mark.parametrize("kind", ["consolidation", "infiltrate", "edema", "effusion", "atelectasis"])
def test_a_drawn_lesion_brightens_what_its_mask_marks(kind: str):
    """A lesion on a film only brightens it, its mask marks where it can be seen, and it varies."""
    rng, film = np.random.default_rng(3), _film()
    drawn = [found for _ in range(20) if (found := paste_chest_lesion(rng, film, kind)) is not None]

    assert len(drawn) > 3
    for pasted, mask in drawn:
        assert (pasted >= film - 1e-6).all()
        assert 0.002 <= mask.mean() < 0.4
        assert (np.abs(pasted - film)[~mask] <= 0.04 + 1e-6).all()
    assert not np.array_equal(drawn[0][1], drawn[1][1])


def test_the_pool_draws_as_the_stage_says(a_recipe: Recipe, a_data_dir: Path):
    """Shares of a batch come from real and pasted images, and another pool of pasted ones changes no real draw."""
    split = read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels)
    pool = build_pool(a_recipe, split, None)
    stage = a_recipe.fit.stages[0].model_copy(update={"batch": 16, "pasted": 0.25})
    chosen = pool.draw(stage, Generator().manual_seed(1))

    assert 8 == (pool.origin == Origin.PASTED).sum()
    assert [12, 4] == [int((pool.origin[chosen] == origin).sum()) for origin in (Origin.REAL, Origin.PASTED)]
    few = a_recipe.model_copy(update={"phantoms": a_recipe.phantoms.model_copy(update={"pasted": 0})})
    alone = build_pool(few, split, None)
    real_only = stage.model_copy(update={"pasted": 0.0})
    assert torch.equal(
        alone.draw(real_only, Generator().manual_seed(2)), pool.draw(real_only, Generator().manual_seed(2))
    )


def test_a_pasted_lesion_has_its_label_and_its_place(a_recipe: Recipe, a_data_dir: Path):
    """An effusion is labelled and marked; of what its kind says nothing, nothing is known."""
    pool = build_pool(a_recipe, read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels), None)
    pasted = pool.origin == Origin.PASTED
    effusion = pasted & (pool.labels[:, 1] == 1)
    consolidation = pasted & (pool.labels[:, 0] == 1)

    assert 4 == effusion.sum() == consolidation.sum()
    assert (pool.masks[effusion, 1].flatten(1).amax(1) > 0).all()
    assert (pool.labels[effusion, 0] == 0).all()
    assert torch.isnan(pool.labels[consolidation, 1]).all()
    assert not pool.has_mask[consolidation, 0].any()


def test_another_side_keeps_what_is_known(a_recipe: Recipe, a_data_dir: Path):
    """At half the side, images and masks are half as large and mark the same place."""
    pool = build_pool(a_recipe, read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels), None)

    half = pool.resized(32)

    assert (32, 4) == (half.images.shape[-1], half.masks.shape[-1])
    wide = torch.nn.functional.avg_pool2d(pool.masks.float(), 2)
    assert (wide - half.masks.float()).abs().mean() < 4


def test_synthetic_volumes_are_data_like_any_other(tmp_path: Path):
    """The folder of synthetic volumes is read as a split of slices, and is not written over."""
    recipe = read_recipe(_ROOT / "conf" / "train" / "ctpa.toml")
    write_phantoms(recipe, tmp_path / "data", {"train": 1, "val": 1, "test": 1})

    split = read_split(tmp_path / "data", "val", recipe.keys, recipe.pixels, recipe.data)

    assert (24, 2, 192, 192) == split.images.shape
    assert [24] == [len(slices) for slices in split.volumes.values()]
    with pytest.raises(SettingsError, match="already contains a labels.csv"):
        write_phantoms(recipe, tmp_path / "data", {"train": 1, "val": 1, "test": 1})


def test_a_recipe_with_real_data_has_no_synthetic_folder(tmp_path: Path):
    """A recipe that learns from films is not fed synthetic volumes by mistake."""
    with pytest.raises(SettingsError, match="learns from real images"):
        write_phantoms(read_recipe(_ROOT / "conf" / "train" / "cxr.toml"), tmp_path, {})
