"""Whether lesions that are drawn are seen, and seen where they are: synthetic pairs of image and mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from dicomnode.infer.model import Model
from dicomnode.records import FloatArray
from dicomnode.train.answers import Answers, prepared
from dicomnode.train.data import Split
from dicomnode.train.map_figures import map_figures
from dicomnode.train.metrics import PatientBootstrap, auroc
from dicomnode.train.phantoms import Drawn, drawn_on, sketched
from dicomnode.train.recipe import Recipe

# N images, K findings, S side

DRAWN = 64
"""Images that are drawn or drawn on."""


def lesion_figures(
    model: Model, split: Split, answers: Answers, recipe: Recipe, bootstrap: tuple[int, int]
) -> dict[str, Any]:
    """Draw lesions as the recipe says, on the split's own normal images where it can, and read them.

    Returns
    -------
    dict[str, Any]
        By finding, for those with drawn lesions: `auroc_against_untouched`, of the images with a lesion against the
        untouched normal images, and `heat_map` (see `map_figures`). Each drawn image counts as a patient.
    """
    rng = np.random.default_rng(bootstrap[1])
    drawn = sketched(recipe, DRAWN, rng) if recipe.phantoms.kind == "ctpa" else drawn_on(recipe, split, DRAWN, rng)
    if drawn is None:
        return {}
    encodings = model.encode_many([prepared(model, image) for image in drawn.images])
    probabilities = np.stack([one.probabilities for one in encodings])
    numbers = np.arange(len(encodings)).astype(str)
    marked = {
        (index, k): drawn.masks[index, k] for index, k in np.argwhere((drawn.labels == 1) & drawn.has_mask).tolist()
    }
    maps = map_figures(marked, np.stack([one.class_maps for one in encodings]), recipe.keys, numbers, bootstrap)
    untouched = _untouched(recipe, split, answers, drawn, probabilities)
    figures: dict[str, Any] = {}
    for k, key in enumerate(recipe.keys):
        present = probabilities[drawn.labels[:, k] == 1, k]
        if len(present):
            scores = np.concatenate([present, untouched[:, k]])
            truth = np.r_[np.ones(len(present)), np.zeros(len(untouched))].astype(np.float32)
            each = PatientBootstrap(np.arange(len(truth)).astype(str), *bootstrap)
            separated = each.figure(auroc(truth, scores), np.ones(len(truth), bool))
            figures[key] = {"auroc_against_untouched": separated, "heat_map": maps.get(key, {})}
    return figures


def _untouched(recipe: Recipe, split: Split, answers: Answers, drawn: Drawn, probabilities: FloatArray) -> FloatArray:
    """Probabilities (n, K) of images without any known finding: the split's, or of a wholly drawn set its own."""
    if recipe.phantoms.kind == "ctpa":
        return np.asarray(probabilities[np.nan_to_num(drawn.labels).max(1) == 0])
    return np.asarray(answers.probabilities[np.nan_to_num(split.labels).max(1) == 0])
