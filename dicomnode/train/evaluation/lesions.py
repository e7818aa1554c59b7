"""Whether lesions that are drawn are seen, seen where they are, and told where they are: images with known masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicomnode.infer.model import Model
from dicomnode.measure.metrics import Figure, PatientBootstrap, auroc
from dicomnode.records import FloatArray
from dicomnode.report.cues import cues_of
from dicomnode.train.data import Split
from dicomnode.train.drafting import placed_fact
from dicomnode.train.evaluation.answers import Answers, answered
from dicomnode.train.evaluation.maps import map_figures
from dicomnode.train.evaluation.texts import entity_figures
from dicomnode.train.language import Fact, Wording, report
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
        `findings`: by finding with drawn lesions `auroc_against_untouched`, of the images with a lesion against the
        untouched normal images, and `heat_map` (see `map_figures`); `text`: how the drafts agree with what was drawn,
        side and zone included (see `text_metrics.entity_figures`). Each drawn image counts as a patient.
    """
    rng = np.random.default_rng(bootstrap[1])
    drawn = sketched(recipe, DRAWN, rng) if recipe.phantoms.kind == "ctpa" else drawn_on(recipe, split, DRAWN, rng)
    if drawn is None:
        return {}
    each = tuple(np.array([index]) for index in range(len(drawn.images)))
    read = answered(model, drawn.images, each)
    numbers = np.arange(len(each)).astype(str)
    marked = {
        (index, k): drawn.masks[index, k] for index, k in np.argwhere((drawn.labels == 1) & drawn.has_mask).tolist()
    }
    maps = map_figures(marked, read.class_maps, recipe.keys, numbers, bootstrap)
    untouched = _untouched(recipe, split, answers, drawn, read.probabilities)
    findings: dict[str, Any] = {}
    for k, key in enumerate(recipe.keys):
        present = read.probabilities[drawn.labels[:, k] == 1, k]
        if len(present):
            separated = _separated(present, untouched[:, k], bootstrap)
            findings[key] = {"auroc_against_untouched": separated, "heat_map": maps.get(key, {})}
    texts = [report(_facts(recipe, drawn, index), recipe, None) for index in range(len(each))]
    cues = cues_of(model.bundle.languages[0])
    intervals = PatientBootstrap(numbers, *bootstrap)
    text = entity_figures(read.drafts, texts, drawn.labels, model.bundle.findings, cues, recipe, intervals)
    return {"findings": findings, "text": text}


def _untouched(recipe: Recipe, split: Split, answers: Answers, drawn: Drawn, probabilities: FloatArray) -> FloatArray:
    """Probabilities (n, K) of images without any known finding: the split's, or of a wholly drawn set its own."""
    if recipe.phantoms.kind == "ctpa":
        return np.asarray(probabilities[np.nan_to_num(drawn.labels).max(1) == 0])
    return np.asarray(answers.probabilities[np.nan_to_num(split.labels).max(1) == 0])


def _separated(present: NDArray[np.float32], absent: NDArray[np.float32], bootstrap: tuple[int, int]) -> Figure:
    truth = np.r_[np.ones(len(present)), np.zeros(len(absent))].astype(np.float32)
    intervals = PatientBootstrap(np.arange(len(truth)).astype(str), *bootstrap)
    return intervals.figure(auroc(truth, np.concatenate([present, absent])), np.ones(len(truth), bool))


def _facts(recipe: Recipe, drawn: Drawn, index: int) -> dict[str, Fact]:
    """What is known of a drawn image; how large a lesion is called depends on the model's own maps, so it is open."""
    facts = {}
    for k, key in enumerate(recipe.keys):
        label, mask = drawn.labels[index, k], drawn.masks[index, k]
        if label == 1 and mask.any():
            rows, columns = np.nonzero(mask)
            left = float((columns < mask.shape[1] / 2).mean())
            placed = placed_fact(recipe, Wording.PRESENT, left, (rows.mean() + 0.5) / mask.shape[0], 0.0)
            facts[key] = replace(placed, extent=None)
        elif not np.isnan(label):
            facts[key] = Fact(wording=Wording.PRESENT if label == 1 else Wording.ABSENT)
    return facts
