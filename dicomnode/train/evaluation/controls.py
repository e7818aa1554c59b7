"""Controls: what is said of images without a patient, of spoilt ones, and of somebody else's.

If the words came from habit and not from the image, they would not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator

from dicomnode.infer.model import Model
from dicomnode.records import FloatArray
from dicomnode.train.evaluation.answers import Answers, Studies, answered
from dicomnode.train.evaluation.cases import Cases, groups, somebody_else
from dicomnode.train.evaluation.metrics import PatientBootstrap, auroc, f1, macro, mean, rounded

# N images, C channels, S side, K findings

Spoiling = Callable[[FloatArray, Generator], FloatArray]
"""Takes one image (C, S, S) in [0, 1] and gives what is left of it."""
MOST_IMAGES = 96
"""So many images are spoilt in each way; more would only take time."""


def _black(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.zeros_like(image)


def _shuffled(image: FloatArray, rng: Generator) -> FloatArray:
    channels = image.shape[0]
    return rng.permutation(image.reshape(channels, -1), axis=1).reshape(image.shape)


def _inverted(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.asarray(1 - image, np.float32)


def _turned(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.rot90(image, 1, (1, 2)).copy()


def _upside_down(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.rot90(image, 2, (1, 2)).copy()


SPOILINGS: Mapping[str, Spoiling] = {
    "black": _black,
    "pixels shuffled": _shuffled,
    "inverted": _inverted,
    "turned by 90 degrees": _turned,
    "upside down": _upside_down,
}


def spoilt_figures(
    model: Model, images: FloatArray, answers: Answers, seed: int, foreign: FloatArray | None
) -> dict[str, Any]:
    """How many studies are judged, and how many of these called positive, as they are and spoilt in each way.

    Parameters
    ----------
    images
        (N, C, S, S) of the answers.
    foreign
        Images (F, C, S, S) of another body part, if any, each a study.

    Returns
    -------
    dict[str, Any]
        By kind: `studies`; as shares of them `not_judged`, `positive`, which serving judges and calls positive, and
        `likely`, which it would call positive if it judged all; `example`, a draft.
    """
    figures = {"as they are": _called(model, answers)}
    few = _few(answers.studies)
    places = {index: place for place, index in enumerate(np.concatenate(few).tolist())}
    own = tuple(np.array([places[index] for index in members]) for members in few)
    rng = np.random.default_rng(seed)
    for name, spoil in SPOILINGS.items():
        spoilt = np.stack([spoil(images[index], rng) for index in places])
        figures[name] = _called(model, answered(model, spoilt, own))
    if foreign is not None:
        each = tuple(np.array([index]) for index in range(len(foreign)))
        figures["another body part"] = _called(model, answered(model, foreign, each))
    return figures


def _few(studies: Studies) -> Studies:
    """Evenly spread studies of `MOST_IMAGES` images in all, at least one study."""
    per_study = max(1, round(float(np.mean([len(members) for members in studies]))))
    count = min(len(studies), max(1, MOST_IMAGES // per_study))
    return tuple(studies[place] for place in np.linspace(0, len(studies) - 1, count).round().astype(int))


def _called(model: Model, answers: Answers) -> dict[str, Any]:
    thresholds = np.array([finding.threshold for finding in model.bundle.findings])
    likely = (answers.study_probabilities >= thresholds).any(1)
    return {
        "studies": len(answers.studies),
        "not_judged": rounded((~answers.is_judged).mean()),
        "positive": rounded((answers.is_judged & likely).mean()),
        "likely": rounded(likely.mean()),
        "example": " ".join(answers.drafts[0]),
    }


def swapped_figures(
    cases: Cases, answers: Answers, keys: tuple[str, ...], intervals: PatientBootstrap, seed: int
) -> dict[str, Any]:
    """What the labels are told by another patient's images of the same source: nothing, if the words come from them.

    Returns
    -------
    dict[str, Any]
        `label_f1` of the right text and of the swapped one, how many texts differ, and the first finding's AUROC
        with swapped images in each group.
    """
    other = somebody_else(cases.films, seed)
    known = ~np.isnan(cases.labels)
    said = answers.claims == 1
    everything = np.ones(len(other), bool)
    differs = np.array([answers.drafts[i] != answers.drafts[j] for i, j in enumerate(other)])

    def label_f1(claimed: np.ndarray) -> Any:
        return macro([f1(cases.labels[:, k] == 1, claimed[:, k] & known[:, k]) for k in range(len(keys))])

    truth = cases.labels[:, 0]
    return {
        "label_f1_own_images": intervals.figure(label_f1(said), everything),
        "label_f1_swapped_images": intervals.figure(label_f1(said[other]), everything),
        "texts_that_differ": intervals.figure(mean(differs), everything),
        "different_texts": len(set(answers.drafts)),
        f"auroc_{keys[0]}_swapped_images": {
            name: intervals.figure(auroc(truth, cases.probabilities[other, 0]), among)
            for name, among in groups(cases, truth).items()
        },
    }
