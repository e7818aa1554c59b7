"""The shipped head CT bundle, with nothing but what serving has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicomnode.bundles
from dicomnode.dicom.greyscale import windowed
from dicomnode.errors import NotJudgedError
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.grid import fitted, normalized, region_of
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.phantoms.head_ct import HeadCT, head_ct
from dicomnode.phantoms.samples import HEAD_SEED
from dicomnode.records import PreparedImage

_FOLDER = Path(dicomnode.bundles.__file__).parent / "head_ct"
_SAMPLE = Path(__file__).parents[2] / "sample_dicom" / "head-ct-bleed"


@pytest.fixture(scope="module")
def a_model() -> Model:
    """The bundle, loaded."""
    return Model(load_bundle(_FOLDER))


@pytest.fixture(scope="module")
def a_card() -> dict[str, Any]:
    """Its figures."""
    return json.loads((_FOLDER / "card.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def a_bleed(a_model: Model) -> list[PreparedImage]:
    """The slices of the sample study."""
    return list(prepare(sorted(_SAMPLE.glob("*.dcm")), a_model.bundle))


def _slices(volume: HeadCT, model: Model, like: list[PreparedImage]) -> list[PreparedImage]:
    """A drawn volume, prepared as a study that hangs upright already."""
    recipe, images = model.bundle.pixels, []
    for units, image in zip(volume.hounsfield.astype(np.float32), like, strict=True):
        shown = [windowed(units, center, width) for center, width in recipe.windows]
        grids = [fitted(frame, recipe, 0, False, region_of(shown[0], recipe))[0] for frame in shown]
        images.append(replace(image, pixel_values=normalized(grids, recipe)))
    return images


def test_the_drawn_bleed_is_found(a_model: Model, a_bleed: list[PreparedImage]):
    """The sample study is positive, and the slice that speaks most for it is one with blood in it."""
    reading = a_model.read(a_bleed)
    (main,) = [k for k, finding in enumerate(a_model.bundle.findings) if finding.key == "any_ich"]

    assert reading.probabilities[main] >= a_model.bundle.findings[main].threshold
    blood = np.flatnonzero(head_ct(HEAD_SEED, has_bleed=True).bleed_mask.any((1, 2)))
    assert reading.best_images[main] in blood


def test_the_same_head_without_blood_speaks_less_for_it(a_model: Model, a_bleed: list[PreparedImage]):
    """Nothing but the blood differs: it is what raises the probability."""
    with_blood, without = (
        a_model.read(_slices(head_ct(HEAD_SEED, has_bleed=has_bleed), a_model, a_bleed)).probabilities[0]
        for has_bleed in (True, False)
    )

    assert without < with_blood


def test_a_black_study_is_not_judged(a_model: Model, a_bleed: list[PreparedImage]):
    """Where there is nothing to see, nothing is found: every slice is called strange."""
    recipe = a_model.bundle.pixels
    black = normalized([np.zeros((recipe.rows, recipe.columns), np.float32)] * recipe.channels, recipe)

    with pytest.raises(NotJudgedError):
        a_model.read([replace(image, pixel_values=black) for image in a_bleed])


def test_the_figures_by_slice_and_by_patient_stand_in_the_card(a_card: dict[str, Any]):
    """With their intervals, and with the licence's attribution."""
    card = (_FOLDER / "card.md").read_text(encoding="utf-8")

    for table in ("classifier", "classifier_by_slice"):
        for group in a_card[table]["any_ich"]["groups"].values():
            low, high = group["auroc"]["interval"]
            assert f"{group['auroc']['value']:.3f} [{low:.3f}, {high:.3f}]" in card
    assert "CC BY 4.0" in card
    assert "Hssayeni" in card
